import Reactor
import SIP
import Synchronization

/// Opens the connections of a run, and hands what comes over them to the lane; told of by the threads of the streams.
final class LoadStreams: StreamHandler {
    /// What has happened on a connection.
    enum Event: Sendable {
        case received(path: Int, [[UInt8]])
        case ended(path: Int, String)
    }

    private struct State {
        /// Connections that were begun; they are made a few at a time.
        var begun = 0
        /// Those that carry messages, by their path.
        var open: [Int: StreamConnection] = [:]
        var waiter: CheckedContinuation<Result<[StreamConnection], LoadError>, Never>?
        var outcome: Result<[StreamConnection], LoadError>?
        /// What the lane has not taken yet.
        var events: [Event] = []
        var isHandingOver = false
        var carrier: LaneBound<LoadConnections>?
    }

    /// Connections that are being made at a time: fewer than a listener's backlog.
    private static let openingLimit = 64
    /// The most bytes that wait for the server to read them, for each connection: so many that the patience of the run ends first.
    private static let outboundLimit = 64 << 20

    private let plan: LoadPlan
    private let threads = StreamThreads(count: 1)
    private let state = Mutex(State())
    private let connector = Mutex<StreamConnector?>(nil)

    init(_ plan: LoadPlan) {
        self.plan = plan
        var configuration = StreamConfiguration()
        configuration.outboundLimit = Self.outboundLimit
        let isWebSocket = plan.transport.keepsBoundaries
        let made = StreamConnector(
            on: threads, configuration,
            framer: { () -> any Reactor.StreamFramer in isWebSocket ? LoadWebSocketFramer() : LoadStreamFramer() },
            handler: self)
        connector.withLock { $0 = made }
    }

    /// Opens all connections; returns when messages can be sent over each.
    func open() async throws(LoadError) -> [StreamConnection] {
        for _ in 0..<min(Self.openingLimit, max(1, plan.socketCount)) { openNext() }
        let impatience = Task {
            try await Task.sleep(for: plan.patience)
            settle(.failure(.connection("not all connections could be opened in time")))
        }
        defer { impatience.cancel() }
        let outcome = await withCheckedContinuation { continuation in
            let known = state.withLock { state in
                if state.outcome == nil { state.waiter = continuation }
                return state.outcome
            }
            if let known { continuation.resume(returning: known) }
        }
        return try outcome.get()
    }

    /// From now on events go to the lane of the carrier; on that lane.
    func begin(_ carrier: LaneBound<LoadConnections>) {
        let events = state.withLock { state in
            state.carrier = carrier
            defer { state.events = [] }
            return state.events
        }
        carrier.value.take(events)
    }

    /// Closes what is left.
    func stop() async {
        state.withLock { $0.carrier = nil }
        connector.withLock { $0 = nil }
        await threads.shutdown()
    }

    private func openNext() {
        let next = state.withLock { state -> Int? in
            guard state.begun < max(1, plan.socketCount), state.outcome == nil else { return nil }
            state.begun += 1
            return state.begun - 1
        }
        // Not under the lock: where the threads are gone its end is told at once.
        guard let next, let connector = connector.withLock({ $0 }) else { return }
        let connection = connector.connect(
            to: plan.target, tag: UInt64(next), security: plan.transport.isSecure ? plan.security : nil,
            domain: plan.target.ip)
        if plan.transport.keepsBoundaries { connection.send(handshake) }
    }

    /// The request that opens a WebSocket for SIP (RFC 6455 §4.1, RFC 7118 §4.1).
    private var handshake: [UInt8] {
        Array(
            """
            GET / HTTP/1.1\r
            Host: \(plan.target)\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Key: aXRvIGxvYWQgb3BlbnMgaQ==\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Protocol: sip\r
            \r

            """.utf8)
    }

    /// One more connection carries messages.
    private func ready(_ connection: StreamConnection) {
        let open = state.withLock { state in
            state.open[Int(connection.tag)] = connection
            return state.open
        }
        guard open.count == max(1, plan.socketCount) else { return openNext() }
        settle(.success(open.sorted { $0.key < $1.key }.map(\.value)))
    }

    /// The end of opening, once.
    private func settle(_ outcome: Result<[StreamConnection], LoadError>) {
        let waiter = state.withLock { state -> CheckedContinuation<Result<[StreamConnection], LoadError>, Never>? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            return state.waiter.take()
        }
        waiter?.resume(returning: outcome)
    }

    // MARK: StreamHandler

    func opened(_ connection: StreamConnection) {
        if !plan.transport.keepsBoundaries { ready(connection) }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        var frames = frames
        if plan.transport.keepsBoundaries { control(&frames, connection) }
        frames.removeAll { frame in
            guard frame == LoadStreamFramer.ping else { return false }
            connection.send(LoadStreamFramer.pong)
            return true
        }
        if !frames.isEmpty { post(.received(path: Int(connection.tag), frames)) }
    }

    /// Takes out what is not a message of SIP: the answer to the handshake, and control frames.
    private func control(_ frames: inout [[UInt8]], _ connection: StreamConnection) {
        frames.removeAll { frame in
            guard let first = frame.first else { return true }
            if first == LoadWebSocketFramer.pong || first == LoadWebSocketFramer.close {
                connection.send(frame)
                if first == LoadWebSocketFramer.close { connection.close() }
                return true
            }
            guard frame.starts(with: "HTTP/".utf8) else { return false }
            if frame.starts(with: "HTTP/1.1 101 ".utf8) {
                ready(connection)
            } else {
                let line = String(decoding: frame.prefix { $0 != 0x0D }, as: UTF8.self)
                settle(.failure(.connection("no WebSocket: the server has answered \(line)")))
            }
            return true
        }
    }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.close() }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        settle(.failure(.connection("\(reason)")))
        post(.ended(path: Int(connection.tag), "\(reason)"))
    }

    /// Gives an event to the lane, which is woken once for all that come until it takes them.
    private func post(_ event: Event) {
        let carrier = state.withLock { state -> LaneBound<LoadConnections>? in
            state.events.append(event)
            guard let carrier = state.carrier, !state.isHandingOver else { return nil }
            state.isHandingOver = true
            return carrier
        }
        guard let carrier else { return }
        carrier.lane.execute { _ in
            let events = self.state.withLock { state in
                state.isHandingOver = false
                defer { state.events = [] }
                return state.events
            }
            carrier.value.take(events)
        }
    }
}
