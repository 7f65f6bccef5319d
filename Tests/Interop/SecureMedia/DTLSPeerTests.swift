import Foundation
import Glibc
import SRTP
import TestKit
import Testing

/// Our DTLS against `openssl s_server` and `openssl s_client`, over UDP on loopback: they print the key material that both must have.
@Suite struct DTLSPeerTests {
    private static let label = "EXTRACTOR-dtls_srtp"

    @Test(arguments: [
        (ProtectionProfile.aes128CounterModeSHA1_80, "SRTP_AES128_CM_SHA1_80"),
        (.aeadAES128GCM, "SRTP_AEAD_AES_128_GCM"),
        (.aeadAES256GCM, "SRTP_AEAD_AES_256_GCM"),
    ])
    func ourClient(profile: ProtectionProfile, name: String) async throws {
        try await withPeers { peers in
            let identity = try await Identity.make(in: peers)
            let reservation = try PortReservation()
            let number = reservation.port
            reservation.release()
            let server = try peers.start(
                PeerCommand(
                    "openssl",
                    [
                        "s_server", "-dtls1_2", "-accept", "127.0.0.1:\(number)", "-cert", identity.certificate, "-key",
                        identity.key, "-Verify", "1", "-use_srtp", name, "-keymatexport", Self.label,
                        "-keymatexportlen",
                        "\(2 * (profile.keyLength + profile.saltLength))",
                    ], package: "openssl"), name: "s_server")
            try await server.bound(.udp, port: number)
            let socket = try LoopbackSocket()
            try socket.connect(to: number)
            let session = try DTLSSession(
                try DTLSContext(profiles: [profile]), .client, fingerprints: [identity.fingerprint])
            session.start()
            try socket.run(session)
            #expect(session.state == .established)
            let keys = try #require(session.keys)
            #expect(keys.profile == profile)
            let line = try await server.line("its key material") { $0.contains("Keying material: ") }
            #expect(line.text.hasSuffix(Self.hex(Self.material(client: keys.local, server: keys.remote, profile))))
            session.close()
            socket.send(session)
        }
    }

    @Test func ourServer() async throws {
        let profile = ProtectionProfile.aes128CounterModeSHA1_80
        try await withPeers { peers in
            let identity = try await Identity.make(in: peers)
            let socket = try LoopbackSocket()
            let client = try peers.start(
                PeerCommand(
                    "openssl",
                    [
                        "s_client", "-dtls1_2", "-connect", "127.0.0.1:\(try socket.port())", "-cert",
                        identity.certificate,
                        "-key", identity.key, "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-keymatexport", Self.label,
                        "-keymatexportlen", "60",
                    ], package: "openssl"), name: "s_client")
            let session = try DTLSSession(
                try DTLSContext(profiles: [.aeadAES128GCM, profile]), .server, fingerprints: [identity.fingerprint])
            try socket.run(session)
            #expect(session.state == .established)
            let keys = try #require(session.keys)
            #expect(keys.profile == profile)
            let line = try await client.line("its key material") { $0.contains("Keying material: ") }
            #expect(line.text.hasSuffix(Self.hex(Self.material(client: keys.remote, server: keys.local, profile))))
        }
    }

    /// A client that only has DTLS 1.0 is refused, and one that shows no certificate, or another one than it announced.
    @Test(arguments: [
        (["-dtls1", "-cipher", "ALL:@SECLEVEL=0"], true, true), (["-dtls1_2"], false, true),
        (["-dtls1_2"], true, false),
    ])
    func clientsThatAreRefused(options: [String], showsCertificate: Bool, isAnnounced: Bool) async throws {
        try await withPeers { peers in
            let (identity, stranger) = (try await Identity.make(in: peers), try await Identity.make(in: peers))
            let socket = try LoopbackSocket()
            _ = try peers.start(
                PeerCommand(
                    "openssl",
                    ["s_client", "-connect", "127.0.0.1:\(try socket.port())", "-use_srtp", "SRTP_AES128_CM_SHA1_80"]
                        + options
                        + (showsCertificate ? ["-cert", identity.certificate, "-key", identity.key] : []),
                    package: "openssl"),
                name: "s_client")
            let session = try DTLSSession(
                try DTLSContext(), .server, fingerprints: [(isAnnounced ? identity : stranger).fingerprint])
            try socket.run(session)
            guard case .failed = session.state else {
                Issue.record("the client was let in: \(session.state)")
                return
            }
            #expect(session.keys == nil)
            socket.send(session)
        }
    }

    private static func material(client: MasterKey, server: MasterKey, _ profile: ProtectionProfile) -> [UInt8] {
        let (one, other) = (client.keyAndSalt, server.keyAndSalt)
        return Array(
            one[..<profile.keyLength] + other[..<profile.keyLength] + one[profile.keyLength...]
                + other[profile.keyLength...])
    }

    private static func hex(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }

    /// A certificate with its key, made by `openssl req`.
    private struct Identity {
        let certificate: String
        let key: String
        let fingerprint: CertificateFingerprint
        let folder: TemporaryFolder

        static func make(in peers: Peers) async throws -> Identity {
            let folder = try TemporaryFolder()
            let (certificate, key) = (folder.file("certificate.pem"), folder.file("key.pem"))
            _ = try await peers.run(
                PeerCommand(
                    "openssl",
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj",
                        "/CN=peer", "-keyout", key, "-out", certificate,
                    ], package: "openssl"), name: "openssl req", within: .seconds(20))
            let printed = try await peers.run(
                PeerCommand(
                    "openssl", ["x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"], package: "openssl"),
                name: "openssl x509", within: .seconds(20))
            let digits = (printed.split(separator: "=").last ?? "").compactMap(\.hexDigitValue)
            let octets = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            return Identity(
                certificate: certificate, key: key, fingerprint: CertificateFingerprint(.sha256, octets), folder: folder
            )
        }
    }
}

/// A UDP socket on loopback that drives a session until the handshake is over.
private final class LoopbackSocket {
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        try #require(descriptor >= 0)
        var address = Self.address(0)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0)
    }

    deinit { close(descriptor) }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    func port() throws -> UInt16 {
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let known = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        try #require(known == 0)
        return UInt16(bigEndian: address.sin_port)
    }

    func connect(to port: UInt16) throws {
        try connect(Self.address(port))
    }

    private func connect(_ address: sockaddr_in) throws {
        var address = address
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
    }

    func send(_ session: DTLSSession) {
        while let datagram = session.takeDatagram() { _ = Glibc.send(descriptor, datagram, datagram.count, 0) }
    }

    /// Carries datagrams until the handshake is over, for twenty seconds at most.
    func run(_ session: DTLSSession) throws {
        let end = ContinuousClock.now + .seconds(20)
        var memory = [UInt8](repeating: 0, count: 4_096)
        while session.state == .handshaking, ContinuousClock.now < end {
            send(session)
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = session.timeout ?? .seconds(1)
            let milliseconds = left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000
            guard poll(&ready, 1, Int32(clamping: milliseconds + 1)) > 0 else {
                session.handleTimeout()
                continue
            }
            var from = Self.address(0)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &from) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &memory, memory.count, 0, $0, &length)
                }
            }
            guard count > 0 else { continue }
            try connect(from)
            memory[..<count].withUnsafeBytes { session.receive($0) }
        }
        send(session)
    }
}
