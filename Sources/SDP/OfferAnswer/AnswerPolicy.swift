/// How the local side chooses among the formats that both have.
public struct AnswerPolicy: Hashable, Sendable {
    /// Whose order of preference an answer follows.
    public enum Order: String, Hashable, Sendable {
        /// That of the offer, so that both directions use the same codec (recommended by RFC 3264 §6.1).
        case offered
        /// That of the local capabilities, in what is answered and in what is sent.
        case local
    }

    /// How many codecs an answer names.
    public enum Selection: String, Hashable, Sendable {
        /// All that both have: either side may change among them at any time.
        case all
        /// The preferred one alone, with the events and comfort noise that go with it; for those who can decode one at
        /// a time (RFC 3264 §10.2).
        case first
    }

    /// Whose order of preference an answer follows.
    public var order: Order

    /// How many codecs an answer names.
    public var selection: Selection

    /// Makes a policy; the default follows the offer and keeps all common codecs.
    public init(order: Order = .offered, selection: Selection = .all) {
        self.order = order
        self.selection = selection
    }

    /// A format of an offer beside the local one that it matches.
    struct Match {
        let offered: RTPFormat
        let local: FormatCapability
        let place: Int
    }

    /// The formats that both sides have, in the order of the answer, those that can stand alone first; `nil` when they
    /// do not make a stream.
    func matches(_ offered: [RTPFormat], _ stream: StreamCapability) -> [Match]? {
        var matches: [Match] = []
        for format in offered {
            let place = stream.formats.indices.first { place in
                stream.formats[place].matches(format) && !matches.contains { $0.place == place }
            }
            guard let place else { continue }
            matches.append(Match(offered: format, local: stream.formats[place], place: place))
        }
        if order == .local { matches.sort { $0.place < $1.place } }
        var primary = matches.filter { !$0.local.codec.isAncillary }
        guard !matches.isEmpty, !primary.isEmpty || !stream.hasPrimaryFormat else { return nil }
        if selection == .first { primary = Array(primary.prefix(1)) }
        return primary + companions(of: primary, among: matches.filter(\.local.codec.isAncillary))
    }

    /// Events and comfort noise run on the clock of the codec they accompany, and redundant data repeat it; events on another
    /// clock are better than none.
    private func companions(of primary: [Match], among ancillary: [Match]) -> [Match] {
        guard !primary.isEmpty else { return ancillary }
        let fitting = ancillary.filter { companion in
            // Redundant data are of one codec, the others go with any of their clock.
            if let repeated = companion.local.redundancy?.codec {
                return primary.contains { $0.local.codec == repeated }
            }
            return primary.contains { $0.local.codec.clockRate == companion.local.codec.clockRate }
        }
        if fitting.contains(where: \.local.codec.isTelephoneEvent) { return fitting }
        return fitting + ancillary.filter(\.local.codec.isTelephoneEvent).prefix(1)
    }
}
