import RTP

/// One direction of a session, inwards: turns SRTP and SRTCP packets back into RTP and RTCP packets, in place (RFC 3711 §3.3, §3.4).
///
/// What is not authentic, or has been here before, is refused and changes nothing: neither the packet nor the session. Nothing is
/// allocated for a packet, but when a source is new and has proved that it has the key. A receiver belongs to one thread at a time.
public struct SRTPReceiver: ~Copyable {
    /// Ciphers and tags.
    public let profile: ProtectionProfile

    private let keys: UnsafeMutablePointer<KeySet>
    private var keyCount = 1
    private var streams = StreamTable()
    private let identifierLength: Int
    private let isAEAD: Bool
    private let tagLength: Int
    private let controlTagLength: Int

    /// - Parameter master: a key of the profile's length. When it has an identifier, packets must carry it.
    public init(_ profile: ProtectionProfile, _ master: MasterKey) throws(SRTPError) {
        self.init(profile, try KeySet(profile, master))
    }

    init(_ profile: ProtectionProfile, _ first: consuming KeySet) {
        self.profile = profile
        identifierLength = first.identifierLength
        isAEAD = profile.isAEAD
        tagLength = profile.tagLength
        controlTagLength = profile.controlTagLength
        keys = .allocate(capacity: SRTPLimits.maximumMasterKeys)
        keys.initialize(to: first)
    }

    /// Octets that are removed from an SRTP packet.
    public var overhead: Int { tagLength + identifierLength }

    /// Octets that are removed from an SRTCP packet.
    public var controlOverhead: Int { PacketLayout.controlIndexLength + controlTagLength + identifierLength }

    /// Takes packets of a further master key too, which their identifier tells apart; identifiers of a session are equally long.
    public mutating func add(_ master: MasterKey) throws(SRTPError) {
        guard keyCount < SRTPLimits.maximumMasterKeys, identifierLength > 0, master.identifier.count == identifierLength
        else { throw .invalidKey }
        (keys + keyCount).initialize(to: try KeySet(profile, master))
        keyCount += 1
    }

    /// Says what the rollover counter of a source is whose stream is joined late (RFC 3711 §3.3.1), before its first packet.
    public mutating func join(_ ssrc: UInt32, rolloverCounter: UInt32) throws(SRTPError) {
        if streams.find(ssrc) == nil, streams.isFull { throw .tooManyStreams }
        let place = streams.find(ssrc) ?? streams.add(Stream(ssrc: ssrc))
        streams[place].initialRollover = rolloverCounter
    }

    /// Follows a receiver with other keys, before the first packet. Under the new keys the rollover counter of a source begins at zero
    /// (RFC 4568 §7.1.4), or goes on (RFC 3711 §3.3.1): peers do either, and both are taken.
    public mutating func follow(_ earlier: borrowing SRTPReceiver) {
        for index in 0..<earlier.streams.count where !streams.isFull {
            let known = earlier.streams[index]
            guard !known.packets.isEmpty, streams.find(known.ssrc) == nil else { continue }
            var stream = Stream(ssrc: known.ssrc)
            stream.former = known.packets.highest
            _ = streams.add(stream)
        }
    }

    /// Authenticates and decrypts the SRTP packet that fills `packet`.
    ///
    /// - Returns: octets of the RTP packet, ``overhead`` less.
    public mutating func unprotect(_ packet: UnsafeMutableRawBufferPointer) throws(SRTPError) -> Int {
        let length = packet.count - overhead
        guard length >= RTPHeader.fixedLength else { throw .tooShort }
        let bytes = UnsafeRawBufferPointer(packet)
        guard let header = PacketLayout.headerLength(bytes.part(0..<length)) else { throw .malformed }
        // Behind the tag with GCM, before it else.
        let key = try keyIndex(namedAt: isAEAD ? length + tagLength : length, in: bytes)
        let (sequence, ssrc) = (bytes.word16(at: 2), bytes.word32(at: 8))
        let known = streams.find(ssrc)
        if known == nil, streams.isFull { throw .tooManyStreams }
        let (first, second) =
            known.map { streams[$0].candidates(for: sequence) } ?? Stream(ssrc: ssrc).candidates(for: sequence)
        guard let first else { throw .tooOld }
        guard first < PacketIndex.end else { throw .keyExhausted }
        if let known {
            switch streams[known].packets.standing(of: first) {
            case .new: break
            case .replayed: throw .replayed
            case .tooOld: throw .tooOld
            }
        }
        var index = first
        do throws(SRTPError) {
            try open(packet, header: header, length: length, key: key, ssrc: ssrc, index: first)
        } catch {
            guard error == .authenticationFailed, let second else { throw error }
            index = second
            try open(packet, header: header, length: length, key: key, ssrc: ssrc, index: second)
        }
        let place = known ?? streams.add(Stream(ssrc: ssrc))
        streams[place].packets.record(index)
        return length
    }

