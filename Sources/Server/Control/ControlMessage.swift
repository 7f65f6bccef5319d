import Foundation

/// What is asked of a running server through its control socket: one JSON object on a line.
public struct ControlRequest: Codable, Sendable, Hashable {
    /// What can be asked.
    public enum Command: String, Codable, Sendable, CaseIterable {
        /// Adds the user `address` with `password` and the display name `name`.
        case addUser
        /// Removes the user `address`.
        case removeUser
        /// Gives the user `address` the `password`.
        case setPassword
        /// Lists the users.
        case listUsers
        /// Lists the calls whose media is relayed.
        case listCalls
        /// Asks for all counters.
        case stats
        /// Reads the configuration again.
        case reload
        /// Stops the server.
        case stop
        /// Asks for version and listeners.
        case version
    }

    /// What is asked.
    public var command: Command
    /// The address of a user.
    public var address: String?
    /// The password.
    public var password: String?
    /// The name to show.
    public var name: String?

    /// Makes a request.
    public init(_ command: Command, address: String? = nil, password: String? = nil, name: String? = nil) {
        self.command = command
        self.address = address
        self.password = password
        self.name = name
    }
}

/// What a running server answers: one JSON object on a line.
public struct ControlResponse: Codable, Sendable, Hashable {
    /// A user.
    public struct User: Codable, Sendable, Hashable {
        /// The address, as in `alice@example.com`.
        public var address: String
        /// The name to show; may be empty.
        public var name: String
        /// Whether the user may register and call.
        public var isEnabled: Bool
    }

    /// Why a request failed.
    public struct Failure: Codable, Sendable, Hashable {
        /// What happened, for a person.
        public var reason: String
        /// What to do about it; may be empty.
        public var remedy: String
        /// The exit status that a command should end with.
        public var status: Int32

        init(_ error: ServerError) {
            reason = error.reason
            remedy = error.remedy
            status = error.code.exitStatus
        }
    }

    /// Why it failed; nil when it did not.
    public var failure: Failure?
    /// The users, for `listUsers`.
    public var users: [User]?
    /// The calls whose media is relayed, for `listCalls`.
    public var calls: [CallStatus]?
    /// The counters, for `stats`.
    public var statistics: ServerStatistics?
    /// What was done, a line each, for `reload`; version and listeners for `version`.
    public var lines: [String]?

    /// An answer that says only that it was done.
    public init() {}

    init(_ error: ServerError) { failure = Failure(error) }

    /// The answer as it goes over the socket: JSON and a line end. Slashes stand for themselves, so that
    /// addresses can be read.
    var line: [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // What is made of numbers, texts and lists can always be encoded.
        return (try? encoder.encode(self)).map { Array($0) + [0x0A] }
    }
}

extension ServerError {
    /// The error that a server answered with.
    public init(_ failure: ControlResponse.Failure) {
        let code: Code = failure.status == 1 ? .refused : failure.status == 2 ? .usage : .environment
        self.init(code, failure.reason, remedy: failure.remedy)
    }
}
