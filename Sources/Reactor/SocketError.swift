import Glibc

/// Why an operation on a socket, or another call to the system, failed: what was tried, where, and what can be done.
public struct SocketError: Error, Hashable, Sendable {
    /// The kinds of failure that callers tell apart; the error number says the rest.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A stable word for logs.
        public let description: String

        /// Another socket holds the port (EADDRINUSE).
        public static let addressInUse = Code(description: "address in use")
        /// The IP address is none of this machine's (EADDRNOTAVAIL).
        public static let addressNotAvailable = Code(description: "address not available")
        /// The process lacks a privilege (EACCES, EPERM), as for ports below 1024.
        public static let permissionDenied = Code(description: "permission denied")
        /// Limits on open files or memory are reached (EMFILE, ENFILE, ENOMEM, ENOBUFS).
        public static let resourceLimit = Code(description: "resource limit")
        /// Nobody listens there (ECONNREFUSED, ECONNRESET).
        public static let refused = Code(description: "refused")
        /// There is no way to the destination (ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN).
        public static let unreachable = Code(description: "unreachable")
        /// No answer in time (ETIMEDOUT).
        public static let timedOut = Code(description: "timed out")
        /// The datagram is larger than the path or the protocol carries (EMSGSIZE).
        public static let tooLarge = Code(description: "too large")
        /// Everything else.
        public static let other = Code(description: "failed")
    }

    /// The kind of failure.
    public let code: Code

    /// The system's error number (errno).
    public let number: Int32

    /// What was tried: "bind UDP", "connect TCP".
    public let operation: String

    /// The address it was tried with, if any.
    public let address: TransportAddress?

    /// An error from the system's error number.
    public init(_ number: Int32, _ operation: String, _ address: TransportAddress? = nil) {
        self.number = number
        self.operation = operation
        self.address = address
        code =
            switch number {
            case EADDRINUSE: .addressInUse
            case EADDRNOTAVAIL: .addressNotAvailable
            case EACCES, EPERM: .permissionDenied
            case EMFILE, ENFILE, ENOMEM, ENOBUFS: .resourceLimit
            case ECONNREFUSED, ECONNRESET: .refused
            case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN: .unreachable
            case ETIMEDOUT: .timedOut
            case EMSGSIZE: .tooLarge
            default: .other
            }
    }

    /// The error that the calling thread's last system call left in `errno`.
    static func last(_ operation: String, _ address: TransportAddress? = nil) -> SocketError {
        SocketError(errno, operation, address)
    }
}

extension SocketError: CustomStringConvertible {
    /// What happened and what to do about it, for a person.
    public var description: String {
        let place = address.map { " \($0)" } ?? ""
        return "\(operation)\(place): \(reason)\(remedy)"
    }

    private var reason: String {
        // The system's text for a number is plain ASCII in the C locale and never nil.
        code == .addressInUse ? "port \(address?.port ?? 0) is in use" : String(cString: strerror(number))
    }

    private var remedy: String {
        switch code {
        case .addressInUse: "; stop the program that holds it or choose another port"
        case .addressNotAvailable: "; this machine has no such address"
        case .permissionDenied where (address?.port ?? 1024) < 1024:
            "; choose a port from 1024 on or grant CAP_NET_BIND_SERVICE"
        case .resourceLimit: "; raise the limit of open files (ulimit -n)"
        default: ""
        }
    }
}
