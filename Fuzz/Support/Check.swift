/// Ends the process when a condition does not hold, with what is wrong.
func check(_ condition: Bool, _ message: @autoclosure () -> String) {
    // A trap is how libFuzzer is told that a check has failed; this is part of no other program.
    if !condition { fatalError(message()) }
}
