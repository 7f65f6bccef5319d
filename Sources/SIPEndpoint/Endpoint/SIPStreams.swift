import Reactor
import SIP
import Synchronization

/// The TCP connections of an endpoint: cuts them into messages, hands each message to the lane that owns its call, and
/// sends for all lanes (RFC 3261 §18).
///
/// A request goes by the connection that we have opened to its target, or by the flow that it names; connections that
/// others have opened are used for answers and for bindings that came by them.
final class SIPStreams: StreamTransport, StreamHandler {
    private struct State {
        /// Every connection by its number.
        var connections: [UInt64: StreamConnection] = [:]
        /// Those that we have opened, by where they lead.
        var outbound: [TransportAddress: UInt64] = [:]
        /// Makes no connections any more.
        var isStopped = false
    }

    private let state = Mutex(State())
    private let lanes = Mutex<[EndpointLane]>([])
    private let owner: CallOwner
    private let threads: StreamThreads
    private let configuration: StreamConfiguration
    private let limits: MessageLimits
    private let admission: StreamAdmission
    private let connector = Mutex<StreamConnector?>(nil)
    private let listeners = Mutex<[StreamListener]>([])
    /// The indexes of the listeners whose names connections of ours carry in Via: the first of each address family.
    private let outboundListeners = Mutex<[TransportAddress.Family: UInt16]>([:])

    init(
        owner: CallOwner, threadCount: Int, configuration: StreamConfiguration, limits: MessageLimits,
        admission: StreamAdmission
    ) {
        self.owner = owner
        self.configuration = configuration
        self.limits = limits
        self.admission = admission
        threads = StreamThreads(count: threadCount)
    }

    /// The lanes are made; messages may come.
    func attach(_ lanes: [EndpointLane]) {
        self.lanes.withLock { $0 = lanes }
        let limits = limits
        let made = StreamConnector(
            on: threads, configuration, framer: { SIPStreamFramer(limits: limits) }, handler: self)
        connector.withLock { $0 = made }
    }

    /// Listens.
    func listen(_ address: TransportAddress, listener: Int) async throws(SocketError) -> TransportAddress {
        let limits = limits
        let bound = try await StreamListener.bind(
            address, on: threads, configuration, tag: UInt64(listener), admission: admission,
            framer: { SIPStreamFramer(limits: limits) }, handler: self)
        listeners.withLock { $0.append(bound) }
        outboundListeners.withLock { listeners in
            if listeners[address.family] == nil { listeners[address.family] = UInt16(listener) }
        }
        return bound.localAddress
    }

    /// Ends everything.
    func stop() async {
        state.withLock { $0.isStopped = true }
        await threads.shutdown()
        lanes.withLock { $0 = [] }
    }

    /// What the connections have counted.
    var statistics: StreamStatistics { threads.statistics }

    /// Connections that are open, or are being made.
    var connectionCount: Int { state.withLock { $0.connections.count } }

    // MARK: StreamTransport

    func send(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let found = state.withLock({ $0.connections[connection] }) else { return false }
        return found.send(Array(bytes))
    }

    func connect(_ transport: TransportName, to remote: TransportAddress) -> UInt64 {
        state.withLock { state in
            if let number = state.outbound[remote], let known = state.connections[number], known.isOpen {
                return number
            }
            // A connector whose threads are gone tells of the end at once, which would wait for this very lock.
            guard !state.isStopped, let connector = connector.withLock({ $0 }) else { return 0 }
            let tag = UInt64(outboundListeners.withLock { $0[remote.family] ?? 0 })
            let made = connector.connect(to: remote, tag: tag)
            state.connections[made.id.number] = made
            state.outbound[remote] = made.id.number
            return made.id.number
        }
    }

    // MARK: StreamHandler

    func opened(_ connection: StreamConnection) {
        state.withLock { $0.connections[connection.id.number] = connection }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        let lanes = lanes.withLock { $0 }
        guard !lanes.isEmpty, let local = connection.localAddress else { return }
        let flow = Flow(
            transport: .tcp, listener: UInt16(truncatingIfNeeded: connection.tag), connection: connection.id.number,
            local: local, remote: connection.remoteAddress)
        for frame in frames {
            // The double CRLF of a keep-alive is answered by a single one (RFC 5626 §4.4.1).
            guard frame != SIPStreamFramer.ping else {
                _ = connection.send([0x0D, 0x0A])
                continue
            }
            guard !hand(frame, flow, to: lanes) else { continue }
            // Nobody repeats over a stream what was shed, and so its sender is told.
            answer(frame, 503, on: connection, retryAfter: Self.retryAfter)
        }
    }

    /// How long the sender of a request that finds its lane's queue full is asked to wait: 5 s (RFC 3261 §21.5.4).
    static let retryAfter = Duration.seconds(5)

    /// Gives a message to its lane; false when the lane's queue is full: requests that begin something are shed first.
    private func hand(_ frame: [UInt8], _ flow: Flow, to lanes: [EndpointLane]) -> Bool {
        guard let message = try? Message(frame, limits: limits, framing: .stream) else { return true }
        let (index, begins) = message.withView { (owner.lane(of: $0), $0.beginsSomething) }
        let lane = lanes[index]
        return lane.lane.send(StreamMessage(frame, flow, lane), begins ? .sheddable : .reserved)
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

    /// What cannot be framed is answered when its head can be read, and the connection is closed (RFC 3261 §18.3).
    func misframed(_ error: StreamFramingError, on connection: StreamConnection) {
        answer(error.beginning, StatusCode(rawValue: UInt16(clamping: error.code)), on: connection)
        connection.close()
    }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        let number = connection.id.number
        state.withLock { state in
            state.connections[number] = nil
            if state.outbound[connection.remoteAddress] == number { state.outbound[connection.remoteAddress] = nil }
        }
        let text = "\(reason)"
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

/// Cuts a stream into SIP messages and keep-alives.
struct SIPStreamFramer: Reactor.StreamFramer {
    /// The frame that stands for a keep-alive.
    static let ping: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    private var framer: SIP.StreamFramer

    init(limits: MessageLimits) { framer = SIP.StreamFramer(limits: limits) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) { framer.append(bytes) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        do throws(MessageDefect) {
            switch try framer.next() {
            case .message(let bytes): return bytes
            case .ping: return Self.ping
            case nil: return nil
            }
        } catch {
            throw StreamFramingError(
                "\(error)", code: Int(error.status.rawValue), beginning: framer.rejectedHead)
        }
    }

    var holdsPartialFrame: Bool { framer.holdsPartialMessage }
}
