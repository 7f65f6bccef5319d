import Glibc
import NIOCore
import Synchronization

/// One stream to a peer, accepted or made by us. Frames may be sent from any thread; they leave in their order, in batches.
public final class StreamConnection: Sendable {
    /// The name of the connection.
    public let id = ID.next()

    /// Whether we have made it.
    public let isOutbound: Bool

    /// The address of the peer.
    public let remoteAddress: TransportAddress

    /// A number of the owner's, as to tell listeners apart.
    public let tag: UInt64

    let configuration: StreamConfiguration
    /// Whether each frame goes as a message of its own, as over WebSocket.
    private let keepsMessages: Bool
    private let handler: any StreamHandler
    private let counters: StreamCounters
    private let admission: StreamAdmission?
    /// The thread of the connection.
    let loop: StreamLoop
    private let state: Mutex<State>

    /// Time of the last sign of life, in nanoseconds of NIO's clock.
    private let lastActivity = Atomic<UInt64>(NIODeadline.now().uptimeNanoseconds)

    /// Whether the peer has proven who it is to whoever reads the frames.
    private let isVouched = Atomic<Bool>(false)

    /// Whether the owner wants nothing read.
    private let isHeldBack = Atomic<Bool>(false)

    init(
        to remoteAddress: TransportAddress, isOutbound: Bool, tag: UInt64, keepsMessages: Bool = false,
        _ endpoint: StreamEndpoint,
        on loop: StreamLoop,
        admission: StreamAdmission? = nil
    ) {
        self.remoteAddress = remoteAddress
        self.isOutbound = isOutbound
        self.tag = tag
        self.loop = loop
        self.admission = admission
        self.keepsMessages = keepsMessages
        configuration = endpoint.configuration
        handler = endpoint.handler
        counters = endpoint.counters
        state = Mutex(State())
    }

    /// Our address; nil until the connection is made.
    public var localAddress: TransportAddress? { state.withLock { $0.localAddress } }

    /// What the peer's certificate proves, once it is verified; nil when it has shown none, or nobody asked for it.
    public var peerNames: CertificateNames? { state.withLock { $0.peerNames } }

    /// Whether the peer has shown a certificate that was verified.
    public var isProven: Bool { state.withLock { $0.peerNames != nil } }

    /// Whether frames can be sent: from the start, also while it is being made, until one side closes it.
    public var isOpen: Bool { state.withLock { $0.takesFrames } }

    /// Bytes that wait for the peer to read.
    public var waitingBytes: Int { state.withLock { $0.waitingBytes } }

    // MARK: Sending

    /// Sends a frame, when the connection is made if it is not yet. False when it is closed, or is closed now because the peer reads too
    /// slowly: the frame is lost then.
    @discardableResult
    public func send(_ frame: [UInt8]) -> Bool { send([frame]) }

    /// Sends frames, all or none of them.
    @discardableResult
    public func send(_ frames: [[UInt8]]) -> Bool {
        let count = frames.reduce(0) { $0 + $1.count }
        let outcome = put(count: count, frames: frames.count) { outbox in
            for frame in frames { frame.withUnsafeBytes { self.write($0, into: &outbox) } }
        }
        if outcome == .first { loop.eventLoop.execute { self.flush() } }
        return outcome != .refused
    }

    /// What became of frames that were given to the connection.
    enum Outcome {
        case refused
        /// They wait for a flush that others have asked for, or for the connection.
        case waiting
        /// The caller has to see to it that they are flushed.
        case first
    }

    /// Takes a frame to be sent by a flush; with `settling` it gives an answer that was owed.
    func put(_ frame: UnsafeRawBufferPointer, settling: Bool = false) -> Outcome {
        put(count: frame.count, frames: 1, settling: settling) { outbox in self.write(frame, into: &outbox) }
    }

