import ICE
import Media
import Reactor
import Synchronization

/// The connection of a ``TCPRelay`` with its server: drives a `TURNClient`, and makes the connections for data.
final class TCPRelayControl: StreamHandler {
    /// The most attempts of peers that wait to be looked at, the newest: 64.
    static let mostAttempts = 64
    /// How long the end waits for the server to say that the relay is gone: 2 s.
    static let closeTime = Duration.seconds(2)
    /// How late what is due may be done: 1 s.
    static let grain = Duration.seconds(1)

    typealias Result<Value> = Swift.Result<Value, TCPRelayError>

    private struct State {
        var client: TURNClient
        var connection: StreamConnection?
        var opening: CheckedContinuation<Result<[TransportAddress]>, Never>?
        var connecting: [STUNAddress: CheckedContinuation<Result<UInt32>, Never>] = [:]
        var allowing: [(host: STUNAddress, continuation: CheckedContinuation<Result<Void>, Never>)] = []
        var ending: CheckedContinuation<Void, Never>?
        /// When the end is not waited for any more.
        var patience: ContinuousClock.Instant?
        /// Why there is nothing more.
        var failure: TCPRelayError?
        var streams: [UInt64: RelayedStreamEnd] = [:]
        var nextStream: UInt64 = 0
        var timer: Task<Void, Never>?
    }

    /// What is done when nothing is locked any more, in order.
    private typealias Work = [@Sendable () -> Void]

    let attempts: AsyncStream<TCPRelay.Attempt>
    private let arrivals: AsyncStream<TCPRelay.Attempt>.Continuation
    private let server: TransportAddress
    private let security: TLSContext?
    private let domain: String
    private let threads = StreamThreads()
    private let state: Mutex<State>

