import Reactor
import SIP

/// The connections of an endpoint, as its lanes see them; safe to call from any lane.
protocol StreamTransport: AnyObject, Sendable {
    /// Sends on a connection, by the next flush of what a lane sends in its turn; false when it is gone.
    func send(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer, by outbox: inout StreamOutbox) -> Bool

    /// The connection that requests for a target take, or a new one on the way; 0 when none can be made.
    func connect(to target: Target) -> UInt64

    /// Sends a ping on a connection, whose answer comes as `TransactionLayer.pongReceived`; false when it is gone.
    func ping(connection: UInt64) -> Bool

    /// Ends a connection at once.
    func abort(connection: UInt64)

    /// Whether a connection takes what is sent.
    func isOpen(connection: UInt64) -> Bool

    /// Why a connection has ended; nil when that is long ago.
    func reasonOfEnd(of connection: UInt64) -> String?

    /// The other side of a connection has proven who it is.
    func vouch(for connection: UInt64)

    /// The domains that the other side has proven.
    func provenDomains(of connection: UInt64) -> [String]

    /// The users that the other side has proven to be, as `user@domain`.
    func provenUsers(of connection: UInt64) -> [String]
}
