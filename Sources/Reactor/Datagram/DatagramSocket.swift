import CLinux
import Glibc

/// A bound UDP socket on a lane.
///
/// It reads batches into the lane's receive arena and hands them to its handler; what is sent is serialised into the lane's send
/// batch, which goes out at the end of the turn. All members are for the lane's thread, except the constants.
///
/// The lane keeps the socket, and the socket its handler, until it is closed or the lane stops.
public final class DatagramSocket {
    /// Most bytes that a datagram carries over IPv4: 65,535 less the headers of IP (20) and UDP (8).
    public static let longestPayload = 65_507

    /// The lane that the socket lives on.
    public let lane: Lane

    /// The address that the socket is bound to.
    public let localAddress: TransportAddress

    /// A number of the owner's, as to tell listeners apart; the socket itself makes no use of it.
    public let tag: UInt64

    /// The far address of a connected socket.
    @exclusivity(unchecked) public private(set) var remoteAddress: TransportAddress?

    /// Whether the socket has been closed.
    @exclusivity(unchecked) public private(set) var isClosed = false

    // The chain of records in the lane's send arena.
    @exclusivity(unchecked) var firstPending: Int32 = -1
    @exclusivity(unchecked) var lastPending: Int32 = -1

    // The lane's memory, which lives as long as the lane: reached without the lane, so that no packet counts references.
    private let counters: UnsafeMutablePointer<LaneCounters>
    private let sendArena: UnsafeMutablePointer<SendArena>
    private let receiveArena: UnsafeMutablePointer<ReceiveArena>

    private let descriptor: Int32
    private let isWildcard: Bool
    private let receiveBatch: Int
    private let receiveRounds: Int
    @exclusivity(unchecked) private var handler: (any DatagramHandler)?
    @exclusivity(unchecked) private var watch: WatchID?
    @exclusivity(unchecked) private var backlog: SendBacklog
    @exclusivity(unchecked) private var kernelDropCount: UInt32 = 0

    /// Puts a bound socket on a lane; on the lane.
    init(
        _ lane: Lane, _ bound: BoundDatagramSocket, tag: UInt64, receives: Bool, handler: any DatagramHandler
    ) throws(SocketError) {
        self.lane = lane
        counters = lane.counters
        sendArena = lane.sendArena
        receiveArena = lane.receiveArena
        self.tag = tag
        self.handler = handler
        localAddress = bound.localAddress
        isWildcard = bound.localAddress.isWildcard
        receiveBatch = min(max(bound.configuration.receiveBatch ?? .max, 1), lane.receiveArena.pointee.slots)
        receiveRounds = lane.configuration.receiveRounds
        backlog = SendBacklog(limit: bound.configuration.sendBacklog)
        let opened = try bound.take()
        descriptor = opened.number
        watch = try lane.watch(descriptor, receives ? .readable : [], self)
        _ = opened.release()
    }

    /// Sends what the lane has gathered, and closes the socket. Nothing is received thereafter.
    public func close() {
        lane.preconditionCurrent()
        guard !isClosed else { return }
        lane.flush()
        isClosed = true
        handler = nil
        if let watch { lane.unwatch(watch) }
        watch = nil
        backlog = SendBacklog(limit: 0)
        Glibc.close(descriptor)
    }

    /// Fixes the far address: the kernel takes datagrams from there only and sends faster to there. What has been queued before from
    /// elsewhere still comes. May be called again with another address; nil undoes it.
    public func connect(to remote: TransportAddress?) throws(SocketError) {
        lane.preconditionCurrent()
        guard !isClosed else { throw SocketError(EBADF, "connect UDP", remote) }
        lane.flush()
        let result =
            if let remote {
                remote.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
            } else {
                disconnect()
            }
        guard result == 0 else { throw SocketError.last("connect UDP", remote) }
        remoteAddress = remote
    }

    /// Has what is sent from now on carry another differentiated services code point, 0 to 63 (RFC 2474).
    public func mark(_ codePoint: Int) {
        lane.preconditionCurrent()
        guard !isClosed else { return }
        BoundDatagramSocket.mark(descriptor, isIPv6: localAddress.isIPv6, codePoint)
    }

