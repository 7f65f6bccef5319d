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
    let lane: Lane
    var bound: MediaSockets
    /// The sockets of the address that descriptions name.
    private var rtp: DatagramSocket?
    private var rtcp: DatagramSocket?
    /// Those of other addresses, by their tags less 2.
    private var others: [DatagramSocket] = []
    private(set) var stream: AudioStream<TransportAddress>?
    private var tick: LaneTickID?
    private var source: (any AudioSource)?
    private var sink: (any AudioSink)?
    private var removesKeys = false
    private var recorder: CallRecorder?
    private var onDigit: @Sendable (Character) -> Void = { _ in }
    var isStopped = false
    private var last: AudioStatistics?
    /// Keys that were pressed before there was a stream, or beyond its queue.
    private var keys: [(code: TelephoneEvent.Code, isTone: Bool)] = []
    /// The most keys that wait so; further ones are left out.
    static let mostKeys = 256
    private let configuration: AudioStreamConfiguration
    /// The certificate for handshakes.
    let context: DTLSContext?
    /// Whether and how connectivity is checked.
    var policy: ICEPolicy
    /// Finds the addresses of servers that are named.
    let resolver: HostResolver?
    /// The servers as they were named.
    let servers: [ICEPolicy.Server]
    var search: ServerAddressSearch?
    /// Told when servers were asked for candidates, or time is up.
    var onGathered: ((ICEEnds.Gathered?) -> Void)?
    /// Told what is known as soon as servers are being asked.
    var onKnown: ((ICEEnds.Gathered?) -> Void)?
    var gatheringTimer: (client: TimerClientID, handle: TimerHandle)?
    /// Makes connections to TURN servers.
    let connections: RelayConnections?
    /// The way of before the end.
    private var lastWay: MediaWay?
    var handshake: MediaHandshake?
    /// Terms of a client's handshake that waits for a way.
    var deferred: AssociationTerms?
    /// Told when the media cannot be encrypted as it must be, or has no way.
    var onFailure: @Sendable (MediaFailure) -> Void = { _ in }
    /// What was said last of connectivity checks.
    var terms: ICETerms?
    var checks: ConnectivityChecks?
    /// Told which candidates are left of those of an address of this side.
    var onCandidates: ([Candidate], TransportAddress) -> Void = { _, _ in }
    /// Told what checks have settled on, at an address of this side.
    var onSettled: (ICEEnds.Settlement, TransportAddress) -> Void = { _, _ in }

    init(
        lane: Lane, sockets: MediaSockets, configuration: AudioStreamConfiguration, context: DTLSContext?,
        ice: ICEPolicy = .off, connections: RelayConnections? = nil, resolver: HostResolver? = nil
    ) {
        self.lane = lane
        self.connections = connections
        bound = sockets
        self.configuration = configuration
        self.context = context
        self.resolver = resolver
        servers = ice.servers
        policy = ice.with(ice.servers.filter { $0.address != nil })
    }

    var statistics: AudioStatistics? { stream?.statistics() ?? last }

    func attach(_ ends: AudioEnds, _ onDigit: @escaping @Sendable (Character) -> Void) {
        self.onDigit = onDigit
        source = ends.makeSource()
        sink = ends.makeSink()
        removesKeys = ends.removesKeys
        stream?.play(source)
        stream?.deliver(to: sink)
        stream?.removesKeys = removesKeys
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
        try open()
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
        made.removesKeys = removesKeys
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
    func move(to sockets: MediaSockets) throws(SocketError) {
        guard !isStopped else { return }
        bound = sockets
        endGathering(with: nil)
        if checks != nil { endChecks() }
        guard let stream else { return close() }
        if terms != nil {
            // Nothing is sent from the new sockets before they were checked.
            stream.fixWay(to: nil, control: nil)
            handshake?.move(to: nil, nil)
        }
        close()
        try open()
    }

    /// Opens the sockets, unless they are.
    func open() throws(SocketError) {
        guard rtp == nil else { return }
        do throws(SocketError) {
            rtp = try lane.open(bound.main.rtp, tag: 0, handler: self)
            rtcp = try lane.open(bound.main.rtcp, tag: 1, handler: self)
            for pair in bound.others {
                others.append(try lane.open(pair.rtp, tag: UInt64(others.count) + 2, handler: self))
                others.append(try lane.open(pair.rtcp, tag: UInt64(others.count) + 2, handler: self))
            }
        } catch {
            stop()
            throw error
        }
    }

    private func close() {
        rtp?.close()
        rtcp?.close()
        for socket in others { socket.close() }
        (rtp, rtcp, others) = (nil, nil, [])
    }

    /// The socket of a tag: an even one for RTP, the next for RTCP.
    func socket(_ tag: UInt64) -> DatagramSocket? {
        switch tag {
        case 0: rtp
        case 1: rtcp
        default: tag - 2 < others.count ? others[Int(tag - 2)] : nil
        }
    }

    /// The socket that RTP (0) or RTCP (1) is sent from.
    func outlet(_ tag: UInt64) -> DatagramSocket? { socket(checks?.outlets[tag] ?? tag) }

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
        close()
        // Whoever hears of what happens keeps the leg, and so this.
        onDigit = { _ in }
        onFailure = { _ in }
        onCandidates = { _, _ in }
        onSettled = { _, _ in }
    }

    // MARK: The lane

    func tick(_ tick: LaneTick, on lane: Lane) {
        guard let stream, let outlet = outlet(0) else { return }
        let now = lane.now
        while now >= stream.nextTick {
            let room = outlet.reserve(AudioStream<TransportAddress>.tickCapacity)
            var memory = MutableRawSpan(_unsafeBytes: room)
            let made = stream.tick(at: now, into: &memory)
            // The report stands behind the packet in the same room: it is copied before the room is used again.
            let report = made.control.map { (Array(room[$0.octets]), $0.destination) }
            if let media = made.media {
                if let checks, checks.relayed.contains(0) {
                    checks.send(Array(room[media.octets]), on: 0)
                } else {
                    outlet.commit(media.octets.count, to: media.destination)
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
            let tag = socket.tag & 1
            // Where media goes by relays alone nobody is answered who sends here.
            guard let stream, !policy.keepsToRelays else { continue }
            if let handshake, kind == .dtls {
                handshake.receive(
                    datagram.bytes, from: destination(tag) ?? datagram.source, isControl: tag == 1)
                advance(handshake)
            } else if tag == 0 {
                stream.receive(bytes, from: datagram.source, at: now)
            } else {
                stream.receiveControl(bytes, from: datagram.source, at: now)
            }
        }
    }

    /// Takes what has come by a relay, from a host that it was asked to let in: the far side is known by the way alone.
    func takeRelayed(_ bytes: UnsafeMutableRawBufferPointer, on tag: UInt64, at now: ContinuousClock.Instant) {
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
}

extension NTPTimestamp {
    /// The wallclock.
    static var now: NTPTimestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return NTPTimestamp(unixSeconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}
