import Glibc
import ICE
import Media
import RTP
import Reactor
import SDP
import SRTP

/// What of a call's audio lives on the media lane: two sockets, the stream, and the handshake for its keys.
final class AudioWorker: DatagramHandler, TickHandler, @unchecked Sendable {
    // Proof of Sendable: everything but the bound sockets, which are Sendable, is touched on the lane only.
    private let lane: Lane
    private var bound: AudioLeg.Pair
    private var rtp: DatagramSocket?
    private var rtcp: DatagramSocket?
    private(set) var stream: AudioStream<TransportAddress>?
    private var tick: LaneTickID?
    private var source: (any AudioSource)?
    private var sink: (any AudioSink)?
    private var recorder: CallRecorder?
    private var onDigit: @Sendable (Character) -> Void = { _ in }
    private var isStopped = false
    private var last: AudioStatistics?
    /// Keys that were pressed before there was a stream, or beyond its queue.
    private var keys: [(code: TelephoneEvent.Code, isTone: Bool)] = []
    /// The most keys that wait so; further ones are left out.
    static let mostKeys = 256
    private let configuration: AudioStreamConfiguration
    /// The certificate for handshakes.
    private let context: DTLSContext?
    /// Whether and how connectivity is checked.
    private let policy: ICEPolicy
    /// Told when servers were asked for candidates, or time is up.
    private var onGathered: ((ICEEnds.Gathered?) -> Void)?
    private var gatheringTimer: (client: TimerClientID, handle: TimerHandle)?
    /// Makes connections to TURN servers.
    private let connections: RelayConnections?
    /// The way of before the end.
    private var lastWay: MediaWay?
    private var handshake: MediaHandshake?
    /// Terms of a client's handshake that waits for a way.
    private var deferred: AssociationTerms?
    /// Told when the media cannot be encrypted as it must be, or has no way.
    private var onFailure: @Sendable (MediaFailure) -> Void = { _ in }
    /// What was said last of connectivity checks.
    private var terms: ICETerms?
    private var checks: ConnectivityChecks?
    /// Told which candidates are left of those of an address of this side.
    var onCandidates: ([Candidate], TransportAddress) -> Void = { _, _ in }
    /// Told what checks have settled on, at an address of this side.
    var onSettled: (ICEEnds.Settlement, TransportAddress) -> Void = { _, _ in }

    init(
        lane: Lane, rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket, configuration: AudioStreamConfiguration,
        context: DTLSContext?, ice: ICEPolicy = .off, connections: RelayConnections? = nil
    ) {
        self.lane = lane
        self.connections = connections
        bound = (rtp, rtcp)
        self.configuration = configuration
        self.context = context
        policy = ice
    }

    var statistics: AudioStatistics? { stream?.statistics() ?? last }

    func attach(_ ends: AudioEnds, _ onDigit: @escaping @Sendable (Character) -> Void) {
        self.onDigit = onDigit
        source = ends.makeSource()
        sink = ends.makeSink()
        stream?.play(source)
        stream?.deliver(to: sink)
    }

    func record(with recorder: CallRecorder) {
        self.recorder?.close()
        guard !isStopped else { return recorder.close() }
        self.recorder = recorder
        stream?.record(with: recorder)
    }

    func release(_ recorder: CallRecorder) {
        guard self.recorder === recorder else { return }
        self.recorder = nil
        stream?.record(with: nil)
    }

    /// The way that connectivity checks have found.
    var way: MediaWay? { checks?.way ?? lastWay }

    /// Takes what was said of connectivity checks: ``apply(_:_:_:_:onFailure:)`` goes by it.
    func connect(by terms: ICETerms?) { self.terms = terms }

    /// - Throws: `SocketError` when the sockets cannot be opened; the leg is over then.
    func apply(
        _ negotiation: AudioNegotiation, _ remote: TransportAddress?, _ control: TransportAddress?, _ keys: MediaKeys,
        onFailure: @escaping @Sendable (MediaFailure) -> Void
    ) throws(SocketError) {
        guard !isStopped else { return }
        self.onFailure = onFailure
        if let stream {
            let pace = stream.negotiation.packetTime
            stream.renegotiate(negotiation, remote: remote, remoteControl: control)
            if stream.negotiation.packetTime != pace { startTick(stream) }
            check(stream, remote, control)
            return secure(stream, keys, remote, control)
        }
        // They are open where servers were asked for candidates.
        if rtp == nil { try open() }
        var generator = SystemRandomNumberGenerator()
        // A name for each call, so that nobody can tell two calls of one phone (RFC 7022 §4.2).
        var configuration = configuration
        configuration.canonicalName = "\(generator.next())@itodenwa.invalid"
        let now = lane.now
        let made = AudioStream<TransportAddress>(
            negotiation, remote: remote, remoteControl: control, configuration: configuration, at: now,
            wallclock: WallclockReference(instant: now, wallclock: .now), using: &generator)
        made.play(source)
        made.deliver(to: sink)
        if let recorder { made.record(with: recorder) }
        stream = made
        check(made, remote, control)
        secure(made, keys, remote, control)
        startTick(made)
    }