    @inline(__always)
    private func put(
        count: Int, frames: Int, settling: Bool = false, _ write: (inout ByteBuffer) -> Void
    ) -> Outcome {
        let room = count + (keepsMessages ? frames * WebSocketFrameHead.limit : 0)
        var isLast = false
        let outcome = state.withLock { state -> Outcome? in
            if settling { isLast = state.settle() }
            guard state.takesFrames else { return .refused }
            guard count <= configuration.outboundLimit - state.waitingBytes else { return nil }
            var outbox = state.outbox.take() ?? ByteBufferAllocator().buffer(capacity: room)
            let before = outbox.readableBytes
            write(&outbox)
            state.waitingBytes += outbox.readableBytes - before
            state.outbox = consume outbox
            guard state.phase == .open, !state.isFlushScheduled else { return .waiting }
            state.isFlushScheduled = true
            return .first
        }
        guard let outcome else {
            abort(.slowReader)
            return .refused
        }
        if outcome != .refused { counters.framesSent.addShared(frames) }
        if isLast { close() }
        return outcome
    }

    private func write(_ frame: UnsafeRawBufferPointer, into outbox: inout ByteBuffer) {
        if keepsMessages { WebSocketFrameHead(ofMessage: frame).write(into: &outbox) }
        outbox.writeBytes(frame)
    }

