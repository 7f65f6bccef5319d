import ICE
import Media
import Reactor
import SDP

/// What descriptions of one session say of connectivity checks, and what was agreed (RFC 8839).
///
/// A value, as the session is: each early dialog has its own. This side tells its candidates all at once, with the offer or answer; the far
/// side may tell others later (RFC 8840).
struct ICENegotiation {
    /// What is written into a description.
    struct Words {
        /// Attributes of the session.
        var session: [Attribute] = []
        /// Attributes of the media description.
        var media: [Attribute] = []
        /// Whether RTCP may share the port of RTP, so that there is one component only.
        var multiplexes = false
        /// Where RTCP is received otherwise (RFC 8839 §4.2.1.2).
        var controlPort: UInt16?
        /// The `m=` line of the offer that is answered.
        var index: Int?
        /// The default destination of each component, where there is one.
        var defaults: [STUNAddress?] = []
    }

    /// What was agreed; nil where media goes as descriptions say.
    private(set) var terms: ICETerms?
    /// Whether the next offer begins anew with the checks (RFC 8839 §4.4.1.1).
    var isRestarting = false
    /// Where this side receives, as it was agreed.
    private var ends: ICEEnds?
    /// Of which generation, and of how many components, an answer has told a part of the candidates.
    private var untold: (parameters: ICEParameters, components: Int)?
    /// What an offer of this side says that waits.
    private var offer: (parameters: ICEParameters, ends: ICEEnds)?

    private static func newParameters() -> ICEParameters {
        var generator = SystemRandomNumberGenerator()
        return .random { generator.next() }
    }

    /// Those that the agent has already, for the first description from a place.
    private func parameters(of ends: ICEEnds) -> ICEParameters {
        guard let parameters = ends.gathered?.parameters, ends.place != self.ends else { return Self.newParameters() }
        return parameters
    }

    // MARK: Offers of this side

    /// What an offer says; it waits until ``take(_:of:)`` or ``rollBack()``.
    ///
    /// - Parameter ends: where this side receives; nil for no checks.
    mutating func makeOffer(_ ends: ICEEnds?) -> Words {
        guard let ends else {
            offer = nil
            return Words()
        }
        // Elsewhere, or wanted so: a restart (RFC 8839 §4.4.1.1).
        let isKept = !isRestarting && ends.place == self.ends
        let parameters = (isKept ? terms?.local : nil) ?? parameters(of: ends)
        offer = (parameters, ends.place)
        let settled = ends.settlement(of: parameters)
        let candidates = settled?.pairs.map(\.local) ?? ends.candidates(components: 2)
        var words = words(parameters, ends, candidates)
        if let settled, terms?.isControlling == true {
            // The far side may hear of the pairs by this before it does by checks (RFC 8839 §4.4.1.2.2).
            words.media.append(
                RemoteCandidate.attribute(
                    settled.pairs.compactMap { pair in
                        UInt16(exactly: pair.component).map {
                            RemoteCandidate(
                                component: $0, address: ConnectionAddress(TransportAddress(pair.remote)),
                                port: pair.remote.port)
                        }
                    }))
        }
        words.multiplexes = true
        words.controlPort = candidates.contains { $0.component == 2 } ? ends.control.port : nil
        return words
    }

    /// Takes the answer to the offer.
    ///
    /// - Parameter media: the description of the answer that belongs to the stream.
    mutating func take(_ answer: SessionDescription, of media: MediaDescription) {
        guard let offer else { return }
        self.offer = nil
        isRestarting = false
        guard let remote = ICERemote(answer, media), !media.hasICEMismatch,
            isKnown(remote) || !answer.hasMismatch(media)
        else {
            terms = nil
            return
        }
        ends = offer.ends
        terms = ICETerms(isControlling: terms?.isControlling ?? true, local: offer.parameters, remote: remote)
    }

    // MARK: Offers of the far side

