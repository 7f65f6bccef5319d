public import Reactor
public import SIP

/// What load to put on a server.
public struct LoadPlan: Sendable {
    /// The kind of operation.
    public enum Operation: String, Sendable, CaseIterable {
        /// OPTIONS to the server itself and its answer.
        case options
        /// REGISTER of one of the users and its answer; with a password, the challenge and the second REGISTER as well, at a user's
        /// first or each time.
        case register
        /// INVITE, 100, 180, 200, ACK, BYE, 200 to one of the users, who is registered with the generator itself.
        case call
    }

    /// How operations follow one another.
    public enum Pace: Sendable, Hashable {
        /// So many are under way at any time: the next begins when one ends.
        case closed(concurrency: Int)
        /// So many begin per second, whatever becomes of those before.
        case fixed(rate: Double)
    }

    /// The operation.
    public var operation: Operation
    /// The server's address.
    public var target: TransportAddress
    /// How it is reached: `udp`, `tcp`, `tls`, `ws` or `wss`.
    public var transport = TransportName.udp
    /// Whom connections by `tls` and `wss` believe; the server must prove the target's IP address.
    public var security: TLSContext?
    /// The domain in From, To and Request-URI; empty for the target's address.
    public var domain = ""
    /// The pace.
    public var pace = Pace.closed(concurrency: 64)
    /// How long new operations begin.
    public var duration = Duration.seconds(10)
    /// How many begin at most; 0 for no bound but the duration.
    public var limit = 0
    /// Sockets to send from, each with a port of its own; or connections, which are open before the first operation begins.
    public var socketCount = 4
    /// Users, named `load0`, `load1` and so on.
    public var userCount = 1_000
    /// The password of all users; empty when the server does not ask.
    public var password = ""
    /// Whether a user who has been challenged uses the nonce again, with the next count, until it is refused, as phones do
    /// (RFC 7616 §3.4); else each registration is challenged.
    public var keepsNonces = true
    /// How long an operation may take before it has failed.
    public var patience = Duration.seconds(8)

    public init(_ operation: Operation, target: TransportAddress) {
        self.operation = operation
        self.target = target
    }

    /// The most operations that can be under way at a time.
    public static let outstandingLimit = 1 << 17
}
