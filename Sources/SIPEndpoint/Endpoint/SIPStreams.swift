import Glibc
import Reactor
import SIP
import Synchronization

/// The connections of an endpoint, over TCP, TLS and WebSocket: cuts them into messages, hands each message to the lane that owns its call, and
/// sends for all lanes (RFC 3261 §18).
///
/// A request goes by the connection that we have opened to its target, by one that the target itself has opened and offered
/// (RFC 5923), or by the flow that it names; other connections that others have opened are used for answers and for bindings
/// that came by them.
final class SIPStreams: StreamTransport, StreamHandler {
    private struct State {
        var table = ConnectionTable()
        /// Makes no connections any more.
        var isStopped = false
        var ended = EndedConnections()
        /// The connections on which a ping of ours waits for its answer.
        var pinged: Set<UInt64> = []
    }

    private let state = Mutex(State())
    private let lanes = Mutex<[EndpointLane]>([])
    private let owner: CallOwner
    private let threads: StreamThreads
    private let configuration: StreamConfiguration
    private let limits: MessageLimits
    private let admission: StreamAdmission
    private let connector = Mutex<StreamConnector?>(nil)
    /// Secures connections; nil when there is no TLS.
    private let security: TLSContext?
    private let webSocket: WebSocketContext
    private let listeners = Mutex(Listeners())

    private struct Listeners {
        var open: [Int: StreamListener] = [:]
        /// The transport of each listener, by its index.
        var transports: [Int: TransportName] = [:]
        /// The indexes of the listeners whose names connections of ours carry in Via: the first of each transport and family.
        var outbound: [Kind: UInt16] = [:]
    }

    /// What a listener must have in common with a connection of ours.
    private struct Kind: Hashable {
        var transport: TransportName
        var family: TransportAddress.Family
    }

    init(
        owner: CallOwner, threadCount: Int, configuration: StreamConfiguration, limits: MessageLimits,
        admission: StreamAdmission, security: TLSContext?, webSocket: WebSocketContext
    ) {
        self.owner = owner
        self.configuration = configuration
        self.limits = limits
        self.admission = admission
        self.security = security
        self.webSocket = webSocket
        threads = StreamThreads(count: threadCount)
    }

    /// The lanes are made; messages may come.
    func attach(_ lanes: [EndpointLane]) {
        self.lanes.withLock { $0 = lanes }
        let limits = limits
        let made = StreamConnector(
            on: threads, configuration, framer: { SIPStreamFramer(limits: limits, takesPongs: true) }, handler: self)
        connector.withLock { $0 = made }
    }

    /// Names a listener whose connections are ours alone; nobody is let in.
    private func name(_ transport: TransportName, _ address: TransportAddress, listener: Int) {
        listeners.withLock { listeners in
            listeners.transports[listener] = transport
            let kind = Kind(transport: transport, family: address.family)
            if listeners.outbound[kind] == nil { listeners.outbound[kind] = UInt16(listener) }
        }
    }

    /// Opens a listener as it is configured; one that had the number before accepts no more.
    ///
    /// - Parameter first: the endpoint's first listener.
    /// - Throws: `SocketError` when the address cannot be bound, and the listener is not optional.
    func open(
        _ configured: SIPEndpoint.ListenerConfiguration, _ index: Int, beside first: Listener?
    ) async throws(SocketError) -> Listener {
        var (address, isAccepting) = (configured.address, configured.isAccepting)
        if address.port == 0, let first, configured.isOptional || !isAccepting { address.port = first.address.port }
        let old = listeners.withLock { $0.open.removeValue(forKey: index) }
        if isAccepting {
            do throws(SocketError) {
                address = try await listen(configured.transport, address, listener: index)
            } catch {
                guard configured.isOptional else { throw error }
                isAccepting = false
            }
        }
        if !isAccepting { name(configured.transport, address, listener: index) }
        await old?.close()
        var made = Listener(configured.transport, address, advertised: configured.advertised)
        made.isAccepting = isAccepting
        return made
    }

    /// Listens.
    private func listen(
        _ transport: TransportName, _ address: TransportAddress, listener: Int
    ) async throws(SocketError) -> TransportAddress {
        let limits = limits
        if transport.isSecure, security?.hasIdentity != true {
            throw SocketError(ENOKEY, "listen for TLS without a certificate", address)
        }
        name(transport, address, listener: listener)
        let bound = try await StreamListener.bind(
            address, on: threads, configuration, tag: UInt64(listener), admission: admission,
            security: transport.isSecure ? security : nil,
            webSocket: transport.keepsBoundaries ? webSocket : nil,
            framer: { () -> any Reactor.StreamFramer in
                if transport.keepsBoundaries { SIPMessageFramer() } else { SIPStreamFramer(limits: limits) }
            }, handler: self)
        listeners.withLock { $0.open[listener] = bound }
        return bound.localAddress
    }

