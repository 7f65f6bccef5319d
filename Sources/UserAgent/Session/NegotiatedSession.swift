import ICE
import Media
import Reactor
import SDP
import SIP

/// The session of a call whose media is in this program: offers what its media can do, and lets it do what was agreed.
final class NegotiatedSession: CallSession {
    /// What this side wants of the session.
    struct Wish: Hashable {
        /// Both ways to talk, `sendonly` to hold the far side.
        var direction = Direction.sendrecv
        /// The codecs in order of preference; nil for all that the media has.
        var codecs: [Codec]?
    }

    let media: any MediaLeg
    /// What the next offer or answer is to say.
    var wish = Wish()
    private var agreed = Wish()
    /// What was agreed when the last offer was made.
    private var before = Wish()
    private var negotiation: OfferAnswer
    private var keys: KeyNegotiation
    private var ice = ICENegotiation()
    /// Carries out what was agreed.
    private let apply: (NegotiatedStream, MediaKeys, ICETerms?) -> Void

    init(
        media: any MediaLeg, sessionID: UInt64, apply: @escaping (NegotiatedStream, MediaKeys, ICETerms?) -> Void
    ) {
        self.media = media
        self.apply = apply
        keys = KeyNegotiation(media.security)
        negotiation = OfferAnswer(sessionID: sessionID, version: 1, address: ConnectionAddress(media.localAddress))
    }

    private init(_ other: NegotiatedSession) {
        media = other.media
        wish = other.wish
        agreed = other.agreed
        before = other.before
        negotiation = other.negotiation
        keys = other.keys
        ice = other.ice
        apply = other.apply
    }

    /// The stream in use.
    var stream: NegotiatedStream? { negotiation.streams.first }

    /// The next offer has new keys, where the media is encrypted.
    func renewKeys() { keys.isRenewing = true }

    /// The next offer begins anew with connectivity checks, where there are any.
    func restartChecks() { ice.isRestarting = true }

    private func capabilities(_ terms: KeyNegotiation.Terms, _ ways: ICENegotiation.Words) -> MediaCapabilities {
        var capabilities = media.capabilities
        capabilities.attributes += ways.session
        // One stream and one port: browsers want to see it bundled, and candidates that come later need its name (RFC 8840 §4.1.1).
        capabilities.bundles = ways.multiplexes
        for index in capabilities.streams.indices {
            capabilities.streams[index].direction = wish.direction
            if let transports = terms.transports { capabilities.streams[index].transports = transports }
            capabilities.streams[index].attributes += terms.attributes + ways.media
            if terms.multiplexes || ways.multiplexes { capabilities.streams[index].multiplexesRTCP = true }
            capabilities.streams[index].takesAnyFamily = ways.multiplexes
            if let port = ways.controlPort { capabilities.streams[index].rtcpPort = port }
            if let address = ways.defaults.first?.map(TransportAddress.init) {
                capabilities.streams[index].address = ConnectionAddress(address)
                capabilities.streams[index].port = address.port
            }
            if ways.controlPort != nil, ways.defaults.count > 1, let control = ways.defaults[1] {
                capabilities.streams[index].rtcpPort = control.port
            }
            guard let codecs = wish.codecs else { continue }
            let formats = capabilities.streams[index].formats
            capabilities.streams[index].formats =
                codecs.compactMap { codec in formats.first { $0.codec == codec } }
                + formats.filter(\.codec.isTelephoneEvent)
        }
        return capabilities
    }

    func makeOffer() throws(SessionRefusal) -> [UInt8] {
        if negotiation.state == .offerSent { negotiation.rollBack() }
        before = agreed
        guard
            wish.codecs.map({ codecs in
                media.capabilities.streams.contains { $0.formats.contains { codecs.contains($0.codec) } }
            }) ?? true
        else { throw SessionRefusal(488, "None of these codecs is there") }
        let terms: KeyNegotiation.Terms
        do throws(MediaSecurityError) {
            terms = try keys.makeOffer(at: place, checksConnectivity: media.ice != nil)
        } catch {
            throw SessionRefusal(error)
        }
        let ways = ice.makeOffer(media.ice)
        do throws(OfferAnswerError) {
            return try negotiation.makeOffer(capabilities(terms, ways)).serialised()
        } catch {
            throw SessionRefusal(500, "The offer cannot be made: \(error)")
        }
    }

    func answer(_ offer: [UInt8], _ completion: @escaping (Result<[UInt8], SessionRefusal>) -> Void) {
        do {
            let answer = try answer(offer)
            if let stream { apply(stream, keys.keys, ice.terms) }
            completion(.success(answer))
        } catch let refusal as SessionRefusal {
            negotiation.rollBack()
            completion(.failure(refusal))
        } catch {
            negotiation.rollBack()
            completion(.failure(SessionRefusal(488, "\(error)")))
        }
    }

