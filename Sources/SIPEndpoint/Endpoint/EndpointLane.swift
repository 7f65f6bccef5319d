public import Reactor
public import SIP

/// SIP on one lane: the driver below a `TransactionLayer`, with the lane's sockets and timers.
///
/// Made on the lane and used there only; other lanes reach it through the lane's queue.
public final class EndpointLane: @unchecked Sendable {
    // Proof of Sendable: all stored state but `lane`, `owner` and `peers` is touched on the lane's thread only, where every
    // entry point is called: socket handlers, timers, handed-over messages and `execute`.

    /// The lane.
    public let lane: Lane
    /// The layer above.
    // Set by `start`, before any socket is open.
    @exclusivity(unchecked) public private(set) var layer: TransactionLayer!
    @exclusivity(unchecked) private var handler: (any RequestHandler)?
    @exclusivity(unchecked) private var timerClient: TimerClientID?
    @exclusivity(unchecked) private var sockets: [DatagramSocket?]
    private let owner: CallOwner
    @exclusivity(unchecked) private var streams: (any StreamTransport)?
    private let resolver: HostResolver
    @exclusivity(unchecked) private var peers: [EndpointLane] = []
    @exclusivity(unchecked) private var batches: [[HandedDatagram]] = []
    @exclusivity(unchecked) private var handedOver: UInt64 = 0
    @exclusivity(unchecked) private var refused: UInt64 = 0
    /// Random numbers that nobody had yet.
    @exclusivity(unchecked) private var randomNumbers: [UInt64] = []
    private static let randomStock = 32
    /// What was sent on connections in this turn.
    @exclusivity(unchecked) private var outbox = StreamOutbox()
    /// Whether turns may not come to their end any more.
    @exclusivity(unchecked) private var isStopping = false

    init(lane: Lane, listenerCount: Int, owner: CallOwner, streams: (any StreamTransport)?, resolver: HostResolver) {
        self.lane = lane
        self.owner = owner
        self.streams = streams
        self.resolver = resolver
        sockets = Array(repeating: nil, count: listenerCount)
    }

    /// Makes the layers; on the lane.
    func start(
        _ configuration: EndpointConfiguration, _ listeners: [Listener], _ peers: [EndpointLane],
        _ makeHandler: (EndpointLane) -> any RequestHandler
    ) {
        lane.preconditionCurrent()
        self.peers = peers
        timerClient = lane.add(timerClient: self)
        if streams != nil { lane.add(observer: self) }
        let made = makeHandler(self)
        handler = made
        layer = TransactionLayer(driver: self, configuration: configuration, listeners: listeners, handler: made)
        made.attached(to: layer)
    }

    /// Opens the socket of a listener for sending; on the lane.
    func open(_ socket: BoundDatagramSocket, listener: Int) throws(SocketError) {
        sockets[listener] = try lane.open(socket, tag: UInt64(listener), receives: false, handler: self)
    }

    /// Has this lane receive for all while the others live with it; on the lane, which is the first.
    func receiveForGuests(of count: Int) {
        lane.whenGuestsChange { [unowned self] guests in
            for socket in sockets { socket?.receiveAllByFirst(guests == count) }
        }
    }

    /// Starts receiving; on the lane.
    func beginReceiving() {
        for socket in sockets { socket?.beginReceiving() }
    }

    /// Puts a listener elsewhere, since this machine has another address now; on the lane of an endpoint that has one.
    ///
    /// - Parameter socket: the new socket of a listener for datagrams.
    /// - Throws: `SocketError` when the socket cannot be opened; the old one goes on then.
    func relocate(_ index: Int, to listener: Listener, _ socket: BoundDatagramSocket?) throws(SocketError) {
        lane.preconditionCurrent()
        if let socket {
            let opened = try lane.open(socket, tag: UInt64(index), handler: self)
            sockets[index]?.close()
            sockets[index] = opened
        }
        layer.relocate(index, to: listener)
    }

    /// Datagrams that were handed to the lanes that own them, and those that found their queues full.
    public var handOvers: (handedOver: UInt64, refused: UInt64) { (handedOver, refused) }

    /// Lets go of everything, so that nothing keeps the lane's objects alive; on the lane, when it has stopped.
    func end() {
        layer?.end(with: EndedLane(lane))
        handler?.ended(in: layer)
        handler = nil
        peers = []
        streams = nil
    }
}

extension EndpointLane: EndpointDriver {
    public var now: ContinuousClock.Instant { lane.now }

    public var workload: Workload {
        let worked = lane.worked
        return Workload(
            time: worked.time, worked: worked.busy,
            waiting: lane.queuedMessages + sockets.reduce(0) { $0 + ($1?.waitingDatagrams ?? 0) },
            dropped: lane.statistics.kernelDrops &+ refused)
    }

    public func schedule(_ token: UInt64, after delay: Duration) -> UInt64 {
        guard let timerClient else { return 0 }
        return lane.schedule(after: delay, grain: Self.grain(for: delay), timerClient, token: token).number
    }

    /// From this length on a timer ends at a multiple of `coarseGrain`: nearly all of these are of transactions that are over and
    /// only absorb what comes again (RFC 3261 §17), as many as there are requests, and each would wake the lane.
    static let coarseDelay = Duration.seconds(1)

    /// Milliseconds by which such a timer may be late.
    static let coarseGrain: UInt64 = 20

