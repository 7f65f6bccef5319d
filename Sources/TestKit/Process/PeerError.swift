/// Why a real program could not be started, was not heard from, or ended too early.
public struct PeerError: Error, CustomStringConvertible {
    /// What kind of failure it was.
    public enum Code: Sendable, Hashable {
        /// The program is not installed; the reason names the package that has it.
        case programMissing
        /// The system refused to start the program, or to make what it needs (a pipe, a folder).
        case startFailed
        /// What was waited for did not come before the deadline.
        case timedOut
        /// The program ended while something was expected of it.
        case ended
        /// No free port was found.
        case noPort
        /// The program refused a command, or its output could not be understood.
        case refused
    }

    public var code: Code
    /// What failed and, where it is known, what to do.
    public var reason: String
    /// The last lines that the program wrote, oldest first.
    public var transcript: [String]

    public init(_ code: Code, _ reason: String, transcript: [String] = []) {
        self.code = code
        self.reason = reason
        self.transcript = transcript
    }

    public var description: String {
        transcript.isEmpty ? reason : reason + "; it wrote:\n" + transcript.joined(separator: "\n")
    }
}
