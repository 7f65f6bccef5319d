/// All that comes of one master key: the ciphers for RTP and for RTCP, and the identifier that packets carry.
struct KeySet: ~Copyable {
    let packets: PacketCipher
    let controlPackets: PacketCipher
    private let identifier: UnsafeMutableRawBufferPointer

    /// Derives the session's keys (RFC 3711 §4.3), once: the key derivation rate is zero.
    init(_ profile: ProtectionProfile, _ master: MasterKey) throws(SRTPError) {
        guard master.key.count == profile.keyLength, master.salt.count == profile.saltLength,
            master.identifier.count <= SRTPLimits.maximumIdentifierLength
        else { throw .invalidKey }
        let derivation = try KeyDerivation(key: master.key, salt: master.salt)
        try self.init(
            packets: PacketCipher(profile, derivation, control: false),
            controlPackets: PacketCipher(profile, derivation, control: true), identifier: master.identifier)
    }

    /// Takes ciphers that are made, for test vectors that begin with the keys of a session.
    init(packets: consuming PacketCipher, controlPackets: consuming PacketCipher, identifier: [UInt8]) {
        self.packets = packets
        self.controlPackets = controlPackets
        self.identifier = .allocate(byteCount: identifier.count, alignment: 1)
        self.identifier.copyBytes(from: identifier)
    }

    /// Octets of the identifier; 0 when packets carry none.
    var identifierLength: Int { identifier.count }

    /// Writes the identifier to `place`, where there is room for it.
    @inline(__always)
    func writeIdentifier(to place: UnsafeMutableRawPointer) {
        if let source = identifier.baseAddress, !identifier.isEmpty {
            place.copyMemory(from: source, byteCount: identifier.count)
        }
    }

    /// Whether the octets at `place` are the identifier.
    func isNamed(at place: UnsafeRawPointer) -> Bool {
        for offset in 0..<identifier.count
        where identifier[offset] != place.load(fromByteOffset: offset, as: UInt8.self) { return false }
        return true
    }

    deinit { identifier.deallocate() }
}
