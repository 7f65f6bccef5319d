public import Reactor
public import SIP
public import SIPEndpoint

/// A host in a `SimulatedNetwork`: the driver below a `TransactionLayer`.
public final class SimulatedNode: EndpointDriver {
    /// Its address, for UDP and TCP alike.
    public private(set) var address: TransportAddress
    /// Its listeners: 0 is UDP, 1 is TCP.
    public private(set) var listeners: [Listener]
    /// The layer above; set before anything is received.
    public var layer: TransactionLayer?
    /// What it says of its work; a host of the simulation has all the time there is unless it is told otherwise.
    public var load: (worked: Duration, waiting: Int, dropped: UInt64) = (.zero, 0, 0)
    private unowned let network: SimulatedNetwork
    private var timers: Set<UInt64> = []
    private var nextTimer: UInt64 = 1
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    init(network: SimulatedNetwork, address: TransportAddress) {
        self.network = network
        self.address = address
        listeners = [Listener(.udp, address), Listener(.tcp, address)]
    }

    deinit { memory.deallocate() }

    /// Moves to another address, as a machine does that changes its network: what is sent to the old one is lost.
    public func move(to address: String) {
        // A test names its addresses itself; a wrong one is its own fault.
        guard let parsed = TransportAddress(address) else { preconditionFailure("\(address) is no address") }
        network.move(self, to: parsed)
        self.address = parsed
        listeners = [Listener(.udp, parsed), Listener(.tcp, parsed)]
        for (index, listener) in listeners.enumerated() { layer?.relocate(index, to: listener) }
    }

    /// Makes the layer of this node.
    public func start(_ handler: any RequestHandler, configuration: EndpointConfiguration = .init()) -> TransactionLayer
    {
        let made = TransactionLayer(
            driver: self, configuration: configuration, listeners: listeners, handler: handler)
        layer = made
        handler.attached(to: made)
        return made
    }

    func receive(_ bytes: [UInt8], from source: TransportAddress, connection: UInt64) {
        if connection != 0, bytes == Self.ping {
            if answersPings { _ = [UInt8]([0x0D, 0x0A]).withUnsafeBytes { sendStream(connection, $0) } }
            return
        }
        if connection != 0, bytes == [0x0D, 0x0A] {
            layer?.pongReceived(connection)
            return
        }
        let flow = Flow(
            transport: connection == 0 ? .udp : .tcp, listener: connection == 0 ? 0 : 1, connection: connection,
            local: address, remote: source)
        bytes.withUnsafeBytes { layer?.receive($0, flow) }
    }

    // MARK: EndpointDriver

    public var now: ContinuousClock.Instant { network.now }

    public var workload: Workload {
        Workload(time: now, worked: load.worked, waiting: load.waiting, dropped: load.dropped)
    }

    public func schedule(_ token: UInt64, after delay: Duration) -> UInt64 {
        let timer = nextTimer
        nextTimer += 1
        timers.insert(timer)
        network.after(delay) { [weak self] in
            guard let self, timers.remove(timer) != nil else { return }
            layer?.timerFired(token)
        }
        return timer
    }

    public func cancel(timer: UInt64) { timers.remove(timer) }

    public func reserveDatagram(_ listener: Int) -> UnsafeMutableRawBufferPointer? { memory }

    public func commitDatagram(_ listener: Int, count: Int, to remote: TransportAddress, from local: TransportAddress) {
        guard count > 0 else { return }
        network.deliver(Array(memory[0..<count]), from: address, to: remote, connection: 0)
    }

    /// The connections of the simulation are pairs of addresses; the number is made of both, the same at either end.
    public func connect(to target: Target) -> UInt64 {
        let remote = target.address
        let number = address.hash(seed: 1) ^ remote.hash(seed: 1) | 1
        peers[number] = remote
        return number
    }

    /// Whether a double CRLF by a connection is answered (RFC 5626 §4.4.1).
    public var answersPings = true

    private static let ping: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]

    public func ping(connection: UInt64) -> Bool { Self.ping.withUnsafeBytes { sendStream(connection, $0) } }

    public func abort(connection: UInt64) {
        peers[connection] = nil
        network.after(.zero) { [weak self] in self?.layer?.connectionClosed(connection, "closed") }
    }

    private var peers: [UInt64: TransportAddress] = [:]
    private var ended: Set<UInt64> = []

    /// Has this end see a connection as ended: what is sent on it fails, and its transactions do.
    public func end(connection: UInt64) {
        ended.insert(connection)
        layer?.connectionClosed(connection, "ended by the test")
    }

    public func isOpen(connection: UInt64) -> Bool { !ended.contains(connection) }

    public func sendStream(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !ended.contains(connection) else { return false }
        let remote = peers[connection] ?? network.peer(of: self, connection)
        guard let remote else { return false }
        peers[connection] = remote
        network.deliver(Array(bytes), from: address, to: remote, connection: connection)
        return true
    }

    public func ask(_ query: ServerLocator.Query, _ completion: @escaping (NameAnswer) -> Void) {
        network.names.questions.append(query)
        guard let answer = network.answer(to: query) else { return }
        // That a domain has no records but addresses is known already, as it is to a resolver that has asked before.
        if case .addresses = query {} else if answer == NameAnswer() { return completion(answer) }
        network.after(.milliseconds(1)) { completion(answer) }
    }

    public func random() -> UInt64 { network.random() }
}

extension SimulatedNetwork {
    /// The node at the other end of a connection that was opened from there.
    func peer(of node: SimulatedNode, _ connection: UInt64) -> TransportAddress? {
        addresses.first { $0.hash(seed: 1) ^ node.address.hash(seed: 1) | 1 == connection }
    }
}
