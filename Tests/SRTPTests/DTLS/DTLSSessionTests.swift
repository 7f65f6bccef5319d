import Testing

@testable import SRTP

@Suite struct DTLSSessionTests {
    @Test func keysForBothDirections() throws {
        let handshake = try Handshake()
        handshake.run()
        #expect(handshake.isEstablished, "\(handshake.client.state), \(handshake.server.state), \(handshake.now)")
        #expect(handshake.now == 0)
        #expect(handshake.longest <= DTLSContext.Limits.mtu)
        #expect(handshake.client.timeout == nil)
        #expect(handshake.server.timeout == nil)
        let (one, other) = (try #require(handshake.client.keys), try #require(handshake.server.keys))
        #expect(one.profile == .aeadAES256GCM)
        var sender = try SRTPSender(one.profile, one.local)
        var receiver = try SRTPReceiver(other.profile, other.remote)
        let opened = try receiver.unprotecting(try sender.protecting(packet(1)))
        #expect(opened == packet(1))
    }

    static let choices: [([ProtectionProfile], [ProtectionProfile], ProtectionProfile)] = [
        ([.aes128CounterModeSHA1_80, .aeadAES128GCM], [.aeadAES128GCM, .aes128CounterModeSHA1_80], .aeadAES128GCM),
        ([.aes128CounterModeSHA1_32], [.aeadAES128GCM, .aes128CounterModeSHA1_32], .aes128CounterModeSHA1_32),
        (
            [.aes128CounterModeSHA1_80, .aes256CounterModeSHA1_80], [.aes128CounterModeSHA1_80],
            .aes128CounterModeSHA1_80
        ),
        ([.aeadAES256GCM, .aeadAES128GCM], [.aeadAES256GCM], .aeadAES256GCM),
    ]

    /// A server takes the first of its own profiles that the client has too (RFC 5764 §4.1.1).
    @Test(arguments: choices)
    func profiles(client: [ProtectionProfile], server: [ProtectionProfile], expected: ProtectionProfile) throws {
        let handshake = try Handshake(clientProfiles: client, serverProfiles: server)
        handshake.run()
        #expect(handshake.isEstablished, "\(handshake.client.state), \(handshake.server.state), \(handshake.now)")
        #expect(handshake.client.keys?.profile == expected)
    }

    @Test func withoutACommonProfileThereAreNoKeys() throws {
        let handshake = try Handshake(clientProfiles: [.aeadAES128GCM], serverProfiles: [.aes128CounterModeSHA1_80])
        handshake.run()
        #expect(!handshake.isEstablished)
        #expect(handshake.client.keys == nil)
        #expect(handshake.server.keys == nil)
        #expect(handshake.server.state == .failed(.noProfile))
        #expect(throws: DTLSError.noProfileOffered) { _ = try DTLSContext(profiles: [.aes256CounterModeSHA1_80]) }
    }

    /// Each datagram of the handshake is lost once, in both directions; the repetition comes after a second.
    @Test(arguments: [Handshake.Direction.toServer, .toClient], 0..<6)
    func anyDatagramMayBeLost(direction: Handshake.Direction, number: Int) throws {
        let handshake = try Handshake()
        handshake.loses = { $0 == direction && $1 == number }
        handshake.run()
        #expect(handshake.isEstablished, "\(handshake.client.state), \(handshake.server.state), \(handshake.now)")
        // A number that the handshake has not reached was not lost.
        if handshake.sent[direction, default: 0] > number, handshake.now > 0 {
            #expect(handshake.elapsed >= 1_000_000)
            #expect(handshake.now < 4_000_000)
        }
    }

    /// All that the first second brings is lost in one direction or both, and so for a while with a doubled pause each time.
    @Test(arguments: [[Handshake.Direction.toServer], [.toClient], [.toServer, .toClient]])
    func pausesGrow(directions: [Handshake.Direction]) throws {
        let handshake = try Handshake()
        handshake.loses = { [unowned handshake] direction, _ in
            directions.contains(direction) && handshake.now < 6_000_000
        }
        handshake.run()
        #expect(handshake.isEstablished, "\(handshake.client.state), \(handshake.server.state), \(handshake.now)")
        // 1 + 2 + 4 s after the first.
        #expect(handshake.elapsed >= 7_000_000)
        #expect(handshake.now < 9_000_000)
    }

    /// A fifth of all datagrams is lost, for many seeds.
    @Test(arguments: 0..<40)
    func randomLoss(seed: Int) throws {
        let handshake = try Handshake()
        var generator = SeededGenerator(UInt64(seed))
        handshake.loses = { _, _ in Int.random(in: 0..<5, using: &generator) == 0 }
        handshake.run()
        #expect(handshake.isEstablished, "\(handshake.client.state), \(handshake.server.state), \(handshake.now)")
    }

    @Test func silenceIsGivenUp() throws {
        let handshake = try Handshake()
        handshake.loses = { direction, _ in direction == .toServer }
        handshake.run()
        #expect(handshake.client.state == .failed(.timedOut))
        #expect(handshake.client.timeout == nil)
        #expect(handshake.server.state == .handshaking)
    }

    /// RFC 8122 §6.2, both ways: neither end accepts a certificate that it was not told of, and the other one hears of it.
    @Test(arguments: [DTLSSession.Role.client, .server])
    func theWrongCertificateIsRefused(role: DTLSSession.Role) throws {
        let (one, other, stranger) = (try DTLSContext(), try DTLSContext(), try DTLSContext())
        let handshake = Handshake(
            client: try DTLSSession(
                one, .client, fingerprints: role == .client ? stranger.fingerprints : other.fingerprints),
            server: try DTLSSession(
                other, .server, fingerprints: role == .server ? stranger.fingerprints : one.fingerprints))
        handshake.run()
        let (deceived, refused) =
            role == .client ? (handshake.client, handshake.server) : (handshake.server, handshake.client)
        #expect(deceived.state == .failed(.fingerprintMismatch))
        // 42 is bad_certificate (RFC 5246 §7.2).
        #expect(refused.state == .failed(.handshakeFailed(alert: 42)))
        #expect(deceived.keys == nil)
        #expect(refused.keys == nil)
    }

    /// The handshake outruns the answer (RFC 8842 §5.2): no keys before the fingerprint.
    @Test func fingerprintsMayComeLate() throws {
        for isRight in [true, false] {
            let (one, other, stranger) = (try DTLSContext(), try DTLSContext(), try DTLSContext())
            let handshake = Handshake(
                client: try DTLSSession(one, .client, fingerprints: other.fingerprints),
                server: try DTLSSession(other, .server, fingerprints: nil))
            handshake.run()
            #expect(handshake.server.state == .established)
            #expect(handshake.server.keys == nil)
            #expect(handshake.server.peerFingerprints == one.fingerprints)
            handshake.server.prove(by: isRight ? one.fingerprints : stranger.fingerprints)
            if isRight {
                #expect(handshake.isEstablished)
            } else {
                #expect(handshake.server.state == .failed(.fingerprintMismatch))
                #expect(handshake.server.keys == nil)
                handshake.carry()
                #expect(handshake.client.state == .closed)
            }
        }
    }

    /// RFC 8122 §5.1: of several functions the preferred one decides, and of several hashes by it any.
    @Test func severalFingerprints() throws {
        let (ours, theirs) = (try DTLSContext().fingerprints, try DTLSContext().fingerprints)
        #expect(ours.map(\.hash) == [.sha512, .sha384, .sha256])
        #expect(ours.map(\.octets.count) == [64, 48, 32])
        #expect(CertificateFingerprint.proves(ours, named: ours))
        #expect(CertificateFingerprint.proves(ours, named: [ours[2]]))
        #expect(CertificateFingerprint.proves(ours, named: theirs + ours))
        #expect(!CertificateFingerprint.proves(ours, named: theirs))
        // Right by SHA-256, wrong by SHA-512.
        #expect(!CertificateFingerprint.proves(ours, named: [theirs[0], ours[2]]))
        #expect(!CertificateFingerprint.proves(ours, named: []))
        #expect(throws: DTLSError.noAcceptableFingerprint) {
            _ = try DTLSSession(DTLSContext(), .client, fingerprints: [])
        }
    }

