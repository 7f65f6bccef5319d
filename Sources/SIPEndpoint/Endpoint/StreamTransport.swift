import Reactor
import SIP

/// The connections of an endpoint, as its lanes see them; safe to call from any lane.
protocol StreamTransport: AnyObject, Sendable {
    /// Sends on a connection; false when it is gone.
    func send(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool

    /// The connection that we have opened to an address, or a new one on the way.
    func connect(_ transport: TransportName, to remote: TransportAddress) -> UInt64
}