    private func disconnect() -> Int32 {
        // An address of no family dissolves the association (connect(2)).
        var unspecified = sockaddr()
        unspecified.sa_family = sa_family_t(AF_UNSPEC)
        let result = Glibc.connect(descriptor, &unspecified, socklen_t(MemoryLayout<sockaddr>.size))
        // Linux gives up a port that it had chosen itself: take it again.
        guard result == 0, TransportAddress(localAddressOf: descriptor) != localAddress else { return result }
        return localAddress.withSocketAddress { Glibc.bind(descriptor, $0, $1) }
    }

    // MARK: Sending

    /// Room for a datagram of at most `capacity` bytes, to be filled and made one by `commit`.
    ///
    /// The room is valid until the next call of `reserve`, `send`, `withSendSlot` or `flush` of any socket of the lane; one that is not
    /// committed is simply forgotten.
    public func reserve(_ capacity: Int = longestPayload) -> UnsafeMutableRawBufferPointer {
        lane.assertCurrent()
        return sendArena.pointee.reserve(min(max(capacity, 0), Self.longestPayload))
    }

    /// Makes the first `count` bytes of the room that `reserve` gave a datagram.
    ///
    /// `destination` may be nil on a connected socket. `source` is the local address that it leaves from, if the socket is bound to the
    /// wildcard address: the one that the other side has asked. Its port does not matter.
    public func commit(_ count: Int, to destination: TransportAddress?, from source: TransportAddress? = nil) {
        lane.assertCurrent()
        precondition(count >= 0 && count <= Self.longestPayload, "a datagram has 0 to 65,507 bytes")
        guard !isClosed else { return }
        let source = isWildcard && source?.isWildcard == false ? source : nil
        sendArena.pointee.commit(count, self, to: destination, from: source)
    }

    /// Serialises a datagram directly into the send batch: `body` fills the room and returns the number of bytes, and must not send
    /// anything itself. Nothing is sent when it throws.
    @inlinable
    public func withSendSlot<Failure: Error>(
        _ capacity: Int = longestPayload, to destination: TransportAddress?, from source: TransportAddress? = nil,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let count = try body(reserve(capacity))
        commit(count, to: destination, from: source)
    }

    /// Sends bytes that exist already. Bytes beyond what a datagram carries are an error of the caller's: reported as too large.
    public func send(
        _ bytes: UnsafeRawBufferPointer, to destination: TransportAddress?, from source: TransportAddress? = nil
    ) {
        guard bytes.count <= Self.longestPayload else {
            return fail(EMSGSIZE, destination, payload: UnsafeRawBufferPointer(rebasing: bytes.prefix(1_024)))
        }
        let room = reserve(bytes.count)
        if let base = bytes.baseAddress { room.baseAddress?.copyMemory(from: base, byteCount: bytes.count) }
        commit(bytes.count, to: destination, from: source)
    }

    /// Sends bytes at once, with a system call of their own and from where they are: for a datagram that is passed on from the receive
    /// arena. What the kernel has no room for is dropped and counted.
    ///
    /// - Parameter destination: nil on a connected socket.
    public func sendNow(_ bytes: UnsafeRawBufferPointer, to destination: TransportAddress?) {
        lane.assertCurrent()
        guard !isClosed else { return }
        let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
        for _ in 0...Self.unexplainedErrors {
            let result =
                if let destination {
                    destination.withSocketAddress { sendto(descriptor, bytes.baseAddress, bytes.count, flags, $0, $1) }
                } else {
                    Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
                }
            guard result < 0 else {
                counters.pointee.sendBatches.add(1)
                counters.pointee.datagramsSent.add(1)
                return
            }
            switch errno {
            case EAGAIN, ENOBUFS, ENOMEM: return counters.pointee.sendDrops.add(1)
            // The kernel reports what became of an earlier datagram in place of sending this one (ip(7), IP_RECVERR).
            default: _ = readErrors()
            }
        }
        counters.pointee.sendFailures.add(1)
    }