    @Test func certificatesAreNew() throws {
        #expect(try DTLSContext().fingerprints != DTLSContext().fingerprints)
    }

    /// One end says good-bye, and the other hears it; the keys stay.
    @Test(arguments: [DTLSSession.Role.client, .server])
    func goodBye(role: DTLSSession.Role) throws {
        let handshake = try Handshake()
        handshake.run()
        let (one, other) = role == .client ? (handshake.client, handshake.server) : (handshake.server, handshake.client)
        one.close()
        handshake.carry()
        #expect(one.state == .closed)
        #expect(other.state == .closed)
        #expect(other.keys != nil)
        one.close()
        #expect(one.takeDatagram() == nil)
    }

    /// Octets of somebody else, before, within and behind the handshake: it goes on as if they had not come.
    @Test(arguments: 0..<10)
    func noise(seed: Int) throws {
        var generator = SeededGenerator(UInt64(seed))
        let handshake = try Handshake()
        func disturb() {
            for end in [handshake.client, handshake.server] {
                for _ in 0..<20 {
                    var bytes = generator.octets(Int.random(in: 1...80, using: &generator))
                    // What looks like a record of DTLS 1.2 with application data, of an epoch that is not there yet.
                    if Bool.random(using: &generator), bytes.count > 13 {
                        bytes.replaceSubrange(0..<5, with: [23, 0xFE, 0xFD, 0, 1])
                        bytes.replaceSubrange(11..<13, with: [0, UInt8(bytes.count - 13)])
                    } else {
                        bytes[0] = UInt8.random(in: 24...63, using: &generator)
                    }
                    bytes.withUnsafeBytes { end.receive($0) }
                }
            }
        }
        disturb()
        handshake.client.start()
        disturb()
        handshake.run()
        disturb()
        #expect(handshake.isEstablished, "\(handshake.client.state), \(handshake.server.state), \(handshake.now)")
    }