    @inline(__always)
    private func open(
        _ packet: UnsafeMutableRawBufferPointer, header: Int, length: Int, key: Int, ssrc: UInt32, index: UInt64
    ) throws(SRTPError) {
        let bytes = UnsafeRawBufferPointer(packet)
        let text = packet.part(header..<length)
        if isAEAD {
            try keys[key].packets.open(
                text, associated: bytes.part(0..<header), trailer: UnsafeRawBufferPointer(start: nil, count: 0),
                ssrc: ssrc,
                index: index, tag: packet.place(length))
        } else {
            var rollover = UInt32(truncatingIfNeeded: index >> 16).bigEndian
            let tag = try withUnsafeBytes(of: &rollover) { (trailer) throws(SRTPError) in
                try keys[key].packets.tag(of: bytes.part(0..<length), trailer: trailer)
            }
            guard bytes.holds(tag, count: tagLength, at: packet.count - tagLength) else { throw .authenticationFailed }
            try keys[key].packets.crypt(text, ssrc: ssrc, index: index)
        }
    }

    /// Authenticates and decrypts the SRTCP packet that fills `packet`. One that is authenticated and not encrypted (E flag 0,
    /// RFC 3711 §3.4) is taken too.
    ///
    /// - Returns: octets of the RTCP packet, ``controlOverhead`` less.
    public mutating func unprotectControl(_ packet: UnsafeMutableRawBufferPointer) throws(SRTPError) -> Int {
        let length = packet.count - controlOverhead
        guard length >= PacketLayout.controlHeaderLength else { throw .tooShort }
        let bytes = UnsafeRawBufferPointer(packet)
        guard bytes[0] >> 6 == 2 else { throw .malformed }
        let indexPlace = isAEAD ? length + controlTagLength : length
        let behind = indexPlace + PacketLayout.controlIndexLength
        let key = try keyIndex(namedAt: behind, in: bytes)
        let ssrc = bytes.word32(at: 4)
        let word = bytes.word32(at: indexPlace)
        let index = UInt64(word & ~PacketLayout.encryptedFlag)
        let isEncrypted = word & PacketLayout.encryptedFlag != 0
        let known = streams.find(ssrc)
        if let known {
            switch streams[known].controlPackets.standing(of: index) {
            case .new: break
            case .replayed: throw .replayed
            case .tooOld: throw .tooOld
            }
        } else if streams.isFull {
            throw .tooManyStreams
        }
        // What is not encrypted is associated data as a whole (RFC 7714 §9.3).
        let clear = isEncrypted ? PacketLayout.controlHeaderLength : length
        if isAEAD {
            try keys[key].controlPackets.open(
                packet.part(clear..<length), associated: bytes.part(0..<clear),
                trailer: bytes.part(indexPlace..<behind),
                ssrc: ssrc, index: index, tag: packet.place(length))
        } else {
            let tag = try keys[key].controlPackets.tag(
                of: bytes.part(0..<behind), trailer: UnsafeRawBufferPointer(start: nil, count: 0))
            guard bytes.holds(tag, count: controlTagLength, at: packet.count - controlTagLength) else {
                throw .authenticationFailed
            }
            try keys[key].controlPackets.crypt(packet.part(clear..<length), ssrc: ssrc, index: index)
        }
        let place = known ?? streams.add(Stream(ssrc: ssrc))
        streams[place].controlPackets.record(index)
        return length
    }

    /// The key that a packet names by its identifier, or the only one.
    @inline(__always)
    private func keyIndex(namedAt place: Int, in packet: UnsafeRawBufferPointer) throws(SRTPError) -> Int {
        guard identifierLength > 0, let start = packet.baseAddress else { return 0 }
        for index in 0..<keyCount where keys[index].isNamed(at: start + place) { return index }
        throw .unknownMasterKey
    }

    /// Synchronization sources that have proved to have the key, or were announced.
    public var streamCount: Int { streams.count }

    deinit {
        keys.deinitialize(count: keyCount)
        keys.deallocate()
    }
}

extension SRTPReceiver {
    /// Authenticates and decrypts the SRTP packet that fills `packet`; see the same with a pointer.
    public mutating func unprotect(_ packet: inout MutableRawSpan) throws(SRTPError) -> Int {
        try packet.withUnsafeMutableBytes { (bytes) throws(SRTPError) in try unprotect(bytes) }
    }

    /// Authenticates and decrypts the SRTCP packet that fills `packet`; see the same with a pointer.
    public mutating func unprotectControl(_ packet: inout MutableRawSpan) throws(SRTPError) -> Int {
        try packet.withUnsafeMutableBytes { (bytes) throws(SRTPError) in try unprotectControl(bytes) }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the octets at `offset` are the first of a tag; takes equally long whatever they are.
    @inline(__always)
    func holds(_ tag: HMACSHA1.Tag, count: Int, at offset: Int) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<count { difference |= self[offset + index] ^ tag[index] }
        return difference == 0
    }
}