    /// Most times that one flush takes the error of an earlier datagram for what it is, and tries again.
    private static let toleratedErrors = 16
    /// Most times that a datagram is tried again though no report explains the error: what is wrong with itself stays so.
    private static let unexplainedErrors = 3

    /// Gives messages to the kernel; called by the arena, and for the backlog.
    func transmit(_ messages: UnsafeMutablePointer<linux_mmsghdr>, _ count: Int) {
        guard backlog.isEmpty else { return keep(messages, 0..<count) }
        let sent = push(messages, count)
        if sent < count { keep(messages, sent..<count) }
    }

    /// Sends until the kernel takes no more; returns how many messages are settled, sent or failed.
    private func push(_ messages: UnsafeMutablePointer<linux_mmsghdr>, _ count: Int) -> Int {
        var done = 0
        var tolerance = Self.toleratedErrors
        var unexplained = 0
        while done < count {
            let result = linux_sendmmsg(descriptor, messages + done, UInt32(truncatingIfNeeded: count &- done))
            if result > 0 {
                done &+= Int(result)
                unexplained = 0
                counters.pointee.sendBatches.add(1)
                counters.pointee.datagramsSent.add(Int(result))
                continue
            }
            switch -result {
            case EINTR: continue
            case EAGAIN: return done
            case ENOBUFS, ENOMEM:
                // The interface has dropped it; there is no event that tells when to go on.
                counters.pointee.sendDrops.add(1)
                done &+= 1
            case let number:
                // The kernel reports what became of an earlier datagram in place of sending this one (ip(7), IP_RECVERR). The report
                // may have been read before the kernel came to set the error, just now or long ago: then there is nothing to read,
                // and this datagram is no worse for that.
                if tolerance > 0, readErrors() > 0 {
                    tolerance &-= 1
                } else if unexplained < Self.unexplainedErrors {
                    unexplained &+= 1
                } else {
                    unexplained = 0
                    let record = SendRecord.record(of: messages + done)
                    fail(number, SendRecord.destination(record), payload: SendRecord.payload(record))
                    done &+= 1
                }
            }
        }
        return done
    }

    /// Keeps messages that the kernel has no room for until the socket is writable; those that do not fit are dropped.
    private func keep(_ messages: UnsafeMutablePointer<linux_mmsghdr>, _ range: Range<Int>) {
        let wasEmpty = backlog.isEmpty
        for index in range where !backlog.append(SendRecord.record(of: messages + index)) {
            counters.pointee.sendDrops.add(1)
        }
        if wasEmpty && !backlog.isEmpty, let watch { lane.change(watch, to: [.readable, .writable]) }
    }

    private func drainBacklog() {
        // Between flushes the vectors of the send batch are free.
        let messages = sendArena.pointee.messages
        while !backlog.isEmpty {
            let count = backlog.describe(sendArena.pointee.slots, messages, sendArena.pointee.vectors)
            let sent = push(messages, count)
            backlog.removeFirst(sent)
            if sent < count { return }
        }
        if let watch { lane.change(watch, to: .readable) }
    }

    // MARK: Receiving

    /// Has all datagrams for the sockets that share this one's port go to the first of them that was bound, or to each its
    /// share again, which is what they do from the beginning. False when the system refuses.
    @discardableResult
    public func receiveAllByFirst(_ first: Bool) -> Bool {
        lane.preconditionCurrent()
        return !isClosed && linux_steer_to_first_socket(descriptor, first) == 0
    }

    /// Starts receiving on a socket that was opened without; what has come meanwhile waits in the kernel.
    public func beginReceiving() {
        lane.preconditionCurrent()
        guard !isClosed, let watch else { return }
        lane.change(watch, to: backlog.isEmpty ? .readable : [.readable, .writable])
    }