    /// Any change of any datagram may end the handshake, and nothing else: no trap, no keys that differ.
    @Test(arguments: 0..<60)
    func changedDatagrams(seed: Int) throws {
        var generator = SeededGenerator(UInt64(seed))
        let (one, other) = (try DTLSContext(), try DTLSContext())
        let client = try DTLSSession(one, .client, fingerprints: other.fingerprints)
        let server = try DTLSSession(other, .server, fingerprints: one.fingerprints)
        client.start()
        for _ in 0..<10 {
            for (from, to) in [(client, server), (server, client)] {
                while var datagram = from.takeDatagram() {
                    if Int.random(in: 0..<3, using: &generator) == 0 {
                        datagram[Int.random(in: 0..<datagram.count, using: &generator)] ^=
                            1 << UInt8.random(in: 0..<8, using: &generator)
                    }
                    datagram.withUnsafeBytes { to.receive($0) }
                }
            }
        }
        if let (mine, theirs) = client.keys.flatMap({ mine in server.keys.map { (mine, $0) } }) {
            #expect(mine.local.keyAndSalt == theirs.remote.keyAndSalt)
        }
    }

    /// What waits to be sent is bounded, whoever asks for repetitions.
    @Test func datagramsAreBounded() throws {
        let handshake = try Handshake()
        handshake.client.start()
        guard let hello = handshake.client.takeDatagram() else {
            Issue.record("there is no ClientHello")
            return
        }
        for _ in 0..<200 {
            hello.withUnsafeBytes { handshake.server.receive($0) }
            _ = handshake.wait()
        }
        var count = 0
        while handshake.server.takeDatagram() != nil { count += 1 }
        #expect(count <= DTLSContext.Limits.maximumDatagrams)
        #expect(count > 0)
    }
}
