import Glibc
import Media
import RTP
import Reactor
import SDP
import Synchronization

/// The audio face of a call's media.
protocol AudioLegFace: MediaLeg {
    /// Gives the leg its ends, and hears the keys that the far side presses.
    func attach(_ ends: AudioEnds, onDigit: @escaping @Sendable (Character) -> Void)
    /// Presses keys.
    func send(digits: String)
    /// The figures so far.
    func statistics() async -> AudioStatistics?
}

/// One call's audio: two sockets on the media lane and an `AudioStream` that is given its datagrams and its ticks.
final class AudioLeg: AudioLegFace {
    /// A pair of sockets that are bound and not open yet.
    typealias Pair = (rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket)

    private let address: Mutex<TransportAddress>
    private let codecs: [AudioCodecName]
    private let formats: [FormatCapability]
    private let bind: (@Sendable (TransportAddress) throws(SocketError) -> Pair)?
    private let lane: Lane
    private let worker: AudioWorker
    private let failed: @Sendable (SocketError) -> Void

    /// Makes the leg of a call.
    ///
    /// - Parameters:
    ///   - bind: binds another pair, when the leg moves; nil when it cannot.
    ///   - onFailure: told why the leg cannot start, beside its call.
    init(
        lane: Lane, rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket, codecs: [AudioCodecName],
        playout: PlayoutBuffer.Configuration, suppressesSilence: Bool = false, redundancy: Int = 0,
        bind: (@Sendable (TransportAddress) throws(SocketError) -> Pair)? = nil,
        onFailure: @escaping @Sendable (SocketError) -> Void
    ) {
        self.lane = lane
        self.bind = bind
        failed = onFailure
        address = Mutex(rtp.localAddress)
        self.codecs = codecs
        formats = codecs.formats(noise: suppressesSilence, redundancy: redundancy)
        // The name of the end point is each stream's own.
        var configuration = AudioStreamConfiguration(canonicalName: "")
        configuration.playout = playout
        configuration.suppressesSilence = suppressesSilence
        configuration.redundancy = redundancy
        worker = AudioWorker(lane: lane, rtp: rtp, rtcp: rtcp, configuration: configuration)
    }

    var localAddress: TransportAddress { address.withLock { $0 } }

    var capabilities: MediaCapabilities {
        let address = localAddress
        return .audio(address: ConnectionAddress(address), port: address.port, formats: formats)
    }

    func move(near address: TransportAddress) throws(SocketError) {
        guard let bind else { return }
        let pair = try bind(address)
        self.address.withLock { $0 = pair.rtp.localAddress }
        let worker = worker
        let failed = failed
        lane.execute { _ in
            do throws(SocketError) { try worker.move(to: pair) } catch { failed(error) }
        }
    }

    func attach(_ ends: AudioEnds, onDigit: @escaping @Sendable (Character) -> Void) {
        let worker = worker
        lane.execute { _ in worker.attach(ends, onDigit) }
    }

    func apply(_ stream: NegotiatedStream, onFailure: @escaping @Sendable (SocketError) -> Void) {
        guard let negotiation = AudioNegotiation(stream, codecs: codecs) else { return }
        let remote = stream.remoteAddress.transportAddress(port: stream.remotePort)
        var control: TransportAddress?
        if case .separate(let address, let port) = stream.rtcp { control = address.transportAddress(port: port) }
        let separate = control
        let worker = worker
        let failed = failed
        lane.execute { _ in
            do throws(SocketError) {
                try worker.apply(negotiation, remote, separate)
            } catch {
                failed(error)
                onFailure(error)
            }
        }
    }

    func send(digits: String) {
        let worker = worker
        lane.execute { _ in worker.send(digits) }
    }

    func stop() {
        let worker = worker
        lane.execute { _ in worker.stop() }
    }

    func statistics() async -> AudioStatistics? {
        let worker = worker
        return await lane.run { _ in worker.statistics }
    }
}

