import Foundation
import Glibc
import Server

/// Where passwords come from: never from an argument, which `ps` would show.
enum Password {
    /// The environment variable that holds a password.
    static let variable = "ITO_PASSWORD"
    /// Characters of a password that is made here: 20 of 57, over 116 bits.
    static let generatedLength = 20
    /// Letters and digits that are not easily mistaken for one another.
    private static let alphabet = Array("23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")

    /// A password that was given: from standard input, the environment, or typed at a terminal; nil when there is none.
    ///
    /// - Throws: `ServerError` when it is empty, or was typed differently the second time.
    static func read(fromStandardInput: Bool, prompt: String?) throws(ServerError) -> String? {
        if fromStandardInput {
            guard let line = readLine(), !line.isEmpty else {
                throw ServerError(.usage, "standard input holds no password", remedy: "write it as the first line")
            }
            return line
        }
        if let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty { return value }
        guard let prompt, isatty(STDIN_FILENO) == 1, Terminal.showsProgress else { return nil }
        guard let first = ask("\(prompt) (empty: make one): "), !first.isEmpty else { return nil }
        guard ask("The same again: ") == first else {
            throw ServerError(.usage, "the two passwords differ", remedy: "try again")
        }
        return first
    }

    /// Makes a password.
    static func generate() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<generatedLength).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] })
    }

    /// Asks on the terminal without showing what is typed.
    private static func ask(_ prompt: String) -> String? {
        Terminal.write(prompt, to: STDERR_FILENO)
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { return readLine() }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            Terminal.write("\n", to: STDERR_FILENO)
        }
        return readLine()
    }
}