    /// The grain of a timer, in ms.
    static func grain(for delay: Duration) -> UInt64 { delay >= coarseDelay ? coarseGrain : 1 }

    public func cancel(timer: UInt64) { lane.cancel(TimerHandle(number: timer)) }

    public func reserveDatagram(_ listener: Int) -> UnsafeMutableRawBufferPointer? { sockets[listener]?.reserve() }

    public func commitDatagram(_ listener: Int, count: Int, to remote: TransportAddress, from local: TransportAddress) {
        guard count > 0 else { return }
        sockets[listener]?.commit(count, to: remote, from: local)
    }

    public func sendStream(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let streams else { return false }
        let isTaken = streams.send(connection, bytes, by: &outbox)
        if isStopping { outbox.flush() }
        return isTaken
    }

    public func connect(to target: Target) -> UInt64 { streams?.connect(to: target) ?? 0 }

    public func ping(connection: UInt64) -> Bool { streams?.ping(connection: connection) ?? false }

    public func abort(connection: UInt64) { streams?.abort(connection: connection) }

    public func isOpen(connection: UInt64) -> Bool { streams?.isOpen(connection: connection) ?? false }

    public func reasonOfEnd(of connection: UInt64) -> String? { streams?.reasonOfEnd(of: connection) }

    public func vouch(for connection: UInt64) { streams?.vouch(for: connection) }

    public func provenDomains(of connection: UInt64) -> [String] { streams?.provenDomains(of: connection) ?? [] }

    public func provenUsers(of connection: UInt64) -> [String] { streams?.provenUsers(of: connection) ?? [] }

    public func ask(_ query: ServerLocator.Query, _ completion: @escaping (NameAnswer) -> Void) {
        let question = DNSQuestion(query)
        if let known = resolver.known(question) { return completion(NameAnswer(known)) }
        let waiting = LaneCompletion(completion)
        resolver.resolve(question, on: lane) { reply, _ in waiting.body(NameAnswer(reply)) }
    }

    public func random() -> UInt64 {
        // The system is asked for many at once: a call of it takes longer than what is done with one number.
        if randomNumbers.isEmpty { randomNumbers = Lane.randomNumbers(Self.randomStock) }
        return randomNumbers.removeLast()
    }

    public var execute: @Sendable (_ work: @escaping @Sendable () -> Void) -> Void {
        { [lane] work in lane.execute { _ in work() } }
    }
}

extension EndpointLane: LaneObserver {
    public func turnEnded(on lane: Lane) { outbox.flush() }

    public func laneWillStop(_ lane: Lane) {
        isStopping = true
        outbox.flush()
    }
}

extension EndpointLane: TimerClient {
    public func timerFired(_ timer: ExpiredTimer, on lane: Lane) { layer.timerFired(timer.token) }
}

extension EndpointLane: DatagramHandler {
    public func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let listener = Int(socket.tag)
        for i in 0..<batch.count {
            guard let datagram = batch[i] else { continue }
            let flow = Flow(
                transport: .udp, listener: UInt16(listener), local: datagram.destination, remote: datagram.source)
            guard owner.laneCount > 1 else {
                layer.receive(datagram.bytes, flow)
                continue
            }
            guard !layer.answersSTUN(datagram.bytes, flow), layer.indexMessage(datagram.bytes, .datagram) else {
                continue
            }
            let view = layer.indexedView(datagram.bytes)
            let index = owner.lane(of: view)
            if index == lane.index {
                layer.handleIndexed(datagram.bytes, flow)
            } else {
                handOver(datagram, flow, view, to: index)
            }
        }
    }

    /// Gives a datagram to the lane that owns its call; when that lane's queue fills, requests that begin something are shed
    /// first.
    private func handOver(_ datagram: Datagram, _ flow: Flow, _ view: MessageView, to index: Int) {
        let peer = peers[index]
        // A lane that lives with this one is served at once.
        if lane.beginsTurn(of: peer.lane) {
            handedOver &+= 1
            return peer.layer.receive(datagram.bytes, flow)
        }
        let message = HandedDatagram.copy(of: datagram, socket: UInt64(flow.listener), to: peer)
        if lane.hand(message, view.beginsSomething ? .sheddable : .reserved, to: peer.lane) {
            handedOver &+= 1
        } else {
            refused &+= 1
        }
    }

    public func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {
        let (payload, reason) = (failure.payload, "\(failure.error)")
        guard !payload.withUnsafeBytes({ layer.datagramFailed($0, reason) }) else { return }
        // The kernel gives what comes back to any of the sockets that share the port.
        for peer in peers where peer !== self {
            peer.lane.execute { _ in payload.withUnsafeBytes { _ = peer.layer.datagramFailed($0, reason) } }
        }
    }
}

extension EndpointLane: HandedDatagramReceiver {
    public func received(_ datagram: HandedDatagram, on lane: Lane) {
        let flow = Flow(
            transport: .udp, listener: UInt16(datagram.socket), local: datagram.destination, remote: datagram.source)
        datagram.withBytes { layer.receive($0, flow) }
    }
}

/// A completion on its way to the resolver and back to its lane.
private struct LaneCompletion: @unchecked Sendable {
    // Proof of Sendable: `body` is made on the lane and called there only, as `HostResolver.resolve(on:)` promises.
    let body: (NameAnswer) -> Void

    init(_ body: @escaping (NameAnswer) -> Void) { self.body = body }
}
