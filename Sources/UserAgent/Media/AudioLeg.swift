import ICE
import Media
import RTP
import Reactor
import SDP
import Synchronization

/// The audio face of a call's media.
protocol AudioLegFace: MediaLeg {
    /// Gives the leg its ends, and hears the keys that the far side presses.
    func attach(_ ends: AudioEnds, onDigit: @escaping @Sendable (Character) -> Void)
    /// Sends keys as telephone events, or as tones in the sound.
    func send(_ keys: [TelephoneEvent.Code], asTones: Bool)
    /// Records both directions from now on, in place of an earlier recorder, which ends.
    func record(with recorder: CallRecorder)
    /// Lets go of a recorder that has ended.
    func release(_ recorder: CallRecorder)
    /// The way that connectivity checks have found; nil while there is none.
    func way() async -> MediaWay?
    /// The figures so far.
    func statistics() async -> AudioStatistics?
}

/// One call's audio: two sockets on the media lane and an `AudioStream` that is given its datagrams and its ticks.
final class AudioLeg: AudioLegFace {
    /// Where RTP and RTCP are received, that which descriptions name first.
    private let places: Mutex<[ICEEnds.Place]>
    /// What servers have told of these addresses.
    private let gathered = Mutex<ICEEnds.Gathered?>(nil)
    /// What checks of these addresses have settled on.
    private let settlement = Mutex<ICEEnds.Settlement?>(nil)
    private let codecs: [AudioCodecName]
    private let formats: [FormatCapability]
    private let stereo: StereoWays
    private let bind: (@Sendable (TransportAddress) throws(SocketError) -> MediaSockets)?
    private let lane: Lane
    private let worker: AudioWorker
    private let failed: @Sendable (SocketError) -> Void
    let security: MediaSecurity?
    private let policy: ICEPolicy

    /// Makes the leg of a call.
    ///
    /// - Parameters:
    ///   - stereo: the ways in which Opus may have two channels.
    ///   - security: how the media is encrypted; nil for media in the clear.
    ///   - ice: whether and how connectivity is checked.
    ///   - connections: makes connections to TURN servers.
    ///   - resolver: finds the addresses of servers that are named; without one those are not asked.
    ///   - bind: binds others, when the leg moves; nil when it cannot.
    ///   - onFailure: told why the leg cannot start, beside its call.
    init(
        lane: Lane, sockets: MediaSockets, codecs: [AudioCodecName],
        playout: PlayoutBuffer.Configuration, suppressesSilence: Bool = false, redundancy: Int = 0,
        hearsTones: Bool = false, stereo: StereoWays = StereoWays(), security: MediaSecurity? = nil,
        ice: ICEPolicy = .off,
        connections: RelayConnections? = nil, resolver: HostResolver? = nil,
        bind: (@Sendable (TransportAddress) throws(SocketError) -> MediaSockets)? = nil,
        onFailure: @escaping @Sendable (SocketError) -> Void
    ) {
        self.lane = lane
        self.bind = bind
        self.security = security
        policy = ice
        failed = onFailure
        places = Mutex(sockets.places)
        self.codecs = codecs
        self.stereo = stereo
        formats = codecs.formats(noise: suppressesSilence, redundancy: redundancy, stereo: stereo)
        // The name of the end point is each stream's own.
        var configuration = AudioStreamConfiguration(canonicalName: "")
        configuration.playout = playout
        configuration.suppressesSilence = suppressesSilence
        configuration.redundancy = redundancy
        configuration.hearsTones = hearsTones
        worker = AudioWorker(
            lane: lane, sockets: sockets, configuration: configuration, context: security?.context,
            ice: ice, connections: connections, resolver: resolver)
    }

    var localAddress: TransportAddress { places.withLock { $0[0].media } }

    var ice: ICEEnds? {
        let places = places.withLock { $0 }
        guard policy.mode != .off, !places[0].media.isWildcard else { return nil }
        var ends = ICEEnds(
            isLite: policy.mode == .lite, media: places[0].media, control: places[0].control)
        ends.others = Array(places.dropFirst())
        ends.gathered = gathered.withLock { $0 }
        ends.settlement = settlement.withLock { $0 }
        return ends
    }