    /// Ticks at the pace of a stream, and not at another one any more.
    private func startTick(_ stream: AudioStream<TransportAddress>) {
        if let tick { lane.stopTick(tick) }
        tick = lane.startTick(every: stream.negotiation.packetTime, self)
    }

    /// Goes on at other sockets.
    ///
    /// - Throws: `SocketError` when they cannot be opened; the leg is over then.
    func move(to pair: AudioLeg.Pair) throws(SocketError) {
        guard !isStopped else { return }
        bound = pair
        endGathering(with: nil)
        if checks != nil { endChecks() }
        guard let stream else {
            rtp?.close()
            rtcp?.close()
            (rtp, rtcp) = (nil, nil)
            return
        }
        if terms != nil {
            // Nothing is sent from the new sockets before they were checked.
            stream.fixWay(to: nil, control: nil)
            handshake?.move(to: nil, nil)
        }
        rtp?.close()
        rtcp?.close()
        try open()
    }

    private func open() throws(SocketError) {
        do throws(SocketError) {
            rtp = try lane.open(bound.rtp, tag: 0, handler: self)
            rtcp = try lane.open(bound.rtcp, tag: 1, handler: self)
        } catch {
            stop()
            throw error
        }
    }

    func send(_ codes: [TelephoneEvent.Code], _ asTones: Bool) {
        for code in codes where keys.count < Self.mostKeys { keys.append((code, asTones)) }
        pushKeys()
    }

    private func pushKeys() {
        guard let stream else { return }
        while let key = keys.first {
            // Events that the far side does not take are left out: what waits behind them is not for ever.
            let isTaken = key.isTone || stream.negotiation.eventPayloadType != nil
            if isTaken, !(key.isTone ? stream.sound(key.code) : stream.send(key.code)) { return }
            keys.removeFirst()
        }
    }

    func stop() {
        guard !isStopped else { return }
        isStopped = true
        if let tick { lane.stopTick(tick) }
        tick = nil
        if let stream, let rtcp {
            let isMultiplexed = stream.negotiation.isMultiplexed
            let room = (isMultiplexed ? rtp ?? rtcp : rtcp).reserve(AudioStream<TransportAddress>.tickCapacity)
            var memory = MutableRawSpan(_unsafeBytes: room)
            if let goodbye = stream.goodbye(at: lane.now, into: &memory) {
                send(Array(room[goodbye.octets]), on: isMultiplexed ? 0 : 1, to: goodbye.destination)
            }
        }
        if let handshake {
            handshake.close()
            send(handshake)
        }
        endGathering(with: nil)
        lastWay = checks?.way
        endChecks()
        last = stream?.statistics() ?? last
        handshake = nil
        stream = nil
        source = nil
        sink = nil
        recorder?.close()
        recorder = nil
        rtp?.close()
        rtcp?.close()
        rtp = nil
        rtcp = nil
    }

    // MARK: The lane

    func tick(_ tick: LaneTick, on lane: Lane) {
        guard let stream, let rtp, rtcp != nil else { return }
        let now = lane.now
        while now >= stream.nextTick {
            let room = rtp.reserve(AudioStream<TransportAddress>.tickCapacity)
            var memory = MutableRawSpan(_unsafeBytes: room)
            let made = stream.tick(at: now, into: &memory)
            // The report stands behind the packet in the same room: it is copied before the room is used again.
            let report = made.control.map { (Array(room[$0.octets]), $0.destination) }
            if let media = made.media {
                if let checks, checks.relayed.contains(0) {
                    checks.send(Array(room[media.octets]), on: 0)
                } else {
                    rtp.commit(media.octets.count, to: media.destination)
                }
            }
            if let (bytes, destination) = report {
                send(bytes, on: stream.negotiation.isMultiplexed ? 0 : 1, to: destination)
            }
        }
        if let handshake, handshake.isUnderWay {
            handshake.passTime(at: now)
            advance(handshake)
        }
        drainEvents()
    }

