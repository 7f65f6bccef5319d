import Synchronization

/// Finds the addresses of host names without ever blocking its caller.
///
/// The system's resolver blocks, so it is asked on threads of our own: few, started when there is something to ask and gone when there
/// is not. Equal questions that wait are asked once. Answers are kept for a time, failures for a shorter one: the system does not
/// tell how long an answer is good for. Numeric addresses need no question.
public final class HostResolver: Sendable {
    /// The limits and times of a resolver.
    public struct Configuration: Hashable, Sendable {
        /// Most threads that ask at once.
        public var threads = 4

        /// Most names that wait for a thread.
        public var queueLimit = 256

        /// Most callers that wait for answers.
        public var waiterLimit = 4_096

        /// Most answers that are kept.
        public var cacheLimit = 4_096

        /// How long addresses are kept.
        public var positiveTime: Duration = .seconds(60)

        /// How long it is kept that a name does not exist; RFC 2308 §5 would allow hours.
        public var negativeTime: Duration = .seconds(10)

        /// How long it is kept that the name service did not answer.
        public var unavailableTime: Duration = .seconds(2)

        /// The defaults.
        public init() {}
    }

    /// Addresses in the order in which they should be tried, or why there are none.
    public typealias Answer = Result<[TransportAddress], HostResolutionError>

    private typealias Key = HostCache.Key
    private typealias Waiter = @Sendable (Answer) -> Void

    private struct State {
        var cache: HostCache
        var waiters: [Key: [Waiter]] = [:]
        var waiterCount = 0
        var queue: [Key] = []
        var firstInQueue = 0
        var threadCount = 0

        mutating func nextQuestion() -> Key? {
            guard firstInQueue < queue.count else {
                queue.removeAll(keepingCapacity: true)
                firstInQueue = 0
                return nil
            }
            firstInQueue += 1
            let question = queue[firstInQueue - 1]
            // A queue that never runs empty gives back what was asked.
            if firstInQueue == 256 {
                queue.removeFirst(firstInQueue)
                firstInQueue = 0
            }
            return question
        }
    }

    private let configuration: Configuration
    private let state: Mutex<State>
    private let clock: @Sendable () -> ContinuousClock.Instant
    private let ask: @Sendable (HostName, AddressFamilies) throws(HostResolutionError) -> [TransportAddress]

    /// A resolver that asks the system.
    public convenience init(_ configuration: Configuration = Configuration()) {
        self.init(configuration, clock: { .now }) { name, families throws(HostResolutionError) in
            try name.systemAddresses(families)
        }
    }

    /// A resolver that asks `ask`, by a clock.
    init(
        _ configuration: Configuration, clock: @escaping @Sendable () -> ContinuousClock.Instant,
        ask: @escaping @Sendable (HostName, AddressFamilies) throws(HostResolutionError) -> [TransportAddress]
    ) {
        self.configuration = configuration
        self.clock = clock
        self.ask = ask
        state = Mutex(State(cache: HostCache(limit: configuration.cacheLimit)))
    }

    /// The answer if it needs no question: for numeric addresses, for what is no name, and for what is kept.
    public func known(_ host: String, port: UInt16, _ families: AddressFamilies = .both) -> Answer? {
        switch Self.question(host, port, families) {
        case .answered(let answer): return answer
        case .open(let key):
            let now = clock()
            return state.withLock { $0.cache.answer(key, at: now) }?.with(port: port)
        }
    }

    /// Finds the addresses of `host` and gives them to `completion` on `lane`, in a turn to come, with `port`. From any thread.
    public func resolve(
        _ host: String, port: UInt16, _ families: AddressFamilies = .both, on lane: Lane,
        _ completion: @escaping @Sendable (Answer, Lane) -> Void
    ) {
        resolve(host, port, families) { answer in lane.execute { lane in completion(answer, lane) } }
    }