    /// Whether ``gather(_:)`` takes time.
    var asksServers: Bool { policy.mode == .full && (!policy.servers.isEmpty || policy.usesRelaysOnly) }

    /// Whether there is no address that the far side may be told of.
    var lacksRelay: Bool {
        policy.keepsToRelays && gathered.withLock { $0?.candidates.isEmpty ?? true }
    }

    func gather(_ completion: @escaping @Sendable () -> Void) {
        guard asksServers else { return completion() }
        let worker = worker
        lane.execute { [self] _ in
            worker.gather { found in
                if let found { self.gathered.withLock { $0 = found } }
                completion()
            }
        }
    }

    /// Whether a description may tell what is known before the servers have answered: not where relays alone may be told of.
    var mayTrickle: Bool { !policy.keepsToRelays }

    /// The same as ``gather(_:)``.
    ///
    /// - Parameter known: told once, on any thread, before `completion`, that ``ice`` has what is known without the servers.
    func gather(known: @escaping @Sendable () -> Void, _ completion: @escaping @Sendable () -> Void) {
        let worker = worker
        lane.execute { [self] _ in
            worker.gather { found in
                if let found { self.gathered.withLock { $0 = found } }
                known()
            } _: { found in
                if let found { self.gathered.withLock { $0 = found } }
                completion()
            }
        }
    }

    var capabilities: MediaCapabilities {
        let address = localAddress
        return .audio(address: ConnectionAddress(address), port: address.port, formats: formats)
    }

    func move(near address: TransportAddress) throws(SocketError) {
        guard let bind else { return }
        let sockets = try bind(address)
        places.withLock { $0 = sockets.places }
        gathered.withLock { $0 = nil }
        settlement.withLock { $0 = nil }
        let worker = worker
        let failed = failed
        lane.execute { _ in
            do throws(SocketError) { try worker.move(to: sockets) } catch { failed(error) }
        }
    }

    func attach(_ ends: AudioEnds, onDigit: @escaping @Sendable (Character) -> Void) {
        let worker = worker
        lane.execute { _ in worker.attach(ends, onDigit) }
    }

    /// Hears what checks have settled on, on the media lane.
    func settled(_ settlement: ICEEnds.Settlement, at address: TransportAddress) {
        guard localAddress == address else { return }
        self.settlement.withLock { $0 = settlement }
    }

    /// Hears which candidates are left, on the media lane.
    func left(_ candidates: [Candidate], at address: TransportAddress) {
        guard localAddress == address else { return }
        gathered.withLock { $0?.candidates = candidates }
    }

    func connect(by terms: ICETerms?) {
        let worker = worker
        lane.execute { [weak self] _ in
            worker.connect(by: terms)
            worker.onSettled = { self?.settled($0, at: $1) }
            worker.onCandidates = { self?.left($0, at: $1) }
        }
    }

    func apply(
        _ stream: NegotiatedStream, keys: MediaKeys, onFailure: @escaping @Sendable (MediaFailure) -> Void
    ) {
        guard let negotiation = AudioNegotiation(stream, codecs: codecs, stereo: stereo) else { return }
        let remote = stream.remoteAddress.transportAddress(port: stream.remotePort)
        var control: TransportAddress?
        if case .separate(let address, let port) = stream.rtcp { control = address.transportAddress(port: port) }
        let separate = control
        let worker = worker
        let failed = failed
        lane.execute { _ in
            do throws(SocketError) {
                try worker.apply(negotiation, remote, separate, keys, onFailure: onFailure)
            } catch {
                failed(error)
                onFailure(.socket(error))
            }
        }
    }

    func record(with recorder: CallRecorder) {
        let worker = worker
        lane.execute { _ in worker.record(with: recorder) }
    }

    func release(_ recorder: CallRecorder) {
        let worker = worker
        lane.execute { _ in worker.release(recorder) }
    }

    func send(_ keys: [TelephoneEvent.Code], asTones: Bool) {
        let worker = worker
        lane.execute { _ in worker.send(keys, asTones) }
    }

    func stop() {
        let worker = worker
        lane.execute { _ in worker.stop() }
    }

    func way() async -> MediaWay? {
        let worker = worker
        return await lane.run { _ in worker.way }
    }

    func statistics() async -> AudioStatistics? {
        let worker = worker
        return await lane.run { _ in worker.statistics }
    }
}
