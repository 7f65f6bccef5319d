public import Reactor
public import SIP

/// What the SIP layers of one lane need from the world below: a clock, timers, and ways to send.
///
/// `EndpointLane` is the real one, on a lane of `Reactor`; the test kit has one in virtual time with a simulated
/// network, so that all above is tested without sockets.
public protocol EndpointDriver: AnyObject {
    /// The time of this turn.
    var now: ContinuousClock.Instant { get }

    /// How much this lane has worked, and what waits for it: asked a few times in a second.
    var workload: Workload { get }

    /// Starts a timer; `TransactionLayer.timerFired` is called with the token.
    func schedule(_ token: UInt64, after delay: Duration) -> UInt64

    /// Stops a timer; one that has fired is ignored.
    func cancel(timer: UInt64)

    /// Lends memory for one datagram, to be written at once; nil when the send backlog is full, which is counted.
    func reserveDatagram(_ listener: Int) -> UnsafeMutableRawBufferPointer?

    /// Sends the first `count` bytes of the memory lent last; 0 gives it back unused.
    func commitDatagram(_ listener: Int, count: Int, to remote: TransportAddress, from local: TransportAddress)

    /// Sends on a connection; false when it is gone.
    func sendStream(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool

    /// The connection that requests for a target take: one that this element has opened, one that the target itself has opened
    /// and may be used again (RFC 5923), or a new one on the way; what is sent before it is open waits. Its failure comes as
    /// `TransactionLayer.connectionClosed`. 0 when there is none and none can be made.
    func connect(to target: Target) -> UInt64

    /// Sends a ping on a connection that this element has opened (RFC 5626 §4.4.1); its answer comes as
    /// `TransactionLayer.pongReceived`. False when the connection is gone.
    func ping(connection: UInt64) -> Bool

    /// Ends a connection at once, as one that leads nowhere any more; `TransactionLayer.connectionClosed` follows.
    func abort(connection: UInt64)

    /// Whether a connection is there, and takes what is sent.
    func isOpen(connection: UInt64) -> Bool

    /// Why a connection that is gone has ended; nil when that is not known.
    func reasonOfEnd(of connection: UInt64) -> String?

    /// The other side of a connection has proven who it is, so that it is not counted among the strangers of its address.
    func vouch(for connection: UInt64)

    /// The domains that the other side of a connection has proven by its certificate (RFC 5922 §7.4); none when it has shown
    /// none.
    func provenDomains(of connection: UInt64) -> [String]

    /// The users that the other side of a connection has proven to be by SIP URIs in its certificate, as `user@domain` without
    /// escapes.
    func provenUsers(of connection: UInt64) -> [String]

    /// Asks for what is known of a name, off the lane; `completion` is called on the lane, at once when the answer is known, with
    /// an empty answer when there is none.
    func ask(_ query: ServerLocator.Query, _ completion: @escaping (NameAnswer) -> Void)

    /// A number that nobody can guess.
    func random() -> UInt64

    /// Runs work on this lane in a turn to come; may be called from any thread.
    var execute: @Sendable (_ work: @escaping @Sendable () -> Void) -> Void { get }
}

extension EndpointDriver {
    /// For drivers without keep-alives.
    public func ping(connection: UInt64) -> Bool { false }

    /// For drivers whose connections never end.
    public func abort(connection: UInt64) {}

    /// For drivers whose connections never end.
    public func isOpen(connection: UInt64) -> Bool { true }

    /// For drivers that remember nothing of what has ended.
    public func reasonOfEnd(of connection: UInt64) -> String? { nil }

    /// For drivers that count nobody.
    public func vouch(for connection: UInt64) {}

    /// For drivers without certificates.
    public func provenDomains(of connection: UInt64) -> [String] { [] }

    /// For drivers without certificates.
    public func provenUsers(of connection: UInt64) -> [String] { [] }

    /// For drivers that have all the time there is.
    public var workload: Workload { Workload(time: now, worked: .zero, waiting: 0, dropped: 0) }

    /// For drivers in virtual time, whose world has one thread: runs the work at once.
    public var execute: @Sendable (_ work: @escaping @Sendable () -> Void) -> Void { { $0() } }
}