    /// Gives the outbox to NIO; on the event loop.
    func flush() {
        let (bytes, channel, unconfirmed) = state.withLock { state -> (ByteBuffer?, (any Channel)?, Int) in
            state.isFlushScheduled = false
            guard state.phase != .connecting else { return (nil, nil, 0) }
            return (state.outbox.take(), state.channel, state.unconfirmedBytes)
        }
        guard let channel, let bytes else { return }
        let count = bytes.readableBytes
        // To be told costs about as much as to send: nearly always NIO has sent all when it returns, and can be asked.
        if unconfirmed == 0, count <= Self.askingLimit {
            channel.writeAndFlush(bytes, promise: nil)
            let left = try? channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)
            if left == 0 { return sent(count) }
            // The next flush is told of these too.
            return state.withLock { $0.unconfirmedBytes = count }
        }
        state.withLock { $0.unconfirmedBytes = 0 }
        channel.writeAndFlush(bytes).whenComplete { result in
            if case .success = result { return self.sent(unconfirmed + count) }
            self.state.withLock { $0.waitingBytes -= unconfirmed + count }
        }
    }

    /// Most bytes whose fate is not told of, but asked for.
    private static let askingLimit = 16_384

    /// Bytes have been given to the kernel.
    private func sent(_ count: Int) {
        let isDrained = state.withLock { state in
            state.waitingBytes -= count
            guard let mark = state.drainMark, state.waitingBytes <= mark else { return false }
            state.drainMark = nil
            return true
        }
        noteActivity()
        counters.bytesSent.addShared(count)
        if isDrained { handler.drained(self) }
    }

    // MARK: Holding back

    /// Has nothing more read until ``resume()``, so that TCP holds the peer back; from any thread. What is being read still comes.
    public func hold() { isHeldBack.store(true, ordering: .sequentiallyConsistent) }

    /// Has the peer read again; from any thread.
    public func resume() {
        guard isHeldBack.exchange(false, ordering: .sequentiallyConsistent) else { return }
        loop.eventLoop.execute { self.state.withLock { $0.channel }?.read() }
    }

    /// Whether nothing is to be read.
    var isHeld: Bool { isHeldBack.load(ordering: .sequentiallyConsistent) }

    /// Asks to be told by `StreamHandler.drained`, once, when no more than `most` bytes wait for the peer. False when that is so
    /// already, or the connection is closed: then nothing is told.
    public func askDrained(to most: Int) -> Bool {
        let isAsked = state.withLock { state in
            guard state.waitingBytes > most, state.phase != .closed else { return false }
            state.drainMark = most
            return true
        }
        if isAsked { loop.eventLoop.execute { self.confirm() } }
        return isAsked
    }

    /// Finds out about bytes that no flush has been told of; on the event loop.
    private func confirm() {
        let (channel, count) = state.withLock { state in
            defer { state.unconfirmedBytes = 0 }
            return (state.channel, state.unconfirmedBytes)
        }
        guard let channel, count > 0 else { return }
        channel.writeAndFlush(channel.allocator.buffer(capacity: 0)).whenComplete { result in
            if case .success = result { return self.sent(count) }
            self.state.withLock { $0.waitingBytes -= count }
        }
    }

    // MARK: Handing over

    /// Hands a message to a lane, which is told at the end of the round of reads that the connection's thread is in; on that thread. False
    /// when the lane's queue has no room for the message, or it has stopped; counted there.
    ///
    /// - Parameter messageClass: what the message is; asked only when the queue is filling up.
    public func hand(
        _ message: sending any LaneMessage, to lane: Lane, _ messageClass: () -> LaneMessageClass
    ) -> Bool {
        loop.hand(message, to: lane, messageClass)
    }

    /// Gives frames back from within `StreamHandler.received`, since they find no room where they should go: they come again in a
    /// moment, before all others, and nothing is read meanwhile, so that TCP holds the peer back. False when too much waits on the
    /// thread already, and the frames are the caller's to refuse.
    public func giveBack(_ frames: ArraySlice<[UInt8]>) -> Bool {
        loop.giveBack(frames, limit: configuration.waitingLimit)
    }

    // MARK: Trust

    /// Notes that the peer has proven who it is, as by its password: it does not count among the strangers of its source any more
    /// (`StreamAdmission`). From any thread; to be told once is enough.
    public func vouch() {
        guard let admission, !isVouched.exchange(true, ordering: .relaxed) else { return }
        admission.vouch(self)
    }

    // MARK: Debts

    /// Notes that the peer is owed an answer: should it close its sending side, the connection stays open until that is given, or
    /// `StreamConfiguration.halfClosedTime` is over.
    public func owe() { state.withLock { $0.debts += 1 } }

    /// Notes that an answer was given; more than are owed do no harm. After the last the connection is closed if nothing more
    /// is read from it.
    public func settle() {
        let isLast = state.withLock { $0.settle() }
        if isLast { close() }
    }

    /// Closes when the last answer that is owed was given, and at once when none is; nothing more is read.
    public func closeWhenSettled() {
        let isSettled = state.withLock { state in
            state.hasInputEnded = true
            return state.debts == 0
        }
        if isSettled { close() }
    }

    /// Whether the peer is owed an answer.
    public var owesAnswers: Bool { state.withLock { $0.debts > 0 } }

    // MARK: Closing

    /// Why it is closed, as far as it is.
    var closeReason: StreamCloseReason? {
        state.withLock { $0.reason } ?? (counters.isShutDown.load(ordering: .relaxed) ? .shutdown : nil)
    }

    /// Sends what was given to it, closes our side, and waits for the peer to close its own, `StreamConfiguration.closeTime` at most.
    /// What is being made is made first.
    public func close() {
        let isOpen = state.withLock { state in
            guard state.takesFrames else { return false }
            state.reason = state.reason ?? .local
            state.isFinishing = true
            return state.phase == .open
        }
        if isOpen { loop.eventLoop.execute { self.closeOutput() } }
    }

    /// Closes as `close` does, for a reason.
    func finish(_ reason: StreamCloseReason) {
        state.withLock { $0.reason = $0.reason ?? reason }
        close()
    }

    /// On the event loop.
    private func closeOutput() {
        let channel = state.withLock { state -> (any Channel)? in
            guard state.phase == .open else { return nil }
            state.phase = .closing
            return state.channel
        }
        guard let channel else { return }
        flush()
        // When the peer has closed its side NIO closes all at once, and not behind the writes: so the close waits for the last of them.
        channel.writeAndFlush(channel.allocator.buffer(capacity: 0)).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
        }
        channel.eventLoop.scheduleTask(in: TimeAmount(configuration.closeTime)) { channel.close(promise: nil) }
    }

    /// Closes at once; what has not been sent is lost.
    public func abort() { abort(.local) }

    func abort(_ reason: StreamCloseReason) {
        let channel = state.withLock { state in
            if state.phase == .connecting || state.phase == .open { state.phase = .closing }
            state.reason = state.reason ?? reason
            return state.channel
        }
        // Without a channel yet, whoever makes it finds it closed.
        guard let channel else { return }
        channel.close(promise: nil)
    }

    // MARK: Events, on the event loop

    /// The channel is there, and is not connected yet.
    func attach(_ channel: any Channel) {
        let isWanted = state.withLock { state in
            state.channel = channel
            return state.phase == .connecting
        }
        if !isWanted { channel.close(promise: nil) }
    }

    /// The connection is open: connected, secured, and its peer proven.
    func connected(_ channel: any Channel, _ peerNames: CertificateNames? = nil) {
        let isWanted = state.withLock { state in
            guard state.phase == .connecting else { return false }
            state.channel = channel
            state.phase = .open
            state.localAddress = TransportAddress(channel.localAddress)
            state.peerNames = peerNames
            return true
        }
        guard isWanted else { return channel.close(promise: nil) }
        noteActivity()
        if isOutbound { counters.connected.addShared(1) } else { counters.accepted.addShared(1) }
        handler.opened(self)
        flush()
        if state.withLock({ $0.isFinishing }) { closeOutput() }
    }

    /// Tells the handler of frames; returns those that it gives back.
    func received(_ frames: [[UInt8]], isFirst: Bool = true) -> [[UInt8]] {
        if isFirst { counters.framesReceived.addShared(frames.count) }
        handler.received(frames, on: self)
        return loop.takeGivenBack()
    }

    /// Frames that were given back wait no more.
    func leave(_ frames: [[UInt8]]) { loop.leave(frames) }

    func misframed(_ error: StreamFramingError) {
        state.withLock { $0.reason = $0.reason ?? .misframed(error) }
        handler.misframed(error, on: self)
    }

    func inputEnded() {
        let isClosing = state.withLock { state in
            if state.reason == nil { state.reason = .remote }
            state.hasInputEnded = true
            return state.phase == .closing
        }
        if isClosing { return abort(.remote) }
        handler.inputEnded(on: self)
    }

    /// The end, told once. Whatever was noted first is the reason.
    func ended(_ lastReason: StreamCloseReason) {
        let (isFirst, wasKnown, reason) = state.withLock { state in
            let isFirst = state.phase != .closed
            let wasKnown = isOutbound || state.localAddress != nil
            state.phase = .closed
            state.channel = nil
            state.outbox = nil
            return (isFirst, wasKnown, state.reason)
        }
        guard isFirst else { return }
        admission?.release(self)
        let end = reason ?? (counters.isShutDown.load(ordering: .relaxed) ? .shutdown : lastReason)
        counters.count(end)
        // An accepted connection that never became open was never shown to the handler.
        guard wasKnown else {
            if end.isRefusal { handler.refused(self, end) }
            return
        }
        handler.closed(self, end)
    }

    func noteActivity() {
        lastActivity.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed)
    }

    func noteReceived(_ bytes: Int) {
        counters.bytesReceived.addShared(bytes)
        noteActivity()
    }

    /// The last sign of life.
    var lastSign: NIODeadline { .uptimeNanoseconds(lastActivity.load(ordering: .relaxed)) }

    /// When the connection will have been idle for too long.
    var idleDeadline: NIODeadline {
        .uptimeNanoseconds(lastActivity.load(ordering: .relaxed)) + TimeAmount(configuration.idleTime)
    }
}
