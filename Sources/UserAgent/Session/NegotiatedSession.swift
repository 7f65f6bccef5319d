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
    /// Carries out what was agreed.
    private let apply: (NegotiatedStream) -> Void

    init(media: any MediaLeg, sessionID: UInt64, apply: @escaping (NegotiatedStream) -> Void) {
        self.media = media
        self.apply = apply
        negotiation = OfferAnswer(sessionID: sessionID, version: 1, address: ConnectionAddress(media.localAddress))
    }

    private init(_ other: NegotiatedSession) {
        media = other.media
        wish = other.wish
        agreed = other.agreed
        before = other.before
        negotiation = other.negotiation
        apply = other.apply
    }

    /// The stream in use.
    var stream: NegotiatedStream? { negotiation.streams.first }

    private var capabilities: MediaCapabilities {
        var capabilities = media.capabilities
        for index in capabilities.streams.indices {
            capabilities.streams[index].direction = wish.direction
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
        do {
            return try negotiation.makeOffer(capabilities).serialised()
        } catch {
            throw SessionRefusal(500, "The offer cannot be made: \(error)")
        }
    }

    func answer(_ offer: [UInt8], _ completion: @escaping (Result<[UInt8], SessionRefusal>) -> Void) {
        do {
            try negotiation.receiveOffer(try SessionDescription(parsing: offer))
            let answer = try negotiation.makeAnswer(capabilities)
            agreed = wish
            if let stream { apply(stream) }
            completion(.success(answer.serialised()))
        } catch {
            negotiation.rollBack()
            completion(.failure(SessionRefusal(488, "\(error)")))
        }
    }

    func take(answer: [UInt8], isPreview: Bool) throws(SessionRefusal) {
        var negotiation = negotiation
        do {
            try negotiation.receiveAnswer(try SessionDescription(parsing: answer))
        } catch {
            throw SessionRefusal(488, "The answer cannot be used: \(error)")
        }
        if !isPreview {
            self.negotiation = negotiation
            agreed = wish
        }
        guard let stream = negotiation.streams.first else { throw SessionRefusal(488, "No common media") }
        apply(stream)
    }

    func rollBack() { negotiation.rollBack() }

    func abandonChange(_ refusal: SessionRefusal) {
        wish = before
        agreed = before
    }

    func fork() -> any CallSession { NegotiatedSession(self) }

    func select() {
        if let stream { apply(stream) }
    }

    func end() { media.stop() }
}