    private func drainEvents() {
        guard let stream else { return }
        while let event = stream.nextEvent() {
            if case .digitBegan(let code) = event, let key = code.key { onDigit(key) }
        }
        if !keys.isEmpty { pushKeys() }
    }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let now = ContinuousClock.now
        for i in 0..<batch.count {
            guard let datagram = batch[i] else { continue }
            // The memory is the lane's own, and nobody else's until this returns: packets are opened in place.
            let bytes = UnsafeMutableRawBufferPointer(mutating: datagram.bytes)
            let kind = DatagramKind(RawSpan(_unsafeBytes: datagram.bytes))
            if let checks, kind == .stun || kind == .channelData {
                checks.receive(datagram.bytes, on: socket.tag, from: datagram.source)
                continue
            }
            // Where media goes by relays alone nobody is answered who sends here.
            guard let stream, !policy.keepsToRelays else { continue }
            if let handshake, kind == .dtls {
                handshake.receive(
                    datagram.bytes, from: destination(socket.tag) ?? datagram.source, isControl: socket.tag == 1)
                advance(handshake)
            } else if socket.tag == 0 {
                stream.receive(bytes, from: datagram.source, at: now)
            } else {
                stream.receiveControl(bytes, from: datagram.source, at: now)
            }
        }
    }

    /// Takes what has come by a relay, from a host that it was asked to let in: the far side is known by the way alone.
    private func takeRelayed(_ bytes: UnsafeMutableRawBufferPointer, on tag: UInt64, at now: ContinuousClock.Instant) {
        guard let stream, let source = destination(tag) else { return }
        let whole = UnsafeRawBufferPointer(bytes)
        if let handshake, DatagramKind(RawSpan(_unsafeBytes: whole)) == .dtls {
            handshake.receive(whole, from: source, isControl: tag == 1)
            advance(handshake)
        } else if tag == 0 {
            stream.receive(bytes, from: source, at: now)
        } else {
            stream.receiveControl(bytes, from: source, at: now)
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}

    // MARK: Encryption

    /// Goes on with what was agreed on keys.
    private func secure(
        _ stream: AudioStream<TransportAddress>, _ keys: MediaKeys, _ remote: TransportAddress?,
        _ control: TransportAddress?
    ) {
        switch keys {
        case .none:
            (handshake, deferred) = (nil, nil)
            stream.security = .none
        case .described(let keys):
            (handshake, deferred) = (nil, nil)
            var earlier: StreamProtection?
            if case .secured(let media, _) = stream.security { earlier = media }
            do throws(SRTPError) {
                let protection = try StreamProtection(
                    keys.profile, local: keys.local, remote: keys.remote, after: earlier, at: lane.now)
                stream.security = .secured(media: protection, control: protection)
            } catch {
                fail(.keys(error))
            }
        case .association(let terms):
            let (media, reports) = checks == nil ? (remote, control) : (destination(0), destination(1))
            if let handshake, handshake.terms == terms { return handshake.move(to: media, reports) }
            if case .none = stream.security { stream.security = .pending }
            // A server is answered where it speaks from; a client has nobody to speak to yet.
            guard terms.role == .server || checks == nil || media != nil else {
                handshake = nil
                deferred = terms
                return
            }
            begin(terms, stream, media, reports)
        }
    }

    private func begin(
        _ terms: AssociationTerms, _ stream: AudioStream<TransportAddress>, _ remote: TransportAddress?,
        _ control: TransportAddress?
    ) {
        deferred = nil
        guard let context else { return fail(.handshake(.cryptography)) }
        do throws(DTLSError) {
            let made = try MediaHandshake(
                terms, context, isMultiplexed: stream.negotiation.isMultiplexed, remote, control, at: lane.now)
            handshake = made
            advance(made)
        } catch {
            fail(.handshake(error))
        }
    }

    /// Sends what a handshake has to say, and takes its keys when it is done.
    private func advance(_ handshake: MediaHandshake) {
        send(handshake)
        guard let stream, handshake.isUnderWay else { return }
        switch handshake.outcome(at: lane.now) {
        case nil: return
        case .failure(let error): fail(.handshake(error))
        case .success(let keys): take(keys, stream)
        }
    }

    private func take(_ keys: MediaHandshake.Keys, _ stream: AudioStream<TransportAddress>) {
        var earlier: (media: StreamProtection?, control: StreamProtection?)
        if case .secured(let media, let control) = stream.security { earlier = (media, control) }
        do throws(SRTPError) {
            let media = try StreamProtection(
                keys.media.profile, local: keys.media.local, remote: [keys.media.remote], after: earlier.media,
                at: lane.now)
            let control = try keys.control.map { (keys) throws(SRTPError) in
                try StreamProtection(
                    keys.profile, local: keys.local, remote: [keys.remote], after: earlier.control, at: lane.now)
            }
            stream.security = .secured(media: media, control: control ?? media)
        } catch {
            fail(.keys(error))
        }
    }

    private func send(_ handshake: MediaHandshake) {
        while let (datagram, destination, isControl) = handshake.next() {
            send(datagram, on: isControl ? 1 : 0, to: destination)
        }
    }

    /// Nothing goes in the clear that was to be encrypted: the stream rests until the call ends.
    private func fail(_ error: MediaSecurityError) {
        stream?.security = .pending
        handshake = nil
        onFailure(.security(error))
    }
}