/// What lives on the media lane.
private final class AudioWorker: DatagramHandler, TickHandler, @unchecked Sendable {
    // Proof of Sendable: everything but the bound sockets, which are Sendable, is touched on the lane only.
    private let lane: Lane
    private var bound: AudioLeg.Pair
    private var rtp: DatagramSocket?
    private var rtcp: DatagramSocket?
    private var stream: AudioStream<TransportAddress>?
    private var tick: LaneTickID?
    private var source: (any AudioSource)?
    private var sink: (any AudioSink)?
    private var onDigit: @Sendable (Character) -> Void = { _ in }
    private var isStopped = false
    private var last: AudioStatistics?
    /// Keys that were pressed before there was a stream, or beyond its queue.
    private var keys: [TelephoneEvent.Code] = []
    private let configuration: AudioStreamConfiguration

    init(lane: Lane, rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket, configuration: AudioStreamConfiguration) {
        self.lane = lane
        bound = (rtp, rtcp)
        self.configuration = configuration
    }

    var statistics: AudioStatistics? { stream?.statistics() ?? last }

    func attach(_ ends: AudioEnds, _ onDigit: @escaping @Sendable (Character) -> Void) {
        self.onDigit = onDigit
        source = ends.makeSource()
        sink = ends.makeSink()
        stream?.play(source)
        stream?.deliver(to: sink)
    }

    /// - Throws: `SocketError` when the sockets cannot be opened; the leg is over then.
    func apply(
        _ negotiation: AudioNegotiation, _ remote: TransportAddress?, _ control: TransportAddress?
    ) throws(SocketError) {
        guard !isStopped else { return }
        if let stream {
            let pace = stream.negotiation.packetTime
            stream.renegotiate(negotiation, remote: remote, remoteControl: control)
            if stream.negotiation.packetTime != pace { startTick(stream) }
            return
        }
        do throws(SocketError) {
            rtp = try lane.open(bound.rtp, tag: 0, handler: self)
            rtcp = try lane.open(bound.rtcp, tag: 1, handler: self)
        } catch {
            stop()
            throw error
        }
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
        stream = made
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
        guard stream != nil else { return }
        rtp?.close()
        rtcp?.close()
        do throws(SocketError) {
            rtp = try lane.open(bound.rtp, tag: 0, handler: self)
            rtcp = try lane.open(bound.rtcp, tag: 1, handler: self)
        } catch {
            stop()
            throw error
        }
    }

    func send(_ digits: String) {
        keys += digits.compactMap { TelephoneEvent.Code($0) }
        pushKeys()
    }

    private func pushKeys() {
        while let key = keys.first, stream?.send(key) == true { keys.removeFirst() }
    }

    func stop() {
        guard !isStopped else { return }
        isStopped = true
        if let tick { lane.stopTick(tick) }
        tick = nil
        if let stream, let rtcp {
            let room = rtcp.reserve(AudioStream<TransportAddress>.tickCapacity)
            var memory = MutableRawSpan(_unsafeBytes: room)
            if let goodbye = stream.goodbye(at: lane.now, into: &memory) {
                rtcp.commit(goodbye.octets.count, to: goodbye.destination)
            }
        }
        last = stream?.statistics() ?? last
        stream = nil
        source = nil
        sink = nil
        rtp?.close()
        rtcp?.close()
        rtp = nil
        rtcp = nil
    }

    // MARK: The lane

    func tick(_ tick: LaneTick, on lane: Lane) {
        guard let stream, let rtp, let rtcp else { return }
        let now = lane.now
        while now >= stream.nextTick {
            let room = rtp.reserve(AudioStream<TransportAddress>.tickCapacity)
            var memory = MutableRawSpan(_unsafeBytes: room)
            let made = stream.tick(at: now, into: &memory)
            // The report stands behind the packet in the same room: it is copied before the room is used again.
            let report = made.control.map { (Array(room[$0.octets]), $0.destination) }
            if let media = made.media { rtp.commit(media.octets.count, to: media.destination) }
            if let (bytes, destination) = report {
                let socket = stream.negotiation.isMultiplexed ? rtp : rtcp
                bytes.withUnsafeBytes { socket.send($0, to: destination) }
            }
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
        guard let stream else { return }
        let now = ContinuousClock.now
        for i in 0..<batch.count {
            guard let datagram = batch[i] else { continue }
            let bytes = RawSpan(_unsafeBytes: datagram.bytes)
            if socket.tag == 0 {
                stream.receive(bytes, from: datagram.source, at: now)
            } else {
                stream.receiveControl(bytes, from: datagram.source, at: now)
            }
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
