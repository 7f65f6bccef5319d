/// One side of the offer/answer exchange of a session. RFC 3264; its use in SIP: RFC 3261 §13.2.1, RFC 6337.
///
/// ```
///              makeOffer                        receiveOffer
///   offerSent <--------- stable (agreement) ---------------> offerReceived
///       |                 ^   ^   ^   ^                            |
///       +-- receiveAnswer +   |   |   +-- makeAnswer, makeRefusal -+
///       +-------- rollBack ---+   +------- rollBack ---------------+
/// ```
///
/// The machine knows nothing of messages: the caller decides which body is an offer and which an answer. It is a value.
/// Where an INVITE forks, each early dialog takes a copy of the machine that made the offer and gives it its own answer;
/// an answer in an unreliable provisional response can be tried on a copy. A late offer is ``makeOffer(_:)`` on the
/// side that was called.
///
/// Every error leaves the agreement as it was (RFC 3264 §4).
public struct OfferAnswer: Sendable {
    /// Where the exchange stands.
    public enum State: String, Hashable, Sendable {
        /// No offer waits for an answer.
        case stable
        /// Ours waits for the peer's answer.
        case offerSent
        /// The peer's waits for our answer.
        case offerReceived
    }

    /// How an offer relates to the last description of the peer.
    public enum OfferChange: String, Hashable, Sendable {
        /// There was none.
        case initial
        /// They are the same but for the version: a refresh. It must be answered all the same (RFC 3264 §8).
        case unchanged
        /// Something is different. A peer that forgets to raise the version is believed by its lines.
        case changed
    }

    enum Phase {
        case stable
        case offerSent(SentOffer)
        case offerReceived(SessionDescription)
    }

    /// An offer with what each of its lines stands for; `nil` for lines that are not in use.
    struct SentOffer {
        var description: SessionDescription
        var lines: [Line?]

        struct Line {
            var stream: StreamCapability
            var direction: Direction
            var formats: [RTPFormat]
        }
    }

    struct Agreement {
        var local: SessionDescription
        var remote: SessionDescription
        /// The local stream of each `m=` line; `nil` where the line is not in use and may be used anew.
        var slots: [StreamCapability.ID?]
        var streams: [NegotiatedStream]
        var refused: [RefusedMedia]
    }

    /// How formats are chosen.
    public var policy: AnswerPolicy

    var phase = Phase.stable
    var agreement: Agreement?
    /// Payload types of each `m=` line; kept when an offer is rolled back, as packets may be on their way.
    var payloadTypes: [PayloadTypeTable] = []

    private let composer: DescriptionComposer
    private var version: UInt64
    private var lastSent: SessionDescription?

    /// Greatest first version: versions must stay in 62 bits (RFC 3264 §5) for as long as the session lasts.
    public static let maximumInitialVersion: UInt64 = 1 << 61 - 1

    /// Makes the machine of a new session.
    ///
    /// - Parameters:
    ///   - username: User of the `o=` line.
    ///   - sessionID: Identifier of the session, unique on this machine; a random number or the time. Reduced to the
    ///     63 bits that are allowed.
    ///   - version: First version; without one, `sessionID`. Reduced to ``maximumInitialVersion``.
    ///   - address: Address of the `o=` line, which does not change when the media moves.
    ///   - name: Session name.
    ///   - policy: How formats are chosen.
    public init(
        username: ByteString = "-", sessionID: UInt64, version: UInt64? = nil, address: ConnectionAddress,
        name: ByteString = "-", policy: AnswerPolicy = .init()
    ) {
        let identifier = sessionID & UInt64(Int64.max)
        let first = (version ?? sessionID) & OfferAnswer.maximumInitialVersion
        self.version = first
        self.policy = policy
        composer = DescriptionComposer(
            origin: Origin(username: username, sessionID: identifier, sessionVersion: first, address: address),
            name: name, address: address)
    }

    /// Where the exchange stands.
    public var state: State {
        switch phase {
        case .stable: .stable
        case .offerSent: .offerSent
        case .offerReceived: .offerReceived
        }
    }

    /// What we said last in an exchange that was completed.
    public var local: SessionDescription? { agreement?.local }

    /// What the peer said last in an exchange that was completed.
    public var remote: SessionDescription? { agreement?.remote }

    /// The streams in use, by the order of their `m=` lines.
    public var streams: [NegotiatedStream] { agreement?.streams ?? [] }

    /// The lines that are not in use, and why.
    public var refused: [RefusedMedia] { agreement?.refused ?? [] }

    /// The offer of the peer that waits for an answer.
    public var pendingOffer: SessionDescription? {
        if case .offerReceived(let offer) = phase { offer } else { nil }
    }

    /// Gives up the offer that waits, ours or the peer's: it was rejected, or the transaction failed. The session is as
    /// it was before the offer (RFC 3264 §4).
    public mutating func rollBack() {
        phase = .stable
    }

    /// Fails unless a new offer may be made or taken.
    func requireStable() throws(OfferAnswerError) {
        switch phase {
        case .stable: return
        case .offerSent: throw OfferAnswerError(.glare, "an offer of ours waits for its answer")
        case .offerReceived: throw OfferAnswerError(.offerPending, "an offer of the peer waits for our answer")
        }
    }

    func require(distinctStreamsIn capabilities: MediaCapabilities) throws(OfferAnswerError) {
        guard Set(capabilities.streams.map(\.id)).count == capabilities.streams.count else {
            throw OfferAnswerError(.invalidCapabilities, "two local streams have the same identifier")
        }
    }

    /// Writes a description and gives it its version: the last one's when nothing else changed, else one more
    /// (RFC 3264 §8). A rejected offer has used up its version, since the peer has seen it.
    mutating func compose(
        _ lines: [DescriptionComposer.MediaLine], attributes: [Attribute], answering offer: SessionDescription? = nil
    ) -> SessionDescription {
        var description = composer.compose(lines, attributes: attributes, answering: offer)
        if let lastSent {
            description.origin = lastSent.origin
            if description == lastSent { return description }
            version &+= 1
            description.origin = composer.origin.withVersion(version)
        }
        lastSent = description
        return description
    }

    /// Makes room for the payload types of `count` lines.
    mutating func reserveLines(_ count: Int) {
        while payloadTypes.count < count { payloadTypes.append(PayloadTypeTable()) }
    }
}
