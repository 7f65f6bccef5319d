import CProbe
import Testing

@testable import SRTP

/// Two ends and the network between them, in virtual time: OpenSSL sees a clock that only the test moves on.
///
/// All of a test runs on one thread, since the clock is that thread's.
final class Handshake {
    /// Which way a datagram goes.
    enum Direction: Hashable {
        case toServer
        case toClient
    }

    let client: DTLSSession
    let server: DTLSSession

    /// Says whether a datagram gets lost: which way it goes, and how many went this way before.
    var loses: (Direction, Int) -> Bool = { _, _ in false }

    /// Datagrams sent so far.
    private(set) var sent: [Direction: Int] = [.toServer: 0, .toClient: 0]

    /// The longest datagram.
    private(set) var longest = 0

    /// Time since the beginning, microseconds.
    private(set) var now: Int64 = 0
    /// When the handshake was made, by the system's clock.
    private let begun = ContinuousClock.now
    /// Microseconds that have passed for OpenSSL: those, and what the system's clock has gone on by meanwhile.
    var elapsed: Int64 { now + Int64(begun.duration(to: .now) / .microseconds(1)) }

    init(client: DTLSSession, server: DTLSSession) {
        self.client = client
        self.server = server
        probe_set_clock_ahead(0)
    }

    deinit { probe_set_clock_ahead(0) }

    /// Ends with contexts of their own, who know each other's certificate.
    convenience init(
        clientProfiles: [ProtectionProfile] = [.aeadAES256GCM, .aes128CounterModeSHA1_80],
        serverProfiles: [ProtectionProfile] = [.aeadAES256GCM, .aes128CounterModeSHA1_80]
    ) throws {
        let (one, other) = (try DTLSContext(profiles: clientProfiles), try DTLSContext(profiles: serverProfiles))
        try self.init(one, other)
    }

    convenience init(_ one: DTLSContext, _ other: DTLSContext) throws {
        self.init(
            client: try DTLSSession(one, .client, fingerprints: other.fingerprints),
            server: try DTLSSession(other, .server, fingerprints: one.fingerprints))
    }

    /// Carries datagrams until there are none.
    func carry() {
        while true {
            let before = sent
            carry(from: client, .toServer, to: server)
            carry(from: server, .toClient, to: client)
            if sent == before { return }
        }
    }

    private func carry(from sender: DTLSSession, _ direction: Direction, to receiver: DTLSSession) {
        while let datagram = sender.takeDatagram() {
            longest = max(longest, datagram.count)
            let count = sent[direction, default: 0]
            sent[direction] = count + 1
            if !loses(direction, count) { datagram.withUnsafeBytes { receiver.receive($0) } }
        }
    }

    /// Lets time go by until the next timer runs out; false when none runs.
    func wait() -> Bool {
        let times = [client.timeout, server.timeout].compactMap { $0 }
        guard let next = times.min() else { return false }
        let (seconds, attoseconds) = next.components
        now += seconds * 1_000_000 + attoseconds / 1_000_000_000_000 + 1_000
        probe_set_clock_ahead(now)
        for end in [client, server] where end.timeout == .zero { end.handleTimeout() }
        return true
    }

    /// Runs until both ends have come to something, or nothing more happens.
    func run() {
        client.start()
        for _ in 0..<100 {
            carry()
            if client.state != .handshaking, server.state != .handshaking { return }
            if !wait() { return }
        }
    }

    /// Whether both are done and have the keys of each other.
    var isEstablished: Bool {
        guard client.state == .established, server.state == .established, let one = client.keys, let other = server.keys
        else { return false }
        return one.profile == other.profile && one.local.keyAndSalt == other.remote.keyAndSalt
            && one.remote.keyAndSalt == other.local.keyAndSalt && one.local.keyAndSalt != one.remote.keyAndSalt
    }
}
