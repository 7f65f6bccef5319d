import RTP

/// One direction of a session, outwards: turns RTP and RTCP packets into SRTP and SRTCP packets, in place (RFC 3711 §3.3, §3.4).
///
/// ```
/// RTP:   header | payload (encrypted)          | MKI | tag        AES-CM; the tag covers the ROC too
/// RTP:   header | payload (encrypted) | tag    | MKI              AES-GCM
/// RTCP:  8 octets | rest (encrypted) | E, index | MKI | tag       AES-CM
/// RTCP:  8 octets | rest (encrypted) | tag | E, index | MKI       AES-GCM
/// ```
///
/// Several synchronization sources share the session, each with its own indices. Nothing is allocated for a packet, but when a source
/// is new. A sender belongs to one thread at a time.
public struct SRTPSender: ~Copyable {
    /// Ciphers and tags.
    public let profile: ProtectionProfile

    private var keys: KeySet
    private var streams = StreamTable()
    private let maximumPackets: UInt64
    private let isAEAD: Bool
    private let tagLength: Int
    private let controlTagLength: Int

    /// - Parameters:
    ///   - master: a key of the profile's length. Its identifier, if any, is put into each packet.
    ///   - lifetime: RTP packets that the key may protect in one stream, at most ``SRTPLimits/maximumPackets``. For RTCP it is bounded by
    ///     ``SRTPLimits/maximumControlPackets``.
    public init(
        _ profile: ProtectionProfile, _ master: MasterKey, lifetime: UInt64 = SRTPLimits.maximumPackets
    ) throws(SRTPError) {
        self.init(profile, try KeySet(profile, master), lifetime: lifetime)
    }

    init(_ profile: ProtectionProfile, _ keys: consuming KeySet, lifetime: UInt64 = SRTPLimits.maximumPackets) {
        self.profile = profile
        self.keys = keys
        maximumPackets = min(lifetime, SRTPLimits.maximumPackets)
        isAEAD = profile.isAEAD
        tagLength = profile.tagLength
        controlTagLength = profile.controlTagLength
    }

    /// Octets that protecting adds to an RTP packet.
    public var overhead: Int { tagLength + keys.identifierLength }

    /// Octets that protecting adds to an RTCP packet; they count as RTCP's share of the bandwidth (RFC 3711 §3.4).
    public var controlOverhead: Int { PacketLayout.controlIndexLength + controlTagLength + keys.identifierLength }

    /// Goes on with another master key of the same profile. Indices go on (RFC 3711 §3.3.1), and the count of packets begins anew.
    public mutating func change(to master: MasterKey) throws(SRTPError) {
        keys = try KeySet(profile, master)
        for index in 0..<streams.count { streams[index].protected = 0 }
    }

    /// Sets the rollover counter of a source that has sent nothing yet: of a stream that goes on from elsewhere.
    public mutating func begin(_ ssrc: UInt32, rolloverCounter: UInt32) throws(SRTPError) {
        if streams.find(ssrc) == nil, streams.isFull { throw .tooManyStreams }
        let place = streams.find(ssrc) ?? streams.add(Stream(ssrc: ssrc))
        streams[place].initialRollover = rolloverCounter
    }

    /// Protects the RTP packet in the first `length` octets of `memory`.
    ///
    /// A packet may come out of order, as from a relay that does not sort; but one whose sequence number was protected before is refused,
    /// since the same index for two texts would betray both (RFC 7714 §8.4).
    ///
    /// - Returns: octets of the SRTP packet, ``overhead`` more.
    public mutating func protect(
        _ memory: UnsafeMutableRawBufferPointer, length: Int
    ) throws(SRTPError) -> Int {
        let end = length + overhead
        guard length >= 0, end <= memory.count else { throw .noSpace }
        guard length >= RTPHeader.fixedLength else { throw .tooShort }
        let packet = UnsafeRawBufferPointer(memory)
        guard let header = PacketLayout.headerLength(packet.part(0..<length)) else { throw .malformed }
        let (sequence, ssrc) = (packet.word16(at: 2), packet.word32(at: 8))
        let known = streams.find(ssrc)
        if known == nil, streams.isFull { throw .tooManyStreams }
        let index = try nextIndex(sequence, known: known)
        let text = memory.part(header..<length)
        if isAEAD {
            try keys.packets.seal(
                text, associated: packet.part(0..<header), trailer: UnsafeRawBufferPointer(start: nil, count: 0),
                ssrc: ssrc,
                index: index, tag: memory.place(length))
            keys.writeIdentifier(to: memory.place(length + tagLength))
        } else {
            try keys.packets.crypt(text, ssrc: ssrc, index: index)
            var rollover = UInt32(truncatingIfNeeded: index >> 16).bigEndian
            let tag = try withUnsafeBytes(of: &rollover) { (trailer) throws(SRTPError) in
                try keys.packets.tag(of: packet.part(0..<length), trailer: trailer)
            }
            keys.writeIdentifier(to: memory.place(length))
            memory.store(tag, count: tagLength, at: end - tagLength)
        }
        let place = known ?? streams.add(Stream(ssrc: ssrc))
        streams[place].packets.record(index)
        streams[place].protected += 1
        return end
    }

