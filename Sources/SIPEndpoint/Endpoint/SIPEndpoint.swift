public import Reactor
public import SIP

/// A SIP element on this machine: lanes, listeners, and the SIP layers of each lane.
public final class SIPEndpoint: Sendable {
    /// Where to listen.
    public struct ListenerConfiguration: Sendable, Hashable {
        /// The transport.
        public var transport: TransportName
        /// The address to bind; port 0 lets the kernel choose.
        public var address: TransportAddress
        /// What to be called in messages; nil for the bound address.
        public var advertised: String?
        /// Whether others can connect to it; one that does not accept names a transport by which we connect only, and its port
        /// may be 0 for that of the first listener.
        public var isAccepting = true
        /// Whether the endpoint does without: a listener for connections whose address cannot be bound then only names a
        /// transport by which we connect, and its port may be 0 for that of the first listener.
        public var isOptional = false

        public init(_ transport: TransportName, _ address: TransportAddress, advertised: String? = nil) {
            self.transport = transport
            self.address = address
            self.advertised = advertised
        }
    }

    /// How an endpoint is set up.
    public struct Configuration: Sendable {
        /// Lanes for signalling: one thread each.
        public var laneCount = 1
        /// Where to listen.
        public var listeners: [ListenerConfiguration] = []
        /// The SIP layers.
        public var layers = EndpointConfiguration()
        /// The sizes of a lane.
        public var lane = Lane.Configuration()
        /// Connections: times and limits of each.
        public var stream = StreamConfiguration()
        /// How listeners for WebSocket speak it; the subprotocol is `sip` (RFC 7118 §4.1).
        public var webSocket = WebSocketContext(WebSocketConfiguration(subprotocol: "sip"))
        /// What secures connections; needed by listeners for TLS, and to connect by TLS.
        public var security: TLSContext?
        /// Connections that may be there at a time, in all and from one source.
        public var connectionLimit = 20_000
        public var connectionLimitPerSource = 1_000
        /// Threads that carry connections.
        public var streamThreads = 1
        /// How names are looked up.
        public var names = HostResolver.Configuration()
        /// Datagram sockets.
        public var socket = DatagramSocketConfiguration()

        public init() {}
    }

    /// The listeners, with the ports that they have.
    public let listeners: [Listener]
    /// SIP on each lane.
    public let lanes: [EndpointLane]
    let streams: SIPStreams?
    let configuration: Configuration
    /// Which lane owns a call.
    public let owner: CallOwner

    /// Binds all addresses and starts.
    ///
    /// - Parameter makeHandler: makes the request handler of a lane; called on the lane.
    /// - Throws: `SocketError` when an address cannot be bound; nothing runs then.
    public init(
        _ configuration: Configuration, _ makeHandler: @escaping @Sendable (EndpointLane) -> any RequestHandler
    ) async throws(SocketError) {
        self.configuration = configuration
        let count = max(1, configuration.laneCount)
        owner = CallOwner(laneCount: count)
        var bound: [[BoundDatagramSocket]] = []
        var listeners: [Listener] = []
        let hasStreams = configuration.listeners.contains { $0.transport.isReliable }
        let streams =
            hasStreams
            ? SIPStreams(
                owner: owner, threadCount: configuration.streamThreads, configuration: configuration.stream,
                limits: configuration.layers.limits,
                admission: StreamAdmission(
                    limit: configuration.connectionLimit, limitPerSource: configuration.connectionLimitPerSource),
                security: configuration.security, webSocket: configuration.webSocket) : nil
        self.streams = streams
        var lanes: [EndpointLane] = []
        let resolver = HostResolver(configuration.names)
        do throws(SocketError) {
            for _ in 0..<Self.portAttempts {
                (bound, listeners) = try await Self.bind(configuration, laneCount: count, streams)
                guard Self.wantsOtherPort(configuration.listeners, listeners) else { break }
            }
            for index in 0..<count {
                let lane = try Lane(name: "sip-\(index)", index: index, configuration: configuration.lane)
                lanes.append(
                    EndpointLane(
                        lane: lane, listenerCount: listeners.count, owner: owner, streams: streams, resolver: resolver))
            }
        } catch {
            for lane in lanes { lane.lane.stop() }
            await streams?.stop()
            throw error
        }
        self.listeners = listeners
        self.lanes = lanes
        let all = lanes
        let names = listeners
        for lane in lanes {
            await lane.lane.run { _ in lane.start(configuration.layers, names, all, makeHandler) }
        }
        streams?.attach(all)
        // A lane receives when every lane can take what it hands over, and answer it.
        do throws(SocketError) {
            for (index, lane) in lanes.enumerated() {
                for (listener, sockets) in bound.enumerated() where !sockets.isEmpty {
                    let socket = sockets[index]
                    try await lane.lane.run { (_) throws(SocketError) in try lane.open(socket, listener: listener) }
                }
            }
        } catch {
            await stop()
            throw error
        }
        for lane in lanes { await lane.lane.run { _ in lane.beginReceiving() } }
        guard let first = lanes.first, lanes.count > 1 else { return }
        await first.lane.run { _ in first.receiveForGuests(of: all.count - 1) }
        for lane in lanes.dropFirst() { lane.lane.share(threadOf: first.lane) }
    }

    /// Ports of the kernel's choice that are tried until all transports can have the same one: another program may have it in use
    /// for connections. The last one stays, without the listeners that can be done without.
    static let portAttempts = 8

    /// Binds the addresses of all listeners.
    private static func bind(
        _ configuration: Configuration, laneCount: Int, _ streams: SIPStreams?
    ) async throws(SocketError) -> (sockets: [[BoundDatagramSocket]], listeners: [Listener]) {
        var bound: [[BoundDatagramSocket]] = []
        var listeners: [Listener] = []
        for (index, listener) in configuration.listeners.enumerated() {
            if listener.transport.isReliable, let streams {
                bound.append([])
                listeners.append(try await streams.open(listener, index, beside: listeners.first))
                continue
            }
            let sockets = try BoundDatagramSocket.bind(listener.address, count: laneCount, configuration.socket)
            bound.append(sockets)
            listeners.append(
                Listener(
                    listener.transport, sockets.first?.localAddress ?? listener.address, advertised: listener.advertised
                ))
        }
        return (bound, listeners)
    }

    /// Whether a listener does without its port only because the kernel has chosen that for the first one.
    private static func wantsOtherPort(_ wanted: [ListenerConfiguration], _ listeners: [Listener]) -> Bool {
        guard wanted.first?.address.port == 0 else { return false }
        return zip(wanted, listeners).contains { $0.address.port == 0 && $0.isAccepting && !$1.isAccepting }
    }

    /// Stops the lanes and closes all sockets; what was handed over before is still served. Whoever waits for a response is told that
    /// none will come.
    public func stop() async {
        for lane in lanes { lane.lane.stop() }
        await streams?.stop()
        for lane in lanes {
            await lane.lane.stopped()
            await lane.lane.run { _ in lane.end() }
        }
    }

    /// What the connections have counted, and how many there are; nil without a listener for connections.
    public var streamStatistics: (counters: StreamStatistics, open: Int)? {
        streams.map { ($0.statistics, $0.connectionCount) }
    }

    /// What all lanes have counted.
    public func counters() async -> EndpointCounters {
        var sum = EndpointCounters()
        for lane in lanes { sum.add(await lane.lane.run { _ in lane.layer.counters }) }
        return sum
    }
}