    init(_ server: TransportAddress, _ security: TLSContext?, domain: String, _ credentials: LongTermCredentials) {
        self.server = server
        self.security = security
        self.domain = domain
        (attempts, arrivals) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.mostAttempts))
        state = Mutex(
            State(
                client: TURNClient(
                    server: STUNAddress(server), credentials: credentials, kind: .connections, isReliable: true,
                    hash: .crypto, random: { UInt64.random(in: .min ... .max) })))
    }

    // MARK: What the owner wants

    /// Connects with the server and asks for the relay.
    func open() async throws(TCPRelayError) -> [TransportAddress] {
        let result: Result<[TransportAddress]> = await withCheckedContinuation { continuation in
            state.withLock { $0.opening = continuation }
            let connector = StreamConnector(on: threads, framer: { TURNStreamFramer() }, handler: self)
            let connection = connector.connect(to: server, security: security, domain: domain)
            let timer = Task { [weak self] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.grain)
                    guard let self else { return }
                    self.advance { $0.client.fire($1) }
                }
            }
            state.withLock { state in
                state.connection = connection
                state.timer = timer
            }
        }
        do {
            return try result.get()
        } catch {
            end()
            throw error
        }
    }

    func allow(_ peer: TransportAddress) async throws(TCPRelayError) {
        let host = STUNAddress(peer).with(port: 0)
        let result: Result<Void> = await withCheckedContinuation { continuation in
            advance { state, now in
                state.allowing.append((host, continuation))
                state.client.permit(host, now: now)
            }
        }
        try result.get()
    }

    func connect(to peer: TransportAddress) async throws(TCPRelayError) -> (UInt32, ContinuousClock.Instant) {
        let address = STUNAddress(peer)
        let result: Result<UInt32> = await withCheckedContinuation { continuation in
            let refusal = advance { state, now -> TCPRelayError? in
                if let failure = state.failure { return failure }
                guard state.client.connect(to: address, now: now) else { return .busy }
                state.connecting[address] = continuation
                return nil
            }
            if let refusal { continuation.resume(returning: .failure(refusal)) }
        }
        return (try result.get(), .now)
    }

    /// Makes a connection for data and binds it to that of a peer.
    func bind(
        _ id: UInt32, to peer: TransportAddress, told: ContinuousClock.Instant
    ) async throws(TCPRelayError) -> RelayedStream {
        let made = state.withLock { state -> (tag: UInt64, end: RelayedStreamEnd)? in
            guard state.failure == nil else { return nil }
            state.nextStream += 1
            let tag = state.nextStream
            let connection = TURNDataConnection(
                id, told: told, credentials: state.client.credentials, hash: .crypto,
                random: { UInt64.random(in: .min ... .max) })
            let end = RelayedStreamEnd(connection) { [weak self] in self?.forget(tag) }
            state.streams[tag] = end
            return (tag, end)
        }
        guard let made else { throw .closed }
        let connector = StreamConnector(on: threads, framer: { UnparsedFramer() }, handler: made.end)
        try await made.end.open(connector.connect(to: server, tag: made.tag, security: security, domain: domain))
        return RelayedStream(made.end, peer)
    }

    private func forget(_ stream: UInt64) { state.withLock { $0.streams[stream] = nil } }

    func close() async {
        await withCheckedContinuation { continuation in
            let isOver = advance { state, now -> Bool in
                guard state.failure == nil, state.ending == nil else { return true }
                state.failure = .closed
                state.ending = continuation
                state.patience = now + Self.closeTime
                state.client.close(now)
                return false
            }
            if isOver { continuation.resume() }
        }
        end()
        await threads.shutdown()
    }

    /// Ends everything at once.
    func end() {
        let (connection, streams, timer) = state.withLock { state in
            (state.connection.take(), Array(state.streams.values), state.timer.take())
        }
        timer?.cancel()
        for stream in streams { stream.close() }
        connection?.abort()
        fail(.closed)
        arrivals.finish()
        Task { [threads] in await threads.shutdown() }
    }

    // MARK: The machine

    /// Has the client do something, and does what it wants.
    private func advance<Value: Sendable>(
        _ body: (inout sending State, ContinuousClock.Instant) -> sending Value
    ) -> Value {
        let now = ContinuousClock.now
        let (value, work) = state.withLock { state -> (Value, Work) in
            let value = body(&state, now)
            return (value, carryOut(&state, now))
        }
        for item in work { item() }
        return value
    }

    private func carryOut(_ state: inout State, _ now: ContinuousClock.Instant) -> Work {
        var work: Work = []
        for output in state.client.takeOutputs() {
            switch output {
            case .send(let destination, let bytes):
                // Nobody makes another connection for a redirection (RFC 8489 §10).
                guard destination == STUNAddress(server) else {
                    state.client.abandon()
                    work.append { self.fail(.refused(Int(STUNErrorCode.tryAlternate.rawValue))) }
                    continue
                }
                if let connection = state.connection { work.append { connection.send(bytes) } }
            case .allocated(let allocation):
                if let opening = state.opening.take() {
                    let addresses = allocation.relayed.map { TransportAddress($0) }
                    work.append { opening.resume(returning: .success(addresses)) }
                }
            case .connected(let peer, let id):
                if let waiting = state.connecting.removeValue(forKey: peer) {
                    work.append { waiting.resume(returning: .success(id)) }
                }
            case .notConnected(let peer, let failure):
                if let waiting = state.connecting.removeValue(forKey: peer) {
                    work.append { waiting.resume(returning: .failure(TCPRelayError(failure))) }
                }
            case .attempted(let peer, let id):
                let attempt = TCPRelay.Attempt(peer: TransportAddress(peer), id: id, told: now, control: self)
                arrivals.yield(attempt)
            case .failed(let failure): work.append { self.fail(TCPRelayError(failure)) }
            case .ended: work.append { self.fail(.closed) }
            case .data: break
            }
        }
        settleAllowed(&state, &work)
        if let patience = state.patience, patience <= now { work.append { self.fail(.closed) } }
        return work
    }

    private func settleAllowed(_ state: inout State, _ work: inout Work) {
        guard !state.allowing.isEmpty else { return }
        let client = state.client
        let failure = state.failure
        state.allowing.removeAll { entry in
            let result: Result<Void>
            switch (failure, client.permission(of: entry.host)) {
            case (let failure?, _): result = .failure(failure)
            case (_, .asked): return false
            case (_, .given): result = .success(())
            case (_, .refused): result = .failure(.refused(0))
            case (_, nil): result = .failure(.busy)
            }
            work.append { entry.continuation.resume(returning: result) }
            return true
        }
    }

    /// There is no relay any more: whoever waits is told.
    private func fail(_ failure: TCPRelayError) {
        let (old, streams) = state.withLock { state in
            let old = state
            state.failure = state.failure ?? failure
            state.opening = nil
            state.connecting = [:]
            state.allowing = []
            state.ending = nil
            state.patience = nil
            return (old, Array(state.streams.values))
        }
        let told = old.failure ?? failure
        old.opening?.resume(returning: .failure(told))
        for waiting in old.connecting.values { waiting.resume(returning: .failure(told)) }
        for waiting in old.allowing { waiting.continuation.resume(returning: .failure(told)) }
        old.ending?.resume()
        // The server closes them too (RFC 6062 §5.5).
        for stream in streams { stream.close() }
        arrivals.finish()
    }

    // MARK: StreamHandler

    func opened(_ connection: StreamConnection) {
        advance { state, now in
            state.connection = connection
            state.client.start(now)
        }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        advance { state, now in
            for frame in frames { _ = state.client.receive(frame.span.bytes, now: now) }
        }
    }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.abort() }

    func inputEnded(on connection: StreamConnection) { connection.abort() }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        advance { state, _ in state.client.abandon() }
        fail(.unreachable)
    }
}