    /// The index of the packet, if it may be used.
    @inline(__always)
    private func nextIndex(_ sequence: UInt16, known: Int?) throws(SRTPError) -> UInt64 {
        guard let known else {
            guard maximumPackets > 0 else { throw .keyExhausted }
            return UInt64(sequence)
        }
        guard let index = streams[known].candidates(for: sequence).0 else { throw .tooOld }
        guard index < PacketIndex.end, streams[known].protected < maximumPackets else { throw .keyExhausted }
        switch streams[known].packets.standing(of: index) {
        case .new: return index
        case .replayed: throw .replayed
        case .tooOld: throw .tooOld
        }
    }

    /// Protects the RTCP packet, most often a compound one, in the first `length` octets of `memory`. It is encrypted.
    ///
    /// - Returns: octets of the SRTCP packet, ``controlOverhead`` more.
    public mutating func protectControl(
        _ memory: UnsafeMutableRawBufferPointer, length: Int
    ) throws(SRTPError) -> Int {
        let end = length + controlOverhead
        guard length >= 0, end <= memory.count else { throw .noSpace }
        guard length >= PacketLayout.controlHeaderLength else { throw .tooShort }
        let packet = UnsafeRawBufferPointer(memory)
        guard packet[0] >> 6 == 2 else { throw .malformed }
        let ssrc = packet.word32(at: 4)
        let known = streams.find(ssrc)
        if known == nil, streams.isFull { throw .tooManyStreams }
        let index = known.map { streams[$0].nextControlIndex } ?? 0
        guard index < min(SRTPLimits.maximumControlPackets, maximumPackets) else { throw .keyExhausted }
        let text = memory.part(PacketLayout.controlHeaderLength..<length)
        let indexPlace = isAEAD ? length + controlTagLength : length
        let word = PacketLayout.encryptedFlag | UInt32(index)
        memory.storeBytes(of: word.bigEndian, toByteOffset: indexPlace, as: UInt32.self)
        let behind = indexPlace + PacketLayout.controlIndexLength
        if isAEAD {
            try keys.controlPackets.seal(
                text, associated: packet.part(0..<PacketLayout.controlHeaderLength),
                trailer: packet.part(indexPlace..<behind), ssrc: ssrc, index: index, tag: memory.place(length))
            keys.writeIdentifier(to: memory.place(behind))
        } else {
            try keys.controlPackets.crypt(text, ssrc: ssrc, index: index)
            let tag = try keys.controlPackets.tag(
                of: packet.part(0..<behind), trailer: UnsafeRawBufferPointer(start: nil, count: 0))
            keys.writeIdentifier(to: memory.place(behind))
            memory.store(tag, count: controlTagLength, at: end - controlTagLength)
        }
        let place = known ?? streams.add(Stream(ssrc: ssrc))
        streams[place].nextControlIndex = index + 1
        return end
    }

    /// Sets the index of the next RTCP packet of a source: for test vectors, and for a stream that goes on from elsewhere.
    mutating func setNextControlIndex(_ index: UInt64, of ssrc: UInt32) {
        let place = streams.find(ssrc) ?? streams.add(Stream(ssrc: ssrc))
        streams[place].nextControlIndex = index
    }
}

extension SRTPSender {
    /// Protects the RTP packet in the first `length` octets of `memory`; see the same with a pointer.
    public mutating func protect(_ memory: inout MutableRawSpan, length: Int) throws(SRTPError) -> Int {
        try memory.withUnsafeMutableBytes { (bytes) throws(SRTPError) in try protect(bytes, length: length) }
    }

    /// Protects the RTCP packet in the first `length` octets of `memory`; see the same with a pointer.
    public mutating func protectControl(_ memory: inout MutableRawSpan, length: Int) throws(SRTPError) -> Int {
        try memory.withUnsafeMutableBytes { (bytes) throws(SRTPError) in try protectControl(bytes, length: length) }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Writes the first octets of a tag.
    @inline(__always)
    func store(_ tag: HMACSHA1.Tag, count: Int, at offset: Int) {
        for index in 0..<count { self[offset + index] = tag[index] }
    }
}