    private func receive() {
        let arena = receiveArena
        var rounds = receiveRounds
        var tolerance = Self.toleratedErrors
        while !isClosed {
            let count = arena.pointee.receive(from: descriptor, atMost: receiveBatch)
            guard count > 0 else {
                // Here too the kernel may report an earlier datagram in place of receiving one.
                if count == -EINTR || count != 0 && count != -EAGAIN && tolerance > 0 && readErrors() > 0 {
                    tolerance &-= 1
                    continue
                }
                return
            }
            counters.pointee.receiveBatches.add(1)
            counters.pointee.datagramsReceived.add(count)
            inspect(arena, count)
            handler?.received(
                DatagramBatch(arena, count: count, local: localAddress, asksPacketInfo: isWildcard), on: self)
            rounds &-= 1
            if count < receiveBatch || receiveBatch < arena.pointee.slots || rounds <= 0 { return }
        }
    }

    /// Counts what the kernel tells beside the datagrams: drops before the last of them, and cut ones.
    private func inspect(_ arena: UnsafeMutablePointer<ReceiveArena>, _ count: Int) {
        for index in 0..<count where arena.pointee.isTruncated(index) { counters.pointee.datagramsTruncated.add(1) }
        for item in arena.pointee.control(count &- 1) {
            guard let drops = item.dropCount else { continue }
            counters.pointee.kernelDrops.add(Int(drops &- kernelDropCount))
            kernelDropCount = drops
        }
    }

    // MARK: Errors

    /// Most entries of the error queue that are read at once.
    private static let errorsPerRound = 64

    /// Reads the reports that came by ICMP and notes them with the lane; returns their number.
    private func readErrors() -> Int {
        var count = 0
        while count < Self.errorsPerRound, let report = ErrorQueue.next(descriptor) {
            count += 1
            if report.origin == .network {
                counters.pointee.unreachable.add(1)
            } else {
                counters.pointee.sendFailures.add(1)
            }
            guard let destination = report.destination ?? remoteAddress else { continue }
            lane.note(
                DatagramFailure(
                    destination: destination, error: SocketError(report.number, "send UDP", destination),
                    origin: report.origin,
                    reporter: report.reporter, pathMTU: report.pathMTU, payload: report.payload), self)
        }
        return count
    }

    private func fail(_ number: Int32, _ destination: TransportAddress?, payload: UnsafeRawBufferPointer) {
        counters.pointee.sendFailures.add(1)
        guard let destination = destination ?? remoteAddress else { return }
        lane.note(
            DatagramFailure(
                destination: destination, error: SocketError(number, "send UDP", destination), origin: .local,
                reporter: nil,
                pathMTU: nil, payload: Array(payload)), self)
    }

    /// Tells the handler, from a place in the turn where it may send.
    func report(_ failure: DatagramFailure) { handler?.failed(failure, on: self) }

    /// The memory that the kernel takes for a waiting datagram of some hundred bytes, in bytes.
    private static let kernelMemory = 1_280

    /// About how many datagrams wait to be received: the kernel tells how much memory they take.
    public var waitingDatagrams: Int {
        guard !isClosed, let memory = SocketStatistics.memory(of: descriptor) else { return 0 }
        return Int(memory.received) / Self.kernelMemory
    }

    /// Datagrams that this socket has dropped because its receive buffer was full, asked of the kernel now.
    public var kernelDrops: UInt32? { isClosed ? nil : SocketStatistics.memory(of: descriptor)?.drops }
}

extension DatagramSocket: Watched {
    func ready(_ events: DescriptorEvents, on lane: Lane) {
        if events.contains(.failed) {
            // What the error queue does not explain is cleared, or it would be reported for ever.
            if readErrors() == 0 { _ = SocketOptions.takeError(descriptor) }
        }
        if events.contains(.writable) { drainBacklog() }
        if events.contains(.readable) { receive() }
    }

    func laneStopped() { close() }
}

extension Lane {
    /// Puts a bound socket on this lane; on the lane. The lane keeps the socket until it is closed.
    ///
    /// - Parameter receives: whether receiving starts at once, and not with `DatagramSocket.beginReceiving`.
    @discardableResult
    public func open(
        _ socket: BoundDatagramSocket, tag: UInt64 = 0, receives: Bool = true, handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        preconditionCurrent()
        return try DatagramSocket(self, socket, tag: tag, receives: receives, handler: handler)
    }
}