    /// Has requests of ours take none of the connections that there are, as this machine has another address now.
    ///
    /// - Returns: the connections, to be closed.
    func abandonConnections() -> [StreamConnection] { state.withLock { $0.table.abandonAll() } }

    /// Ends everything.
    func stop() async {
        state.withLock { $0.isStopped = true }
        await threads.shutdown()
        lanes.withLock { $0 = [] }
    }

    /// What the connections have counted.
    var statistics: StreamStatistics { threads.statistics }

    /// Connections that are open, or are being made.
    var connectionCount: Int { state.withLock { $0.table.count } }

    // MARK: StreamTransport

    func send(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer, by outbox: inout StreamOutbox) -> Bool {
        guard let found = outbox.last(number: connection) ?? state.withLock({ $0.table.connection(connection) }) else {
            return false
        }
        return outbox.send(bytes, on: found, settling: Self.isFinalResponse(bytes))
    }

    /// Whether bytes are the final response to a request, which was owed (RFC 3261 §7.2).
    private static func isFinalResponse(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let version: StaticString = "SIP/2.0 "
        guard bytes.count > 8, bytes[8] >= UInt8(ascii: "2") else { return false }
        return begins(bytes, with: version)
    }

    private static func begins(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    func ping(connection: UInt64) -> Bool {
        let found = state.withLock { state -> StreamConnection? in
            guard let found = state.table.connection(connection), found.isOpen else { return nil }
            state.pinged.insert(connection)
            return found
        }
        return found?.send(SIPStreamFramer.ping) ?? false
    }

    func abort(connection: UInt64) { state.withLock { $0.table.connection(connection) }?.abort() }

    func isOpen(connection: UInt64) -> Bool {
        state.withLock { $0.table.connection(connection) }?.isOpen ?? false
    }

    func reasonOfEnd(of connection: UInt64) -> String? { state.withLock { $0.ended.reason(of: connection) } }

    func vouch(for connection: UInt64) { state.withLock { $0.table.connection(connection) }?.vouch() }

    func provenDomains(of connection: UInt64) -> [String] {
        state.withLock { $0.table.connection(connection) }?.peerNames?.domains ?? []
    }

    func provenUsers(of connection: UInt64) -> [String] {
        state.withLock { $0.table.connection(connection) }?.peerNames?.users ?? []
    }

    func connect(to target: Target) -> UInt64 {
        state.withLock { state in
            if let number = state.table.connection(to: target) { return number }
            // To a WebSocket client only its own connection leads (RFC 7118 §5).
            guard target.transport == .tcp || (target.transport == .tls && security != nil) else { return 0 }
            // A connector whose threads are gone tells of the end at once, which would wait for this very lock.
            guard !state.isStopped, let connector = connector.withLock({ $0 }) else { return 0 }
            let kind = Kind(transport: target.transport, family: target.address.family)
            guard let listener = listeners.withLock({ $0.outbound[kind] }) else { return 0 }
            let made = connector.connect(
                to: target.address, tag: UInt64(listener), security: target.transport == .tls ? security : nil,
                domain: ConnectionTable.domain(of: target))
            state.table.insert(made, to: target)
            return made.id.number
        }
    }

    // MARK: StreamHandler

    func opened(_ connection: StreamConnection) {
        state.withLock { $0.table.insert(connection) }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        let lanes = lanes.withLock { $0 }
        guard !lanes.isEmpty, let local = connection.localAddress else { return }
        let transport = listeners.withLock { $0.transports[Int(connection.tag)] } ?? .tcp
        let isProven = transport == .tls && !connection.isOutbound && connection.isProven
        let flow = Flow(
            transport: transport, listener: UInt16(truncatingIfNeeded: connection.tag),
            connection: connection.id.number,
            local: local, remote: connection.remoteAddress)
        var index = MessageIndex(capacity: 32)
        for (place, frame) in frames.enumerated() {
            // The double CRLF of a keep-alive is answered by a single one (RFC 5626 §4.4.1).
            guard frame != SIPStreamFramer.ping else {
                _ = connection.send([0x0D, 0x0A])
                continue
            }
            guard frame != SIPStreamFramer.pong else {
                tellPong(connection, to: lanes)
                continue
            }
            var passage = hand(frame, connection, flow, isProven, to: lanes, &index)
            if passage == .crowded {
                // A lane that is behind holds back those who ask it by connections, and refuses nobody for their sake.
                if connection.giveBack(frames[place...]) { return }
                passage = hand(frame, connection, flow, isProven, to: lanes, &index, insists: true)
            }
            guard passage == .refused else { continue }
            // Nobody repeats over a stream what was shed, and so its sender is told.
            answer(frame, 503, on: connection, retryAfter: Self.retryAfter)
            connection.settle()
        }
    }

    /// Tells the lanes of the answer to a ping of ours; what answers none is passed over.
    private func tellPong(_ connection: StreamConnection, to lanes: [EndpointLane]) {
        let number = connection.id.number
        guard state.withLock({ $0.pinged.remove(number) != nil }) else { return }
        for lane in lanes { lane.lane.execute { _ in lane.layer.pongReceived(number) } }
    }

    /// How long the sender of a request that finds its lane's queue full is asked to wait: 5 s (RFC 3261 §21.5.4).
    static let retryAfter = Duration.seconds(5)

    /// What became of a message that was to be given to its lane.
    private enum Passage {
        /// The lane has it, or nobody will.
        case done
        /// The lane's queue is full but for its reserve; nothing has happened.
        case crowded
        /// The queue has no room for what the message is; counted there.
        case refused
    }

    /// Gives a message to its lane; with `insists` also when only the reserve of its queue is left, and then requests that begin
    /// something are shed.
    ///
    /// The lane indexes the message; here that is done only for what must be known before: to which lane it goes when there are
    /// several, whether its connection is offered, and what it is when the queue is filling up.
    private func hand(
        _ frame: [UInt8], _ connection: StreamConnection, _ flow: Flow, _ isProven: Bool, to lanes: [EndpointLane],
        _ index: inout MessageIndex, insists: Bool = false
    ) -> Passage {
        let framing: MessageIndex.Framing = flow.transport.keepsBoundaries ? .datagram : .stream
        let owes = frame.withUnsafeBytes { Self.beginsAsRequest($0) }
        var number = 0
        if lanes.count > 1 || isProven {
            let isIndexed = frame.withUnsafeBytes { bytes in
                guard (try? index.parse(bytes, limits: limits, framing: framing)) != nil else { return false }
                let view = index.view(of: bytes)
                if isProven { noteAlias(view, flow) }
                number = owner.lane(of: view)
                return true
            }
            guard isIndexed else { return .done }
        }
        let target = lanes[number]
        guard insists || !target.lane.isCrowded else { return .crowded }
        // Who closes its sending side behind a request is answered all the same.
        if owes { connection.owe() }
        let isTaken = connection.hand(StreamMessage(frame, flow, target), to: target.lane) {
            guard let message = try? Message(frame, limits: limits, framing: framing) else { return .sheddable }
            return message.withView(\.beginsSomething) ? .sheddable : .reserved
        }
        return isTaken ? .done : .refused
    }

    /// Whether a message is a request that is answered, by its first line.
    private static func beginsAsRequest(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !begins(bytes, with: "SIP/2.0 ") && !begins(bytes, with: "ACK ")
    }

    /// A peer that has proven who it is may offer its connection for requests of ours: they then go to the address that its
    /// Via advertises, on the host that it comes from (RFC 5923 §8.2, §9.2).
    private func noteAlias(_ view: MessageView, _ flow: Flow) {
        guard view.isRequest, let via = try? view.topVia, via.transport == .tls,
            view.parameters(via.parameters).first("alias") != nil
        else { return }
        let address = flow.remote.with(port: via.hasPort ? via.port : TransportName.tls.defaultPort)
        state.withLock { $0.table.offer(flow.connection, for: address) }
    }

    /// Answers a request whose head can be read, without a lane; ACK and responses are not answered.
    private func answer(
        _ bytes: [UInt8], _ status: StatusCode, on connection: StreamConnection, retryAfter: Duration? = nil
    ) {
        guard let message = try? Message(bytes, limits: limits, framing: .stream), message.isRequest else { return }
        var writer = ByteWriter(capacity: 1_024)
        message.withView { view in
            guard view.method != .ack else { return }
            view.beginResponse(.init(status, toTag: .random(in: 0 ... .max)), into: &writer)
            if let retryAfter { writer.append("Retry-After: \(retryAfter.components.seconds)\r\n") }
            MessageView.endResponse(into: &writer)
        }
        if writer.count > 0 { _ = connection.send(writer.array) }
    }

    /// What cannot be framed is answered when its head can be read, and the connection is closed (RFC 3261 §18.3) when the requests
    /// before it are answered too: these are with their lanes yet.
    func misframed(_ error: StreamFramingError, on connection: StreamConnection) {
        answer(error.beginning, StatusCode(rawValue: UInt16(clamping: error.code)), on: connection)
        connection.closeWhenSettled()
    }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        let number = connection.id.number
        let text = "\(reason)"
        state.withLock { state in
            state.table.remove(number)
            state.pinged.remove(number)
            state.ended.note(number, text)
        }
        for lane in lanes.withLock({ $0 }) {
            lane.lane.execute { _ in lane.layer.connectionClosed(number, text) }
        }
    }
}

/// A message on its way from the thread of its connection to its lane.
private final class StreamMessage: LaneMessage {
    private let bytes: [UInt8]
    private let flow: Flow
    private let target: EndpointLane

    init(_ bytes: [UInt8], _ flow: Flow, _ target: EndpointLane) {
        self.bytes = bytes
        self.flow = flow
        self.target = target
    }

    func deliver(on lane: Lane) { bytes.withUnsafeBytes { target.layer.receive($0, flow) } }
}
