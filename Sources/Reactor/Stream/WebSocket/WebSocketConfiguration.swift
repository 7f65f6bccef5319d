import Synchronization

/// How a listener speaks WebSocket (RFC 6455).
public struct WebSocketConfiguration: Hashable, Sendable {
    /// The subprotocol that clients must offer (RFC 6455 §1.9), such as `sip` (RFC 7118 §4.1).
    public var subprotocol: String

    /// The origins of the web pages whose programs may connect (RFC 6455 §10.2), such as `https://phone.example.com`; empty lets
    /// all in. Programs that are no browsers name none, and are let in: an origin protects those who browse, not the server.
    public var origins: [String] = []

    /// The most bytes of a message, and so of a frame. A longer one ends the connection (code 1009).
    public var messageLimit = 65_536

    /// How long nothing may come before the peer is asked for a sign of life; as long again without any, and it counts as gone.
    /// Zero never asks. Less than the half minute after which a NAT may forget a quiet connection, as some do.
    public var pingInterval: Duration = .seconds(25)

    /// The most bytes of the request that opens a connection.
    public static let requestLimit = 16_384

    /// The most fields of that request.
    public static let requestFieldLimit = 64

    /// A configuration for a subprotocol.
    public init(subprotocol: String) { self.subprotocol = subprotocol }
}

/// What listeners speak WebSocket by; it can be replaced while they run, for connections to come.
public final class WebSocketContext: Sendable {
    private let current: Mutex<WebSocketConfiguration>

    /// A context with its first configuration.
    public init(_ configuration: WebSocketConfiguration) { current = Mutex(configuration) }

    /// The configuration for the next connection.
    public var configuration: WebSocketConfiguration { current.withLock { $0 } }

    /// Goes on with another configuration; what is open stays as it is.
    public func replace(with configuration: WebSocketConfiguration) { current.withLock { $0 = configuration } }
}
