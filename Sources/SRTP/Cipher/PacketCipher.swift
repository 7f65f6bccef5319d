/// The keys of a session, for RTP or for RTCP, as they are derived from the master key.
struct SessionKeys {
    var encryption: SecretBytes
    var authentication: SecretBytes
    var salt: SecretBytes
}

/// What encrypts and authenticates the packets of one kind, RTP or RTCP, under one master key, for all synchronization sources.
struct PacketCipher: ~Copyable {
    private let saltHigh: UInt64
    private let saltLow: UInt64
    private let counterMode: CounterMode?
    private let hmac: HMACSHA1?
    private let galois: GaloisCounterMode?

    init(_ profile: ProtectionProfile, keys: SessionKeys) throws(SRTPError) {
        (saltHigh, saltLow) = keys.salt.withBytes { Words.load($0) }
        if profile.isAEAD {
            galois = try GaloisCounterMode(key: keys.encryption)
            counterMode = nil
            hmac = nil
        } else {
            counterMode = try CounterMode(key: keys.encryption)
            hmac = HMACSHA1(key: keys.authentication)
            galois = nil
        }
    }

    /// Derives the keys of one kind of packets from a master key (RFC 3711 §4.3.1, §4.3.2).
    init(_ profile: ProtectionProfile, _ derivation: borrowing KeyDerivation, control: Bool) throws(SRTPError) {
        try self.init(
            profile,
            keys: SessionKeys(
                encryption: derivation.derive(control ? .controlEncryption : .encryption, count: profile.keyLength),
                authentication: derivation.derive(
                    control ? .controlAuthentication : .authentication, count: profile.authenticationKeyLength),
                salt: derivation.derive(control ? .controlSalt : .salt, count: profile.saltLength)))
    }

    deinit {
        counterMode?.close()
        hmac?.close()
        galois?.close()
    }

    // MARK: AES in counter mode with HMAC-SHA1

    /// Encrypts or decrypts in place. The first counter block is (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16), RFC 3711 §4.1.1.
    @inline(__always)
    func crypt(_ text: UnsafeMutableRawBufferPointer, ssrc: UInt32, index: UInt64) throws(SRTPError) {
        guard counterMode?.apply(ivHigh: saltHigh ^ UInt64(ssrc), ivLow: saltLow ^ index << 16, to: text) == true else {
            throw .cryptography
        }
    }

    /// The tag of `message` and `trailer` (RFC 3711 §4.2).
    @inline(__always)
    func tag(of message: UnsafeRawBufferPointer, trailer: UnsafeRawBufferPointer) throws(SRTPError) -> HMACSHA1.Tag {
        guard let tag = hmac?.tag(of: message, trailer: trailer) else { throw .cryptography }
        return tag
    }

    // MARK: AES in Galois/counter mode

    /// Makes the nonce, the salt XOR (SSRC * 2^48 + index), RFC 7714 §8.1 and §9.1.
    @inline(__always)
    private func makeInput(
        _ text: UnsafeMutableRawBufferPointer, associated: UnsafeRawBufferPointer, trailer: UnsafeRawBufferPointer,
        ssrc: UInt32, index: UInt64
    ) -> GaloisCounterMode.Input {
        GaloisCounterMode.Input(
            ivHigh: saltHigh ^ UInt64(ssrc) << 16 ^ index >> 32, ivLow: saltLow ^ index << 32,
            associated: associated, trailer: trailer, text: text)
    }

    /// Encrypts `text` in place and writes the tag of 16 octets to `tag`.
    @inline(__always)
    func seal(
        _ text: UnsafeMutableRawBufferPointer, associated: UnsafeRawBufferPointer, trailer: UnsafeRawBufferPointer,
        ssrc: UInt32, index: UInt64, tag: UnsafeMutableRawPointer
    ) throws(SRTPError) {
        let input = makeInput(text, associated: associated, trailer: trailer, ssrc: ssrc, index: index)
        guard galois?.seal(input, tag: tag) == true else { throw .cryptography }
    }

    /// Decrypts `text` in place when the 16 octets at `tag` are its tag; else leaves it as it was.
    @inline(__always)
    func open(
        _ text: UnsafeMutableRawBufferPointer, associated: UnsafeRawBufferPointer, trailer: UnsafeRawBufferPointer,
        ssrc: UInt32, index: UInt64, tag: UnsafeMutableRawPointer
    ) throws(SRTPError) {
        let input = makeInput(text, associated: associated, trailer: trailer, ssrc: ssrc, index: index)
        guard galois?.open(input, tag: tag) == true else { throw .authenticationFailed }
    }
}
