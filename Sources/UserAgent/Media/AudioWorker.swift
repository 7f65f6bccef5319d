import Glibc
import Media
import RTP
import Reactor
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
    private var handshake: MediaHandshake?
    /// Told when the media cannot be encrypted as it must be.
    private var onFailure: @Sendable (MediaSecurityError) -> Void = { _ in }

    init(
        lane: Lane, rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket, configuration: AudioStreamConfiguration,
        context: DTLSContext?
    ) {
        self.lane = lane
        bound = (rtp, rtcp)
        self.configuration = configuration
        self.context = context
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

    /// - Throws: `SocketError` when the sockets cannot be opened; the leg is over then.
    func apply(
        _ negotiation: AudioNegotiation, _ remote: TransportAddress?, _ control: TransportAddress?, _ keys: MediaKeys,
        onFailure: @escaping @Sendable (MediaSecurityError) -> Void
    ) throws(SocketError) {
        guard !isStopped else { return }
        self.onFailure = onFailure
        if let stream {
            let pace = stream.negotiation.packetTime
            stream.renegotiate(negotiation, remote: remote, remoteControl: control)
            if stream.negotiation.packetTime != pace { startTick(stream) }
            return secure(stream, keys, remote, control)
        }
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
        if let recorder { made.record(with: recorder) }
        stream = made
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
        guard stream != nil else { return }
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
            let socket = stream.negotiation.isMultiplexed ? rtp ?? rtcp : rtcp
            let room = socket.reserve(AudioStream<TransportAddress>.tickCapacity)
            var memory = MutableRawSpan(_unsafeBytes: room)
            if let goodbye = stream.goodbye(at: lane.now, into: &memory) {
                socket.commit(goodbye.octets.count, to: goodbye.destination)
            }
        }
        if let handshake {
            handshake.close()
            send(handshake)
        }
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
        guard let stream else { return }
        let now = ContinuousClock.now
        for i in 0..<batch.count {
            guard let datagram = batch[i] else { continue }
            // The memory is the lane's own, and nobody else's until this returns: packets are opened in place.
            let bytes = UnsafeMutableRawBufferPointer(mutating: datagram.bytes)
            if let handshake, DatagramKind(RawSpan(_unsafeBytes: datagram.bytes)) == .dtls {
                handshake.receive(datagram.bytes, from: datagram.source, isControl: socket.tag == 1)
                advance(handshake)
            } else if socket.tag == 0 {
                stream.receive(bytes, from: datagram.source, at: now)
            } else {
                stream.receiveControl(bytes, from: datagram.source, at: now)
            }
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
            handshake = nil
            stream.security = .none
        case .described(let keys):
            handshake = nil
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
            if let handshake, handshake.terms == terms { return handshake.move(to: remote, control) }
            if case .none = stream.security { stream.security = .pending }
            begin(terms, stream, remote, control)
        }
    }

    private func begin(
        _ terms: AssociationTerms, _ stream: AudioStream<TransportAddress>, _ remote: TransportAddress?,
        _ control: TransportAddress?
    ) {
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
            datagram.withUnsafeBytes { (isControl ? rtcp : rtp)?.send($0, to: destination) }
        }
    }

    /// Nothing goes in the clear that was to be encrypted: the stream rests until the call ends.
    private func fail(_ error: MediaSecurityError) {
        stream?.security = .pending
        handshake = nil
        onFailure(error)
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