    /// Agrees on an offer, or leaves all as it was.
    private func answer(_ offer: [UInt8]) throws -> [UInt8] {
        let offer = try SessionDescription(parsing: offer)
        var (negotiation, keys, ice) = (negotiation, keys, ice)
        let terms: KeyNegotiation.Terms
        do throws(MediaSecurityError) {
            terms = try keys.answer(offer, index: stream?.index, at: place)
        } catch {
            throw SessionRefusal(error)
        }
        try negotiation.receiveOffer(offer)
        let likely = stream?.index ?? terms.index ?? offer.firstAudio
        let ways = ice.answer(offer, index: likely, media.ice)
        let waiting = negotiation
        var answer = try negotiation.makeAnswer(capabilities(terms, ways))
        if let index = ways.index, let stream = negotiation.streams.first, stream.index != index {
            // What was said of the ways is that of another line.
            negotiation = waiting
            ice.abandon()
            answer = try negotiation.makeAnswer(capabilities(terms, ICENegotiation.Words()))
        }
        // Of lines with one transport that with the keys was meant.
        if let index = terms.index, let stream = negotiation.streams.first, stream.index != index {
            throw SessionRefusal(.unsupported)
        }
        self.negotiation = negotiation
        self.keys = keys
        self.ice = ice
        agreed = wish
        return answer.serialised()
    }

    /// Where this side receives.
    private var place: ByteString { ByteString("\(media.localAddress)") ?? "" }

    /// Whether an offer would be refused for the sake of encryption, whoever answers it.
    func refusal(of offer: [UInt8]) -> SessionRefusal? {
        guard let offer = try? SessionDescription(parsing: offer) else { return nil }
        var keys = keys
        do throws(MediaSecurityError) {
            _ = try keys.answer(offer, index: stream?.index, at: place)
            return nil
        } catch {
            return SessionRefusal(error)
        }
    }

    func take(answer: [UInt8], isPreview: Bool) throws(SessionRefusal) {
        guard let description = try? SessionDescription(parsing: answer) else {
            throw SessionRefusal(488, "The answer cannot be read")
        }
        var (negotiation, keys, ice) = (negotiation, keys, ice)
        do throws(OfferAnswerError) {
            try negotiation.receiveAnswer(description)
        } catch {
            throw keys.refusal(of: description).map { SessionRefusal($0) }
                ?? SessionRefusal(488, "The answer cannot be used: \(error)")
        }
        if let stream = negotiation.streams.first {
            do throws(MediaSecurityError) {
                try keys.take(description, of: description.media[stream.index])
            } catch {
                throw SessionRefusal(error)
            }
            ice.take(description, of: description.media[stream.index])
        }
        if !isPreview {
            self.negotiation = negotiation
            self.keys = keys
            self.ice = ice
            agreed = wish
        }
        guard let stream = negotiation.streams.first else { throw SessionRefusal(488, "No common media") }
        apply(stream, keys.keys, ice.terms)
    }

    /// Takes what the far side tells of candidates behind its offer or answer (RFC 8840 §4.4).
    ///
    /// - Parameter isUsed: whether what was agreed is what the media goes by, and not that of another early dialog.
    func take(_ fragment: CandidateFragment, isUsed: Bool) {
        guard let stream, let remote = negotiation.remote,
            ice.take(fragment, tag: remote.media[stream.index].identification), isUsed
        else { return }
        apply(stream, keys.keys, ice.terms)
    }

    /// The candidates that follow an answer which did not tell all (RFC 8840 §4.4), once; nil where there are none, or not all are known yet.
    func takeFollowingCandidates() -> [UInt8]? {
        guard let stream, let tag = negotiation.remote?.media[stream.index].identification else { return nil }
        return ice.takeFollowing(media.ice, tag: tag)
    }

    func rollBack() {
        negotiation.rollBack()
        ice.rollBack()
        keys.rollBack()
    }

    func abandonChange(_ refusal: SessionRefusal) {
        wish = before
        agreed = before
        keys.isRenewing = false
        ice.isRestarting = false
    }

    func fork() -> any CallSession { NegotiatedSession(self) }

    func select() {
        if let stream { apply(stream, keys.keys, ice.terms) }
    }

    func end() { media.stop() }
}

extension SessionDescription {
    /// The first line of audio that is in use.
    fileprivate var firstAudio: Int? { media.firstIndex { $0.media.equalsIgnoringCase("audio") && $0.port != 0 } }
}
