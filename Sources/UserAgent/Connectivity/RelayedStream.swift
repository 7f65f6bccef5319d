import ICE
public import Reactor
import Synchronization

/// A connection with a peer by a ``TCPRelay``: octets both ways, in order. It is closed when nobody holds it any more.
///
/// What the other side does not take holds this side back, and what nobody receives here holds the peer back: little is kept.
public final class RelayedStream: Sendable {
    /// Who is at the other end.
    public let peer: TransportAddress
    private let end: RelayedStreamEnd

    init(_ end: RelayedStreamEnd, _ peer: TransportAddress) {
        self.end = end
        self.peer = peer
    }

    deinit { end.close() }

    /// Sends octets, when what was sent before has found its way as far as 64 kB of it. Throws ``TCPRelayError/closed`` when the
    /// connection is gone: how much of it the peer has got is not known then.
    public func send(_ bytes: [UInt8]) async throws(TCPRelayError) {
        var at = 0
        while at < bytes.count {
            let next = min(at + RelayedStreamEnd.mostSent, bytes.count)
            await end.room()
            guard end.send([UInt8](bytes[at..<next])) else { throw .closed }
            at = next
        }
    }

    /// What has come from the peer, at least one octet; nil when nothing more comes, or the task is cancelled.
    public func receive() async -> [UInt8]? { await end.receive() }

    /// Closes it when all that was sent has gone out.
    public func close() { end.close() }
}

/// The connection of a ``RelayedStream`` with the server.
final class RelayedStreamEnd: StreamHandler {
    /// Octets that go out at once.
    static let mostSent = 16_384
    /// Octets that wait for the peer before who sends waits too.
    static let mostWaiting = 65_536
    /// Octets that wait to be received before nothing more is read: 64 kB.
    static let mostKept = 65_536

    private struct State {
        var machine: TURNDataConnection
        var connection: StreamConnection?
        var opening: CheckedContinuation<Result<Void, TCPRelayError>, Never>?
        var failure: TCPRelayError?
        var kept: [[UInt8]] = []
        var keptCount = 0
        /// Nothing more comes.
        var hasEnded = false
        var readers: [CheckedContinuation<Void, Never>] = []
        var writers: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>
    private let ended: @Sendable () -> Void

    /// - Parameter ended: told once when the connection is no more.
    init(_ machine: TURNDataConnection, ended: @escaping @Sendable () -> Void) {
        state = Mutex(State(machine: machine))
        self.ended = ended
    }

    /// Waits until the connection is bound to that of the peer.
    func open(_ connection: StreamConnection) async throws(TCPRelayError) {
        let due = state.withLock { $0.machine.deadline }
        let timer = Task {
            try? await Task.sleep(until: due ?? .now)
            if !Task.isCancelled { advance { $0.fire($1) } }
        }
        let result: Result<Void, TCPRelayError> = await withCheckedContinuation { continuation in
            let early = state.withLock { state -> Result<Void, TCPRelayError>? in
                state.connection = connection
                if state.machine.isBound { return .success(()) }
                if let failure = state.failure { return .failure(failure) }
                if state.hasEnded { return .failure(.unreachable) }
                state.opening = continuation
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }
        timer.cancel()
        do {
            try result.get()
        } catch {
            connection.abort()
            throw error
        }
    }

    // MARK: Sending

    /// Waits until there is room for more.
    func room() async {
        guard let connection = state.withLock({ $0.connection }), connection.waitingBytes > Self.mostWaiting else {
            return
        }
        await withCheckedContinuation { continuation in
            state.withLock { $0.writers.append(continuation) }
            if !connection.askDrained(to: Self.mostWaiting / 2) { wakeWriters() }
        }
    }

    /// False when it is closed.
    func send(_ bytes: [UInt8]) -> Bool {
        let connection = state.withLock { $0.machine.isBound ? $0.connection : nil }
        return connection?.send(bytes) ?? false
    }

    private func wakeWriters() {
        let writers = state.withLock { state in
            defer { state.writers = [] }
            return state.writers
        }
        for writer in writers { writer.resume() }
    }

    // MARK: Receiving

    func receive() async -> [UInt8]? {
        while true {
            let (bytes, isOver, connection) = state.withLock { state -> ([UInt8]?, Bool, StreamConnection?) in
                guard !state.kept.isEmpty else { return (nil, state.hasEnded, nil) }
                let first = state.kept.removeFirst()
                let wasFull = state.keptCount >= Self.mostKept
                state.keptCount -= first.count
                return (first, false, wasFull && state.keptCount < Self.mostKept ? state.connection : nil)
            }
            connection?.resume()
            if let bytes { return bytes }
            if isOver || Task.isCancelled { return nil }
            await something()
        }
    }

    /// Waits until something has come or nothing more will, or the task is cancelled.
    private func something() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    guard state.kept.isEmpty, !state.hasEnded, !Task.isCancelled else { return true }
                    state.readers.append(continuation)
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            wakeReaders()
        }
    }

    private func wakeReaders() {
        let readers = state.withLock { state in
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.resume() }
    }

    func close() { state.withLock { $0.connection }?.close() }

    // MARK: The machine

    private func advance(_ body: (inout TURNDataConnection, ContinuousClock.Instant) -> Void) {
        let (opening, result, sent, connection, isFull) = state.withLock { state in
            body(&state.machine, .now)
            var result: Result<Void, TCPRelayError>?
            var sent: [[UInt8]] = []
            for output in state.machine.takeOutputs() {
                switch output {
                case .send(let bytes): sent.append(bytes)
                case .bound: result = .success(())
                case .data(let bytes):
                    state.kept.append(bytes)
                    state.keptCount += bytes.count
                case .failed(let failure):
                    state.failure = TCPRelayError(failure)
                    result = .failure(TCPRelayError(failure))
                }
            }
            let opening = result == nil ? nil : state.opening.take()
            return (opening, result, sent, state.connection, state.keptCount >= Self.mostKept)
        }
        if !sent.isEmpty { connection?.send(sent) }
        if let result { opening?.resume(returning: result) }
        if isFull { connection?.hold() }
        wakeReaders()
    }

    // MARK: StreamHandler

    func opened(_ connection: StreamConnection) {
        state.withLock { $0.connection = connection }
        advance { $0.start($1) }
    }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        advance { machine, now in
            for frame in frames { machine.receive(frame, now: now) }
        }
    }

    func drained(_ connection: StreamConnection) { wakeWriters() }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { connection.abort() }

    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {
        let opening = state.withLock { state in
            state.hasEnded = true
            return state.opening.take()
        }
        opening?.resume(returning: .failure(.unreachable))
        wakeReaders()
        wakeWriters()
        ended()
    }
}
