// targets: SIP

#if canImport(SIP)
    import SIP
#endif

/// Answers the bytes as a STUN message, and reads them as an answer. libFuzzer calls it; what it finds is a trap or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSTUN(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    let read = STUNBinding.outcome(bytes)
    check(read == nil || STUNBinding.isSTUN(bytes), "what is no STUN is an answer")
    for isIPv6 in [false, true] {
        let source = STUNBinding.Source(
            isIPv6: isIPv6, upper: isIPv6 ? .max : 0, lower: isIPv6 ? .max : 0xFFFF_FFFF, port: .max)
        var writer = ByteWriter()
        let isAnswered = STUNBinding.answer(bytes, from: source, into: &writer)
        check(isAnswered == (writer.count > 0), "an answer is empty, or what is none was written")
        guard isAnswered else { continue }
        check(STUNBinding.isSTUN(bytes), "what is no STUN is answered")
        check(STUNBinding.isSTUN(writer.bytes), "an answer is no STUN")
        check(writer.count <= 20 + 8 + 4 + 32, "an answer is longer than any should be")
        check(writer.bytes[4..<20].elementsEqual(bytes[4..<20]), "an answer is of another transaction")
        var again = ByteWriter()
        check(!STUNBinding.answer(writer.bytes, from: source, into: &again), "an answer is answered")
        check(read == nil, "what is answered is an answer")
        let expected = writer.bytes[1] == 0x01 ? STUNBinding.Outcome.mapped(source) : .refused
        check(STUNBinding.outcome(writer.bytes)?.outcome == expected, "an answer is not read as it was written")
    }
    return 0
}

private func check(_ condition: Bool, _ message: @autoclosure () -> String) {
    // A trap is how libFuzzer is told that a check has failed; this is part of no other program.
    if !condition { fatalError(message()) }
}
