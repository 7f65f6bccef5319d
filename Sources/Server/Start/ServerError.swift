public import Reactor
public import Store

/// Why a server cannot start or carry a command out, and what a person can do about it.
///
/// Two errors are equal when their codes are: reasons are for reading, codes for deciding.
public struct ServerError: Error, Sendable {
    /// The kinds of failure, by what the command line's exit status tells of them.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the code, as shown in logs.
        public let description: String
        /// The exit status of a command that ends with it: 1 the request was refused, 2 wrong usage or configuration, 3 the
        /// environment lacks something.
        public let exitStatus: Int32

        /// What was asked cannot be done: no such user, no such domain.
        public static let refused = Code(description: "refused", exitStatus: 1)
        /// The configuration or the command is wrong.
        public static let usage = Code(description: "usage", exitStatus: 2)
        /// The machine lacks something: a port, a folder, memory.
        public static let environment = Code(description: "environment", exitStatus: 3)
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, for a person.
    public let reason: String
    /// What to do about it, for a person; empty when there is nothing to advise.
    public let remedy: String

    /// Makes an error.
    public init(_ code: Code, _ reason: String, remedy: String = "") {
        self.code = code
        self.reason = reason
        self.remedy = remedy
    }

    /// Translates an error of the store: what is wrong with a record is refused, all else is the environment's.
    public init(_ error: StoreError) {
        let refusals: Set<StoreError.Code> = [.invalidRecord, .alreadyExists, .notFound]
        self.init(refusals.contains(error.code) ? .refused : .environment, error.reason, remedy: error.remedy)
    }

    /// Translates an error of a socket.
    public init(_ error: SocketError) {
        let place = error.address.map { " \($0)" } ?? ""
        switch error.code {
        case .addressInUse:
            self.init(
                .environment, "the address\(place) is in use",
                remedy: "stop the program that has it (ss -lntup shows which), or listen elsewhere with --listen URL")
        case .addressNotAvailable:
            self.init(
                .environment, "the address\(place) is none of this machine's",
                remedy: "ip address shows those there are; name one with --listen URL")
        case .permissionDenied:
            self.init(
                .environment, "the address\(place) may not be bound",
                remedy: "choose a port of 1024 or more with --listen URL, or give the program CAP_NET_BIND_SERVICE")
        default:
            self.init(.environment, "\(error)")
        }
    }
}

extension ServerError: Hashable {
    public static func == (left: ServerError, right: ServerError) -> Bool { left.code == right.code }

    public func hash(into hasher: inout Hasher) { hasher.combine(code) }
}

extension ServerError: CustomStringConvertible {
    /// The reason, and the remedy when there is one.
    public var description: String { remedy.isEmpty ? reason : "\(reason); \(remedy)" }
}
