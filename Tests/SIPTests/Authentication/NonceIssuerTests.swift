import SIP
import Testing

@Suite struct NonceIssuerTests {
    static let epoch = ContinuousClock.now
    static let realm = Array("example.com".utf8)
    static let key = SipHash(key: 1, 2)

    static func issue(
        _ issuer: NonceIssuer, at time: Duration, realm: [UInt8] = realm, salt: UInt64 = 0
    ) -> [UInt8] {
        var writer = ByteWriter()
        issuer.issue(realm: realm, now: epoch + time, salt: salt, into: &writer)
        return writer.array
    }

    static func examine(
        _ issuer: NonceIssuer, _ nonce: [UInt8], at time: Duration, realm: [UInt8] = realm
    ) -> NonceIssuer.Examination {
        nonce.withUnsafeBytes { issuer.examine($0, realm: realm, now: epoch + time) }
    }

    @Test("RFC 7616 §3.3: a nonce is good for its lifetime, then expired")
    func lifetime() {
        let issuer = NonceIssuer(key: Self.key, epoch: Self.epoch, lifetime: .seconds(60))
        let nonce = Self.issue(issuer, at: .seconds(1000))
        #expect(nonce.count == NonceIssuer.length)
        guard case .good(let use) = Self.examine(issuer, nonce, at: .seconds(1060)) else {
            Issue.record("good until the end of its life")
            return
        }
        #expect(use.issued == 1_000_000)
        #expect(use.count == 0)
        #expect(Self.examine(issuer, nonce, at: .seconds(1000)) == .good(use))
        #expect(Self.examine(issuer, nonce, at: .seconds(1060) + .milliseconds(1)) == .expired)
        #expect(Self.examine(issuer, nonce, at: .seconds(999)) == .expired)
        #expect(NonceIssuer(key: Self.key, epoch: Self.epoch).lifetime == .seconds(300))
    }

    @Test("Nonces of one millisecond differ by their salt and have different identifiers")
    func unique() {
        let issuer = NonceIssuer(key: Self.key, epoch: Self.epoch)
        let nonces = (0..<1000).map { Self.issue(issuer, at: .zero, salt: $0) }
        #expect(Set(nonces).count == 1000)
        let identifiers = nonces.map { nonce -> UInt64 in
            guard case .good(let use) = Self.examine(issuer, nonce, at: .zero) else { return 0 }
            return use.identifier
        }
        #expect(Set(identifiers).count == 1000)
    }

    @Test("A changed byte, another realm, another key or a foreign text is not ours")
    func forged() {
        let issuer = NonceIssuer(key: Self.key, epoch: Self.epoch)
        let nonce = Self.issue(issuer, at: .seconds(1))
        for index in nonce.indices {
            var changed = nonce
            changed[index] = nonce[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(Self.examine(issuer, changed, at: .seconds(1)) == .unknown, "byte \(index)")
            changed[index] = UInt8(ascii: "=")
            #expect(Self.examine(issuer, changed, at: .seconds(1)) == .unknown, "byte \(index)")
        }
        #expect(Self.examine(issuer, nonce, at: .seconds(1), realm: Array("example.org".utf8)) == .unknown)
        let other = NonceIssuer(key: SipHash(key: 1, 3), epoch: Self.epoch)
        #expect(Self.examine(other, nonce, at: .seconds(1)) == .unknown)
        #expect(Self.examine(issuer, [], at: .seconds(1)) == .unknown)
        #expect(Self.examine(issuer, nonce + nonce, at: .seconds(1)) == .unknown)
    }

    @Test("After a change of key the nonces of the last key stay good, older ones do not")
    func rotation() {
        var issuer = NonceIssuer(key: Self.key, epoch: Self.epoch)
        let first = Self.issue(issuer, at: .zero)
        issuer.rotate(to: SipHash(key: 3, 4))
        let second = Self.issue(issuer, at: .zero)
        #expect(first != second)
        for nonce in [first, second] {
            guard case .good = Self.examine(issuer, nonce, at: .zero) else {
                Issue.record("good under the last two keys")
                return
            }
        }
        issuer.rotate(to: SipHash(key: 5, 6))
        #expect(Self.examine(issuer, first, at: .zero) == .unknown)
        guard case .good = Self.examine(issuer, second, at: .zero) else {
            Issue.record("good under the key before")
            return
        }
    }

    @Test("A nonce of another run with the same key is ours and expired; one of another key is not ours")
    func generation() {
        let before = NonceIssuer(key: Self.key, generation: 0xFFFF_FFFF, epoch: Self.epoch)
        let after = NonceIssuer(key: Self.key, generation: 7, epoch: Self.epoch)
        let nonce = Self.issue(before, at: .seconds(1))
        #expect(Self.examine(after, nonce, at: .seconds(1)) == .expired)
        #expect(Self.examine(before, Self.issue(after, at: .seconds(1)), at: .seconds(1)) == .expired)
        let stranger = NonceIssuer(key: SipHash(key: 9, 9), generation: 7, epoch: Self.epoch)
        #expect(Self.examine(stranger, nonce, at: .seconds(1)) == .unknown)
        guard case .good = Self.examine(before, nonce, at: .seconds(1)) else {
            Issue.record("good in its own run")
            return
        }
    }

    @Test("A time before the epoch counts as the epoch")
    func beforeEpoch() {
        let issuer = NonceIssuer(key: Self.key, epoch: Self.epoch)
        guard case .good(let use) = Self.examine(issuer, Self.issue(issuer, at: .seconds(-5)), at: .zero) else {
            Issue.record("issued at the epoch")
            return
        }
        #expect(use.issued == 0)
    }
}