    /// What the answer to an offer says, which is what is agreed from now on.
    ///
    /// - Parameters:
    ///   - index: the `m=` line of the stream.
    ///   - ends: where this side receives; nil for no checks.
    mutating func answer(_ offer: SessionDescription, index: Int?, _ ends: ICEEnds?) -> Words {
        self.offer = nil
        guard let ends, let index, index < offer.media.count, let remote = ICERemote(offer, offer.media[index]) else {
            terms = nil
            return Words()
        }
        let media = offer.media[index]
        let isKept = isKnown(remote)
        guard isKept || !offer.hasMismatch(media) else {
            // RFC 8839 §4.2.5: something on the way has changed the addresses.
            terms = nil
            var words = Words(index: index)
            if let attribute = Attribute("ice-mismatch") { words.media = [attribute] }
            return words
        }
        // The far side has begun anew: so does this one (RFC 8839 §4.4.2).
        let parameters = (isKept ? terms?.local : nil) ?? parameters(of: ends)
        // One that has moved says so by an offer of its own.
        if !isKept { self.ends = ends.place }
        isRestarting = false
        terms = ICETerms(isControlling: terms?.isControlling ?? false, local: parameters, remote: remote)
        let components = media.isRTCPMultiplexed ? 1 : 2
        var candidates = ends.candidates(components: components)
        if let settled = ends.settlement(of: parameters), settled.pairs.count >= components {
            candidates = settled.pairs.prefix(components).map(\.local)
        } else if let named = named(media.remoteCandidates, of: candidates, components) {
            candidates = named
        }
        untold = ends.gathered?.isComplete == false ? (parameters, components) : nil
        var words = words(parameters, ends, candidates)
        words.multiplexes = true
        words.controlPort = media.isRTCPMultiplexed ? nil : ends.control.port
        words.index = index
        return words
    }

    // MARK: Candidates that come later

    /// Takes what the far side tells of candidates behind its offer or answer (RFC 8840 §4.4).
    ///
    /// - Parameter tag: the name of the stream's media description.
    /// - Returns: whether something is new; what is of another generation is not looked at.
    mutating func take(_ fragment: CandidateFragment, tag: ByteString?) -> Bool {
        guard let terms, let media = fragment.media(tag), let credentials = fragment.iceCredentials(of: media),
            ICEParameters(credentials) == terms.remote.parameters
        else { return false }
        var remote = terms.remote
        for candidate in media.candidates.compactMap(Candidate.init)
        where remote.candidates.count < Self.mostCandidates
            && !remote.candidates.contains(where: {
                $0.address == candidate.address && $0.component == candidate.component
            })
        { remote.candidates.append(candidate) }
        if fragment.endsCandidates(of: media) { remote.isComplete = true }
        guard remote != terms.remote else { return false }
        self.terms = ICETerms(isControlling: terms.isControlling, local: terms.local, remote: remote)
        return true
    }

    /// What follows an answer that did not tell all (RFC 8840 §4.4), once; nil where there is nothing, or not everything is known yet.
    ///
    /// - Parameter tag: the name of the stream's media description.
    mutating func takeFollowing(_ ends: ICEEnds?, tag: ByteString) -> [UInt8]? {
        guard let untold, let ends, let gathered = ends.gathered, gathered.isComplete else { return nil }
        self.untold = nil
        guard terms?.local == untold.parameters, gathered.parameters == untold.parameters,
            let credentials = ICECredentials(untold.parameters)
        else { return nil }
        return CandidateFragment.body(
            credentials, tag: tag, isMultiplexed: untold.components == 1,
            ends.candidates(components: untold.components).compactMap(CandidateAttribute.init), isLast: true)
    }

    /// The most candidates of the far side that are kept, of those that came later too: as many as a description may have.
    static let mostCandidates = MediaDescription.mostCandidates

    /// No checks after all.
    mutating func abandon() { terms = nil }

    /// The offer is void.
    mutating func rollBack() { offer = nil }

    // MARK: Both

    /// Whether the far side goes on with what it has said before.
    private func isKnown(_ remote: ICERemote) -> Bool { terms?.remote.parameters == remote.parameters }

    /// Those of this side that the far side has settled on, when it has told all before this one knows of it (RFC 8839 §4.4.2); nil when it
    /// has not.
    private func named(_ remote: [RemoteCandidate], of candidates: [Candidate], _ components: Int) -> [Candidate]? {
        let found = remote.compactMap { named in
            candidates.first {
                $0.component == named.component && named.address.stun(port: named.port) == $0.address
            }
        }
        return found.count == components ? found : nil
    }

    private func words(_ parameters: ICEParameters, _ ends: ICEEnds, _ candidates: [Candidate]) -> Words {
        var words = Words()
        words.defaults = candidates.defaultDestinations(of: ends)
        guard let credentials = ICECredentials(parameters) else { return words }
        if ends.isLite, let lite = Attribute("ice-lite") { words.session.append(lite) }
        if let options = Attribute("ice-options", "ice2 trickle") { words.session.append(options) }
        words.media = credentials.attributes
        words.media += candidates.compactMap { CandidateAttribute($0)?.attribute }
        // There are no others (RFC 8840 §4.1).
        if ends.gathered?.isComplete ?? true, let end = Attribute("end-of-candidates") { words.media.append(end) }
        return words
    }
}