// Connectivity checks.
extension AudioWorker: TimerClient {
    /// Asks servers for candidates, for a time.
    ///
    /// - Parameter completion: told once on the lane; nil when there is nothing to tell.
    func gather(_ completion: @escaping (ICEEnds.Gathered?) -> Void) {
        guard !isStopped, checks?.hasTerms ?? true else { return completion(nil) }
        do throws(SocketError) {
            if rtp == nil { try open() }
        } catch {
            return completion(nil)
        }
        onGathered = completion
        let client = lane.add(timerClient: self)
        gatheringTimer = (client, lane.schedule(after: policy.gatheringLimit, client, token: 0))
        if let checks { return checks.gatherAgain() }
        let made = makeChecks(nil, components: 2)
        checks = made
        made.start()
    }

    func timerFired(_ timer: ExpiredTimer, on lane: Lane) { endGathering(with: checks?.gathered) }

    /// Tells what was gathered, once.
    private func endGathering(with found: ICEEnds.Gathered?) {
        if let (client, handle) = gatheringTimer {
            lane.cancel(handle)
            lane.remove(timerClient: client)
        }
        gatheringTimer = nil
        let told = onGathered
        onGathered = nil
        told?(found)
    }

    /// Sends from the socket of a tag, by a relay where the way leads by one.
    private func send(_ bytes: [UInt8], on tag: UInt64, to destination: TransportAddress) {
        if let checks, checks.relayed.contains(tag) { return checks.send(bytes, on: tag) }
        bytes.withUnsafeBytes { (tag == 1 ? rtcp : rtp)?.send($0, to: destination) }
    }

    /// Goes on with what was said of connectivity checks.
    private func check(
        _ stream: AudioStream<TransportAddress>, _ remote: TransportAddress?, _ control: TransportAddress?
    ) {
        let isMultiplexed = stream.negotiation.isMultiplexed
        guard let terms else {
            if let checks, checks.goByRelay(to: isMultiplexed ? [remote] : [remote, control]) { return }
            endChecks()
            // What is not to be told is not sent from either.
            return policy.keepsToRelays ? stream.fixWay(to: nil, control: nil) : stream.releaseWay()
        }
        if let checks, checks.takes(terms, isMultiplexed: isMultiplexed) {
            // Behind the gathering nothing is sent before a way was found.
            if !checks.hasTerms { stream.fixWay(to: nil, control: nil) }
            return checks.apply(terms, isMultiplexed: isMultiplexed)
        }
        endChecks()
        stream.fixWay(to: nil, control: nil)
        let made = makeChecks(terms, components: isMultiplexed ? 1 : 2)
        checks = made
        made.start()
    }

    private func makeChecks(_ terms: ICETerms?, components: Int) -> ConnectivityChecks {
        let sockets = [bound.rtp.localAddress, bound.rtcp.localAddress]
        return ConnectivityChecks(terms, policy, connections, Array(sockets.prefix(components)), on: lane) {
            [unowned self] event in
            // The worker ends its checks before it is gone.
            happened(event)
        }
    }

    private func endChecks() {
        checks?.close()
        checks = nil
    }

    /// Where connectivity checks have found the peer for the socket of a tag.
    private func destination(_ tag: UInt64) -> TransportAddress? { checks?.destinations[tag] }

    private func happened(_ event: ConnectivityChecks.Event) {
        switch event {
        case .send(let tag, let address, let bytes):
            bytes.withUnsafeBytes { (tag == 1 ? rtcp : rtp)?.send($0, to: address) }
        case .changed:
            let (remote, control) = (destination(0), destination(1))
            stream?.fixWay(
                to: remote, control: control, sources: checks?.sources[0] ?? [],
                controlSources: checks?.sources[1] ?? [])
            handshake?.move(to: remote, control)
            guard let stream, let deferred, let remote, stream.negotiation.isMultiplexed || control != nil else {
                return
            }
            begin(deferred, stream, remote, control)
        case .data(let tag, var bytes):
            bytes.withUnsafeMutableBytes { takeRelayed($0, on: tag, at: .now) }
        case .candidates(let left): onCandidates(left, bound.rtp.localAddress)
        case .settled(let settlement): onSettled(settlement, bound.rtp.localAddress)
        case .gathered: endGathering(with: checks?.gathered)
        case .failed(let error): onFailure(.way(error))
        }
    }
}

extension NTPTimestamp {
    /// The wallclock.
    static var now: NTPTimestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return NTPTimestamp(unixSeconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}
