import ICE
import Media
public import Reactor

/// A relay for TCP at a TURN server (RFC 6062): an address of the server's that peers connect to, and from which it connects to peers.
/// Neither side learns an address of the other's host.
///
/// ```swift
/// let relay = try await TCPRelay.open(at: .init(turn: server, by: .tcp, username: "alice", password: "secret"))
/// let stream = try await relay.connect(to: peer)
/// try await stream.send(bytes)
/// while let bytes = await stream.receive() { … }
/// await relay.close()
/// ```
///
/// It is there, and refreshed, until it is closed or nobody holds it any more; its streams end with it.
public final class TCPRelay: Sendable {
    /// A peer that has connected to the relay.
    public struct Attempt: Sendable {
        /// Who it is.
        public let peer: TransportAddress
        let id: UInt32
        let told: ContinuousClock.Instant
        let control: TCPRelayControl

        /// Takes the connection. The server keeps it for 30 s (RFC 6062 §5.3); one that nobody takes is closed then.
        public func accept() async throws(TCPRelayError) -> RelayedStream {
            try await control.bind(id, to: peer, told: told)
        }
    }

    /// Where peers reach the relay: one address, or one of each version of IP.
    public let addresses: [TransportAddress]
    /// Peers of hosts that were allowed and have connected; the newest 64 wait to be looked at. Ends with the relay.
    public var attempts: AsyncStream<Attempt> { control.attempts }
    private let control: TCPRelayControl

    private init(_ control: TCPRelayControl, _ addresses: [TransportAddress]) {
        self.control = control
        self.addresses = addresses
    }

    /// Asks a server for a relay.
    ///
    /// - Parameters:
    ///   - server: with an address, not a name; by `.tcp` or `.tls`, and with credentials. Others throw ``TCPRelayError/unsuitable``.
    ///   - security: what the connections are secured with by `.tls`.
    public static func open(
        at server: ICEPolicy.Server, security: TLSContext? = nil
    ) async throws(TCPRelayError) -> TCPRelay {
        guard let address = server.address, let credentials = server.credentials, server.transport != .udp,
            server.transport != .tls || security != nil
        else { throw .unsuitable }
        let control = TCPRelayControl(
            address, server.transport == .tls ? security : nil,
            domain: server.domain.isEmpty ? address.ip : server.domain,
            LongTermCredentials(username: Array(credentials.username.utf8), password: Array(credentials.password.utf8)))
        return TCPRelay(control, try await control.open())
    }

    deinit { control.end() }

    /// Lets the host of a peer connect to the relay, until that is closed (RFC 8656 §9); its port does not count. Throws
    /// ``TCPRelayError/refused(_:)`` with 0 when the server does not allow it.
    public func allow(_ peer: TransportAddress) async throws(TCPRelayError) { try await control.allow(peer) }

    /// Has the server connect to a peer. Throws ``TCPRelayError/refused(_:)`` with 446 while there is a connection already, 447 when the
    /// peer was not reached, and 403 when the server connects to nobody there; ``TCPRelayError/busy`` when it is connecting to this peer,
    /// has not reached it less than 10 s ago, or is connecting to 64 others.
    public func connect(to peer: TransportAddress) async throws(TCPRelayError) -> RelayedStream {
        let (id, told) = try await control.connect(to: peer)
        return try await control.bind(id, to: peer, told: told)
    }

    /// Gives the relay back, and closes its streams.
    public func close() async { await control.close() }
}

/// Why there is no relay, no more, or no connection by it.
public enum TCPRelayError: Error, Hashable, Sendable {
    /// The server has no address, is reached by UDP, or lacks credentials or what secures a connection.
    case unsuitable
    /// The server is not reached, or its connection is gone.
    case unreachable
    /// The server does not answer in time.
    case unanswered
    /// The server takes no such name and password.
    case unauthorized
    /// What the server has sent is not proven, or makes no sense.
    case malformed
    /// The server has refused by a number (RFC 8656 §19, RFC 6062 §6.3): 403, 442, 446, 447, 486, 508, …; 0 when it has told none.
    case refused(Int)
    /// Not now: ask again later.
    case busy
    /// The relay was closed.
    case closed

    init(_ failure: TURNClient.Failure) {
        self =
            switch failure {
            case .timeout: .unanswered
            case .integrity, .malformed: .malformed
            case .credentials: .unauthorized
            case .refused(let code): .refused(Int(code.rawValue))
            }
    }
}