extension [Candidate] {
    /// Of each component what most probably works without checks (RFC 8445 §5.1.4): a relay, else what others see, of the address that
    /// signalling leaves by where there are several.
    fileprivate func defaultDestinations(of ends: ICEEnds) -> [STUNAddress?] {
        (1...Swift.max(1, map(\.component).max() ?? 1)).map { component in
            let own = STUNAddress(component == 2 ? ends.control : ends.media)
            let rank = { (candidate: Candidate) -> (UInt32, Int) in
                (candidate.kind.preference, candidate.address == own || candidate.related == own ? 0 : 1)
            }
            return filter { $0.component == component }.min { rank($0) < rank($1) }?.address
        }
    }
}

extension SessionDescription {
    /// Whether the default destination of a component is none of the candidates, so that something on the way has changed it
    /// (RFC 8839 §4.2.5). Addresses that are none yet, and names, change nothing.
    fileprivate func hasMismatch(_ media: MediaDescription) -> Bool {
        guard let address = connection(of: media)?.address else { return false }
        if !media.isCandidate(1, address, media.port) { return true }
        guard !media.isRTCPMultiplexed, let stated = media.rtcp else { return false }
        return !media.isCandidate(2, stated.connection?.address ?? address, stated.port)
    }
}

extension MediaDescription {
    fileprivate func isCandidate(_ component: UInt16, _ address: ConnectionAddress, _ port: UInt16) -> Bool {
        if address.isUnspecified || address.family == nil { return true }
        return candidates.contains { $0.component == component && $0.address == address && $0.port == port }
    }
}

extension ICERemote {
    /// What a description says; nil when its writer knows nothing of checks.
    fileprivate init?(_ description: SessionDescription, _ media: MediaDescription) {
        guard let credentials = description.iceCredentials(of: media) else { return nil }
        let options = description.iceOptions(of: media)
        let mayFollow = options.contains { $0.equalsIgnoringCase("trickle") }
        self.init(
            ICEParameters(credentials),
            candidates: media.candidates.compactMap { Candidate($0) }, isLite: description.isICELite,
            pacing: description.icePacing,
            isComplete: !mayFollow || media.endsCandidates || description.endsCandidates,
            nominatesOnce: options.contains { $0.equalsIgnoringCase("ice2") })
    }
}

extension ICECredentials {
    fileprivate init?(_ parameters: ICEParameters) {
        guard let fragment = ByteString(parameters.fragment), let password = ByteString(parameters.password) else {
            return nil
        }
        self.init(fragment: fragment, password: password)
    }
}

extension ICEParameters {
    fileprivate init(_ credentials: ICECredentials) {
        self.init(fragment: Array(credentials.fragment.bytes), password: Array(credentials.password.bytes))
    }
}

extension Candidate {
    /// The candidate of a description; nil for one that is to be ignored (RFC 8839 §5.1).
    fileprivate init?(_ attribute: CandidateAttribute) {
        guard attribute.isUsable, let address = attribute.address.stun(port: attribute.port) else { return nil }
        let kind: Kind
        switch attribute.kind {
        case .host: kind = .host
        case .serverReflexive: kind = .serverReflexive
        case .peerReflexive: kind = .peerReflexive
        case .relayed: kind = .relayed
        case .other: return nil
        }
        self.init(
            foundation: Array(attribute.foundation.bytes), component: Int(attribute.component), kind: kind,
            priority: attribute.priority, address: address,
            related: attribute.related.flatMap { $0.address.stun(port: $0.port) })
    }
}

extension CandidateAttribute {
    /// A candidate of this side.
    fileprivate init?(_ candidate: Candidate) {
        guard let foundation = ByteString(candidate.foundation), let component = UInt16(exactly: candidate.component)
        else { return nil }
        let kind: Kind =
            switch candidate.kind {
            case .host: .host
            case .serverReflexive: .serverReflexive
            case .peerReflexive: .peerReflexive
            case .relayed: .relayed
            }
        let related = candidate.related.map {
            Related(address: ConnectionAddress(TransportAddress($0)), port: $0.port)
        }
        self.init(
            foundation: foundation, component: component, priority: candidate.priority,
            address: ConnectionAddress(TransportAddress(candidate.address)), port: candidate.address.port, kind: kind,
            related: related)
    }
}

extension ConnectionAddress {
    /// The address as ICE speaks of it; nil for names, which are not looked up here.
    fileprivate func stun(port: UInt16) -> STUNAddress? {
        switch self {
        case .ip4(let bits): STUNAddress(ip4: bits, port: port)
        case .ip6(let bits): STUNAddress(ip6: bits, port: port)
        case .name, .other: nil
        }
    }
}
