/// Decides where to send media when the peer may be behind a NAT: to the address of its session description until valid
/// packets come from elsewhere, then there (symmetric RTP, RFC 4961 §4; the rules against hijack follow the restricted
/// latching of RFC 7362 §5).
///
/// ```
///  signalled ── first valid packet, from anywhere ──► confirmed ◄──┐
///                                                        │         │ from the signalled address; or the same source
///                                                        └─────────┘ from a new one after silence of the old
/// ```
///
/// Once confirmed, a packet from another address is refused and counted, unless the confirmed one has been silent for
/// a while and the stranger continues the very same source (SSRC) with several packets in a row: a NAT that changed its
/// mapping does that, a hijacker would have to know the SSRC. The signalled address is always believed, so that one who
/// was faster than the peer does not keep the stream. A new session description opens the latch again.
///
/// Where connectivity checks find the way (ICE), nothing is decided here: ``fix(to:)`` says what they have found.
///
/// `Address` is whatever the caller's sockets use.
public struct SymmetricLatch<Address: Equatable & Sendable>: Sendable {
    /// The rules, as far as they can be chosen.
    public struct Policy: Hashable, Sendable {
        /// Whether media may go anywhere but to the signalled address at all.
        public var follows = true

        /// How long the confirmed address must have been silent before the source may move.
        public var silence = Duration.seconds(2)

        /// Packets of the same source in a row from one new address that move it.
        public var packetsToMove = 3

        /// The defaults.
        @inlinable
        public init() {}
    }

    /// What to do with a packet.
    @frozen
    public enum Verdict: Hashable, Sendable {
        /// It comes from where we send to.
        case accepted

        /// It is accepted, and media goes to its address from now on.
        case moved

        /// It comes from a stranger and must not be played.
        case refused
    }

    /// Where to send; nil when neither signalling nor the peer has said so.
    public private(set) var destination: Address?

    /// Whether a valid packet has come from `destination`.
    public private(set) var isConfirmed = false

    /// Whether connectivity checks say where the peer is.
    public private(set) var isFixed = false

    /// Whether connectivity checks have not found the peer yet.
    public var isSearching: Bool { isFixed && destination == nil }

    /// Packets refused.
    public private(set) var refused: UInt64 = 0

    private let policy: Policy
    private var signalled: Address?
    private var ssrc: UInt32 = 0
    private var lastHeard: ContinuousClock.Instant?
    private var candidate: Address?
    private var candidatePackets = 0
    /// Where the peer may also be heard from, as connectivity checks say.
    private var others: [Address] = []

    /// Starts with the address of the session description; nil (or an unspecified address, which the caller maps to
    /// nil) waits for the peer to show itself.
    public init(signalled: Address?, policy: Policy = .init()) {
        self.signalled = signalled
        self.policy = policy
        destination = signalled
    }

    /// Takes the address of a new session description. The same address as before changes nothing; another one is where
    /// media goes at once, and the latch is open again.
    public mutating func signal(_ address: Address?) {
        guard address != signalled else { return }
        signalled = address
        guard !isFixed else { return }
        destination = address
        isConfirmed = false
        candidate = nil
    }

    /// Connectivity checks say where the peer is, whatever its description says: media goes there, and comes from there or from
    /// others that checks have come from, since each side picks its way for itself (RFC 8445 §12).
    ///
    /// - Parameters:
    ///   - address: nil while nothing is found: nothing is to be sent then, and a packet from anywhere is taken, since the peer may
    ///     have come to its end first.
    ///   - others: where the peer has shown itself too; a few.
    public mutating func fix(to address: Address?, orFrom others: [Address] = []) {
        isFixed = true
        destination = address
        self.others = others
        isConfirmed = false
        candidate = nil
    }

    /// There are no connectivity checks any more: media goes where the description says, and the latch is open.
    public mutating func release() {
        guard isFixed else { return }
        isFixed = false
        others = []
        destination = signalled
        isConfirmed = false
    }

    /// Judges a packet that passed the checks of RTP or RTCP.
    ///
    /// - Parameters:
    ///   - address: where it came from.
    ///   - ssrc: its source.
    public mutating func receive(
        from address: Address, ssrc: UInt32, at now: ContinuousClock.Instant
    ) -> Verdict {
        if isFixed {
            return destination == nil || address == destination || others.contains(address) ? .accepted : refuse()
        }
        if address == destination {
            confirm(ssrc, at: now)
            return .accepted
        }
        guard policy.follows else { return refuse() }
        if isConfirmed, address != signalled {
            guard ssrc == self.ssrc, let lastHeard, lastHeard.duration(to: now) >= policy.silence else {
                return refuse()
            }
            candidatePackets = candidate == address ? candidatePackets + 1 : 1
            candidate = address
            guard candidatePackets >= policy.packetsToMove else { return refuse() }
        }
        destination = address
        confirm(ssrc, at: now)
        return .moved
    }

    private mutating func confirm(_ ssrc: UInt32, at now: ContinuousClock.Instant) {
        isConfirmed = true
        self.ssrc = ssrc
        lastHeard = now
        candidate = nil
        candidatePackets = 0
    }

    private mutating func refuse() -> Verdict {
        refused &+= 1
        return .refused
    }
}
