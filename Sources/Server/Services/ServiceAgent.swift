import Media
import SIP
import SIPEndpoint
import Synchronization
import UserAgent

/// The service numbers of a lane: `echo` sends back what it hears, `tone` plays 1 kHz; from any SIP phone.
///
/// Bound to its lane; the audio runs on the media lane.
final class ServiceAgent {
    /// What a service number does.
    enum Service: Sendable, Hashable {
        /// The caller's audio, so much later.
        case echo(Duration)
        /// A tone of 1 kHz at -10 dBm0 (ITU-T O.9 has 1,020 Hz; a thousand is what people measure with).
        case tone
    }

    /// The service numbers: user parts and what they do, and the most calls at a time.
    struct Configuration: Sendable {
        var services: [String: Service]
        var callLimit: Int
    }

    /// The lines of all lanes: the limit is the server's, whichever lane a call falls to.
    final class Lines: Sendable {
        private let taken = Atomic<Int>(0)

        /// Takes a line for a call; false when as many as `limit` are taken.
        func take(limit: Int) -> Bool {
            guard taken.add(1, ordering: .relaxed).newValue <= limit else {
                release()
                return false
            }
            return true
        }

        func release() { taken.subtract(1, ordering: .relaxed) }
    }

    /// What the numbers are; it can change while the server runs, and calls that are up go on.
    var configuration: Configuration { didSet { names = Self.names(configuration) } }
    private var names: [[UInt8]]
    private let lines: Lines
    private let media: any MediaProvider
    private var agent: CallAgent?

    init(_ configuration: Configuration, lines: Lines, media: any MediaProvider) {
        self.configuration = configuration
        self.lines = lines
        self.media = media
        names = Self.names(configuration)
    }

    private static func names(_ configuration: Configuration) -> [[UInt8]] {
        configuration.services.keys.map { Array($0.utf8) }
    }

    /// The layer is made.
    func attached(to layer: TransactionLayer) {
        let made = CallAgent(layer: layer, contactUser: "service", media: media)
        made.onInvitation = { [unowned self] leg in answer(leg) }
        agent = made
    }

    /// The lane has come to its end.
    func ended() { agent?.end() }

    /// Whether a user part is a service number.
    func isService(_ user: UnsafeRawBufferPointer) -> Bool { names.contains { user.elementsEqual($0) } }

    /// Whether a request belongs to a call of a service.
    func takes(_ request: IncomingRequest) -> Bool { agent?.takes(request) ?? false }

    /// A request to a service number, or in a call of one.
    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        guard let agent else { return layer.respondStatelessly(to: request, 404) }
        agent.receive(request, in: layer)
    }

    /// Whether a timer token is one of the services'.
    static func owns(_ token: UInt64) -> Bool { token & CallAgent.timerMark != 0 }

    func timerFired(_ token: UInt64) { agent?.timerFired(token) }

    /// Calls that are up.
    var callCount: Int { agent?.count ?? 0 }

    /// Ends all calls; `completion` is called when each caller has answered.
    func hangUpAll(_ completion: @escaping () -> Void) {
        guard let agent else { return completion() }
        agent.hangUpAll(completion)
    }

    private func answer(_ leg: CallLeg) {
        guard lines.take(limit: configuration.callLimit) else {
            // The service is well and has no line left: 486 concerns this number alone, while 503 would tell the
            // caller's proxy to pass the whole server by (RFC 3261 §21.4.24, §21.5.4).
            return leg.reject(486, "All lines of the service are taken")
        }
        leg.onEvent = { [lines] event in
            if case .ended = event { lines.release() }
        }
        let user = leg.invitation?.withView { view in
            (try? view.requestURI).map { URI.unescape(view.text($0.user)) }
        }
        switch user.flatMap({ $0 }).flatMap({ configuration.services[$0] }) {
        case .echo(let delay): leg.attach(.echo(after: delay))
        case .tone: leg.attach(.tone(.sine(1_000)))
        case nil: return leg.reject(404)
        }
        leg.answer()
    }
}
