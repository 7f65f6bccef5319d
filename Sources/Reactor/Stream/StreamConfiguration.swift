/// The limits and times of stream connections.
public struct StreamConfiguration: Hashable, Sendable {
    /// How long a connection may be made, from the first packet to the last of the handshake. RFC 3261 §18 leaves it open; the system's
    /// own time is two minutes, in which a caller has given up.
    public var connectTime: Duration = .seconds(5)

    /// How long the peer of a connection that was accepted may take until it is open, where more than the connection is needed: the
    /// handshake of TLS, and then that of WebSocket. Ours over a slow line takes some round trips and the flight of a certificate.
    public var handshakeTime: Duration = .seconds(10)

    /// How long nothing may come or go before the connection is closed. Longer than the keep-alives of RFC 5626 §4.4.1 (two minutes).
    public var idleTime: Duration = .seconds(600)

    /// How long a peer may take for the rest of a frame, once it has begun one.
    public var frameTime: Duration = .seconds(30)

    /// How long answers may take after the peer has closed its sending side: 64 times T1 (RFC 3261 §17.2.2), when no transaction
    /// waits any more.
    public var halfClosedTime: Duration = .seconds(32)

    /// How long the peer may take for its part of closing, after we have sent everything and closed our side.
    public var closeTime: Duration = .seconds(5)

    /// Most bytes that wait for a peer to read them.
    public var outboundLimit = 1_048_576
    /// The most bytes of frames that wait on one thread for room with their lanes; what comes beyond is refused where it finds none.
    public var waitingLimit = 32 << 20

    /// Connections that the system holds for us until they are accepted; clamped to `net.core.somaxconn`.
    public var backlog = 1_024

    /// The defaults.
    public init() {}
}
