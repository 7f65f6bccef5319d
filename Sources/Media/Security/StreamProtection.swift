public import SRTP

/// The keys that protect a stream, one for each direction, and where each direction stands (RFC 3711).
///
/// Keys may change while packets are on their way: what the former keys of the peer protect is taken for ``overlap`` more. A key
/// that does not change keeps its place, so that no index is ever used twice. Nothing is allocated for a packet. It belongs to its
/// stream's lane.
public final class StreamProtection {
    /// How long packets that the peer's former keys protect are taken after a change.
    public static let overlap = Duration.seconds(2)

    /// Ciphers and tags.
    public let profile: ProtectionProfile

    private let outward: Outward
    private let inward: Inward

    /// Begins with keys, or goes on with them.
    ///
    /// - Parameters:
    ///   - local: protects what is sent.
    ///   - remote: protect what the peer sends; several are told apart by their identifiers.
    ///   - earlier: what protected the stream before, whose places are kept where the keys are the same.
    ///   - now: when the keys change.
    /// - Throws: `SRTPError` when a key does not fit the profile, or OpenSSL refuses.
    public init(
        _ profile: ProtectionProfile, local: MasterKey, remote: [MasterKey], after earlier: StreamProtection? = nil,
        at now: ContinuousClock.Instant
    ) throws(SRTPError) {
        self.profile = profile
        if let earlier, earlier.profile == profile, earlier.outward.key == local {
            outward = earlier.outward
        } else {
            outward = try Outward(profile, local)
        }
        if let earlier, earlier.profile == profile, earlier.inward.keys == remote {
            inward = earlier.inward
        } else {
            inward = try Inward(profile, remote, after: earlier?.inward, at: now)
        }
    }

    /// Protects the RTP packet in the first `length` octets of `memory`.
    ///
    /// - Returns: octets of the SRTP packet.
    public func seal(_ memory: UnsafeMutableRawBufferPointer, length: Int) throws(SRTPError) -> Int {
        try outward.sender.protect(memory, length: length)
    }

    /// Protects the RTCP compound in the first `length` octets of `memory`.
    ///
    /// - Returns: octets of the SRTCP packet.
    public func sealControl(_ memory: UnsafeMutableRawBufferPointer, length: Int) throws(SRTPError) -> Int {
        try outward.sender.protectControl(memory, length: length)
    }

    /// Opens the SRTP packet that fills `packet`, in place.
    ///
    /// - Returns: octets of the RTP packet.
    /// - Throws: `SRTPError`; the packet is as it was.
    public func open(
        _ packet: UnsafeMutableRawBufferPointer, at now: ContinuousClock.Instant
    ) throws(SRTPError) -> Int {
        do throws(SRTPError) {
            return try inward.receiver.unprotect(packet)
        } catch {
            guard let former = inward.former(for: error, at: now) else { throw error }
            return try former.receiver.unprotect(packet)
        }
    }

    /// Opens the SRTCP packet that fills `packet`, in place.
    ///
    /// - Returns: octets of the RTCP compound.
    /// - Throws: `SRTPError`; the packet is as it was.
    public func openControl(
        _ packet: UnsafeMutableRawBufferPointer, at now: ContinuousClock.Instant
    ) throws(SRTPError) -> Int {
        do throws(SRTPError) {
            return try inward.receiver.unprotectControl(packet)
        } catch {
            guard let former = inward.former(for: error, at: now) else { throw error }
            return try former.receiver.unprotectControl(packet)
        }
    }
}

/// What is sent under one key.
private final class Outward {
    let key: MasterKey
    // Here and below: touched on the stream's lane only, and handed to no foreign code while it is being changed.
    @exclusivity(unchecked) var sender: SRTPSender

    init(_ profile: ProtectionProfile, _ key: MasterKey) throws(SRTPError) {
        self.key = key
        sender = try SRTPSender(profile, key)
    }
}

/// What is received under the keys of one description.
private final class Inward {
    let keys: [MasterKey]
    @exclusivity(unchecked) var receiver: SRTPReceiver
    /// What came before, as long as it may come still.
    @exclusivity(unchecked) private var former: Inward?
    private let formerEnds: ContinuousClock.Instant

    init(
        _ profile: ProtectionProfile, _ keys: [MasterKey], after former: Inward?, at now: ContinuousClock.Instant
    ) throws(SRTPError) {
        guard let first = keys.first else { throw .invalidKey }
        self.keys = keys
        receiver = try SRTPReceiver(profile, first)
        for key in keys.dropFirst() { try receiver.add(key) }
        if let former { receiver.follow(former.receiver) }
        former?.former = nil
        self.former = former
        formerEnds = now + StreamProtection.overlap
    }

    /// The keys before these, if a packet that these do not open may be theirs.
    func former(for error: SRTPError, at now: ContinuousClock.Instant) -> Inward? {
        guard former != nil, error != .replayed, error != .malformed, error != .tooShort else { return nil }
        if now >= formerEnds { former = nil }
        return former
    }
}