    /// Finds the addresses of `host`, with `port`.
    public func addresses(
        of host: String, port: UInt16, _ families: AddressFamilies = .both
    ) async throws(HostResolutionError) -> [TransportAddress] {
        try await withCheckedContinuation { continuation in
            resolve(host, port, families) { continuation.resume(returning: $0) }
        }.get()
    }

    private enum Question {
        case answered(Answer)
        case open(Key)
    }

    private static func question(_ host: String, _ port: UInt16, _ families: AddressFamilies) -> Question {
        if let address = TransportAddress(host: host, port: port) {
            let isWanted = families == .both || (families == .ipv6) == address.isIPv6
            return .answered(isWanted ? .success([address]) : .failure(HostResolutionError(.notFound, host)))
        }
        guard let name = HostName(host) else { return .answered(.failure(HostResolutionError(.notAName, host))) }
        return .open(Key(name: name, families: families))
    }

    private enum Step {
        case answer(Answer)
        case wait
        case startThread
    }

    private func resolve(_ host: String, _ port: UInt16, _ families: AddressFamilies, _ waiter: @escaping Waiter) {
        switch Self.question(host, port, families) {
        case .answered(let answer):
            waiter(answer)
        case .open(let key):
            let now = clock()
            switch state.withLock({ add(key, { waiter($0.with(port: port)) }, at: now, to: &$0) }) {
            case .answer(let answer): waiter(answer.with(port: port))
            case .wait: break
            case .startThread: startThread()
            }
        }
    }

    private func add(_ key: Key, _ waiter: @escaping Waiter, at now: ContinuousClock.Instant, to state: inout State)
        -> Step
    {
        if let answer = state.cache.answer(key, at: now) { return .answer(answer) }
        let isNew = state.waiters[key] == nil
        guard state.waiterCount < configuration.waiterLimit,
            !isNew || state.queue.count - state.firstInQueue < configuration.queueLimit
        else { return .answer(.failure(HostResolutionError(.overloaded, key.name.text))) }
        state.waiters[key, default: []].append(waiter)
        state.waiterCount += 1
        guard isNew else { return .wait }
        state.queue.append(key)
        guard state.threadCount < max(configuration.threads, 1) else { return .wait }
        state.threadCount += 1
        return .startThread
    }

    private func startThread() {
        do throws(SocketError) {
            _ = try LaneThread.start { [self] in work() }
        } catch {
            // Other threads may be at work; if there is none, nobody would ask.
            let stranded = state.withLock { state -> [Key] in
                state.threadCount -= 1
                guard state.threadCount == 0 else { return [] }
                var stranded: [Key] = []
                while let key = state.nextQuestion() { stranded.append(key) }
                return stranded
            }
            for key in stranded {
                settle(key, .failure(HostResolutionError(.unavailable, key.name.text, detail: error.description)))
            }
        }
    }

    /// The life of a thread: asks until no question waits.
    private func work() {
        while true {
            let question = state.withLock { state -> Key? in
                let question = state.nextQuestion()
                if question == nil { state.threadCount -= 1 }
                return question
            }
            guard let question else { return }
            do throws(HostResolutionError) {
                settle(question, .success(try ask(question.name, question.families)))
            } catch {
                settle(question, .failure(error))
            }
        }
    }

    private func settle(_ key: Key, _ answer: Answer) {
        let expires = clock() + timeToKeep(answer)
        let waiters = state.withLock { state in
            state.cache.store(answer, for: key, until: expires)
            let waiters = state.waiters.removeValue(forKey: key) ?? []
            state.waiterCount -= waiters.count
            return waiters
        }
        for waiter in waiters { waiter(answer) }
    }

    private func timeToKeep(_ answer: Answer) -> Duration {
        switch answer {
        case .success: configuration.positiveTime
        case .failure(let error) where error.code == .notFound: configuration.negativeTime
        case .failure: configuration.unavailableTime
        }
    }
}

extension Result where Success == [TransportAddress], Failure == HostResolutionError {
    fileprivate func with(port: UInt16) -> Self {
        map { addresses in addresses.map { $0.with(port: port) } }
    }
}
