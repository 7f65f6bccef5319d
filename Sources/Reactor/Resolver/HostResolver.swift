import Synchronization

/// Asks names without ever blocking its caller: addresses of hosts, servers of services, rules.
///
/// DNS is asked by c-ares on one thread, which is started with the first question. Equal questions that wait are asked once. Answers
/// are kept for as long as they say, within bounds, those that there is nothing too (RFC 2308). Numeric addresses need no question.
public final class HostResolver: Sendable {
    /// The limits and times of a resolver.
    public struct Configuration: Hashable, Sendable {
        /// The servers of DNS; none are those of the system (`/etc/resolv.conf`).
        public var servers: [TransportAddress] = []

        /// How long the first attempt at a server waits; the next waits twice as long.
        public var timeout: Duration = .seconds(2)

        /// How often each server is asked.
        public var tries = 2

        /// Most questions that are under way.
        public var questionLimit = 1_024

        /// Most callers that wait for answers.
        public var waiterLimit = 4_096

        /// Most answers that are kept.
        public var cacheLimit = 4_096

        /// How long an answer is kept at least, whatever it says, so that a busy server does not ask for each request.
        public var shortestTime: Duration = .seconds(1)

        /// How long an answer is kept at most, so that a domain which moves is found in the end.
        public var longestTime: Duration = .seconds(3_600)

        /// How long it is kept that a name has nothing, when nobody says (RFC 2308 §5 has the zone say it).
        public var negativeTime: Duration = .seconds(10)

        /// How long it is kept at most that a name has nothing; RFC 2308 §5 would allow hours.
        public var longestNegativeTime: Duration = .seconds(300)

        /// How long it is kept that no server of DNS answered.
        public var unavailableTime: Duration = .seconds(5)

        /// The defaults.
        public init() {}
    }

    /// Addresses in the order in which they should be tried, or why there are none.
    public typealias Answer = Result<[TransportAddress], HostResolutionError>
    /// What was said, or why nothing was.
    public typealias Reply = Result<DNSReply, HostResolutionError>
    /// Asks DNS.
    typealias Ask = @Sendable (DNSQuestion, @escaping @Sendable (Reply) -> Void) -> Void

    private typealias Waiter = @Sendable (Reply) -> Void

    private struct State {
        var cache: HostCache
        var waiters: [DNSQuestion: [Waiter]] = [:]
        var waiterCount = 0
        var client: DNSClient?
    }

    private let configuration: Configuration
    private let state: Mutex<State>
    private let clock: @Sendable () -> ContinuousClock.Instant
    /// Nil for DNS.
    private let ask: Ask?

    /// A resolver that asks DNS.
    public convenience init(_ configuration: Configuration = Configuration()) {
        self.init(configuration, clock: { .now }, ask: nil)
    }

    /// A resolver that asks `ask`, by a clock.
    init(_ configuration: Configuration, clock: @escaping @Sendable () -> ContinuousClock.Instant, ask: Ask?) {
        self.configuration = configuration
        self.clock = clock
        self.ask = ask
        state = Mutex(State(cache: HostCache(limit: configuration.cacheLimit)))
    }

    deinit { state.withLock { $0.client }?.close() }

    // MARK: Any question

    /// The answer if it is kept, or needs no question since there is no such name.
    public func known(_ question: DNSQuestion) -> Reply? {
        guard let name = HostName(question.name) else { return .failure(HostResolutionError(.notAName, question.name)) }
        let now = clock()
        return state.withLock { $0.cache.answer(question.with(name: name.text), at: now) }
    }

    /// Gives the answer to `completion` on `lane`, in a turn to come. From any thread.
    public func resolve(
        _ question: DNSQuestion, on lane: Lane, _ completion: @escaping @Sendable (Reply, Lane) -> Void
    ) {
        resolve(question) { answer in lane.execute { lane in completion(answer, lane) } }
    }

    /// The answer to a question.
    public func reply(to question: DNSQuestion) async throws(HostResolutionError) -> DNSReply {
        try await withCheckedContinuation { continuation in
            resolve(question) { continuation.resume(returning: $0) }
        }.get()
    }

    // MARK: Hosts

    /// The answer if it needs no question: for numeric addresses, for what is no name, and for what is kept.
    public func known(_ host: String, port: UInt16, _ families: AddressFamilies = .both) -> Answer? {
        numeric(host, port, families) ?? known(.addresses(host, families))?.addresses(host, port)
    }

    /// Finds the addresses of `host`, with `port`.
    public func addresses(
        of host: String, port: UInt16, _ families: AddressFamilies = .both
    ) async throws(HostResolutionError) -> [TransportAddress] {
        if let answer = numeric(host, port, families) { return try answer.get() }
        let reply: Reply
        do throws(HostResolutionError) {
            reply = .success(try await self.reply(to: .addresses(host, families)))
        } catch {
            reply = .failure(error)
        }
        return try reply.addresses(host, port).get()
    }

    private func numeric(_ host: String, _ port: UInt16, _ families: AddressFamilies) -> Answer? {
        guard let address = TransportAddress(host: host, port: port) else { return nil }
        let isWanted = families == .both || (families == .ipv6) == address.isIPv6
        return isWanted ? .success([address]) : .failure(HostResolutionError(.notFound, host))
    }

    // MARK: Asking

    private enum Step {
        case answer(Reply)
        case wait
        case ask
    }

    private func resolve(_ question: DNSQuestion, _ waiter: @escaping Waiter) {
        guard let name = HostName(question.name) else {
            return waiter(.failure(HostResolutionError(.notAName, question.name)))
        }
        let question = question.with(name: name.text)
        let now = clock()
        switch state.withLock({ add(question, waiter, at: now, to: &$0) }) {
        case .answer(let answer): waiter(answer)
        case .wait: break
        case .ask: send(question)
        }
    }

    private func add(
        _ question: DNSQuestion, _ waiter: @escaping Waiter, at now: ContinuousClock.Instant, to state: inout State
    ) -> Step {
        if let answer = state.cache.answer(question, at: now) { return .answer(answer) }
        let isNew = state.waiters[question] == nil
        guard state.waiterCount < configuration.waiterLimit,
            !isNew || state.waiters.count < configuration.questionLimit
        else { return .answer(.failure(HostResolutionError(.overloaded, question.name))) }
        state.waiters[question, default: []].append(waiter)
        state.waiterCount += 1
        return isNew ? .ask : .wait
    }

    private func send(_ question: DNSQuestion) {
        // Whoever waits keeps the resolver until the answer has come.
        let settled: @Sendable (Reply) -> Void = { self.settle(question, $0) }
        if let ask { return ask(question, settled) }
        do throws(SocketError) {
            try client().ask(question, settled)
        } catch {
            settled(.failure(HostResolutionError(.unavailable, question.name, detail: error.description)))
        }
    }

    private func client() throws(SocketError) -> DNSClient {
        var settings = DNSClient.Configuration()
        settings.servers = configuration.servers
        settings.timeout = configuration.timeout
        settings.tries = configuration.tries
        settings.questionLimit = configuration.questionLimit
        return try state.withLock { (state) throws(SocketError) -> DNSClient in
            if let client = state.client { return client }
            let client = try DNSClient(settings)
            state.client = client
            return client
        }
    }

    private func settle(_ question: DNSQuestion, _ answer: Reply) {
        let expires = clock() + timeToKeep(answer)
        let waiters = state.withLock { state in
            state.cache.store(answer, for: question, until: expires)
            let waiters = state.waiters.removeValue(forKey: question) ?? []
            state.waiterCount -= waiters.count
            return waiters
        }
        for waiter in waiters { waiter(answer) }
    }

    private func timeToKeep(_ answer: Reply) -> Duration {
        switch answer {
        case .success(let reply):
            return timeToKeep(
                reply.lifetime,
                longest: reply.isNegative ? configuration.longestNegativeTime : configuration.longestTime)
        case .failure(let error) where error.code == .notFound:
            return timeToKeep(error.lifetime, longest: configuration.longestNegativeTime)
        case .failure: return configuration.unavailableTime
        }
    }

    private func timeToKeep(_ lifetime: UInt32?, longest: Duration) -> Duration {
        let said = lifetime.map { Duration.seconds(Int64($0)) } ?? configuration.negativeTime
        return min(max(said, configuration.shortestTime), longest)
    }
}

extension Result where Success == DNSReply, Failure == HostResolutionError {
    /// The addresses with a port; a host without any is not found.
    fileprivate func addresses(_ host: String, _ port: UInt16) -> HostResolver.Answer {
        flatMap { reply in
            guard !reply.addresses.isEmpty else { return .failure(HostResolutionError(.notFound, host)) }
            return .success(reply.addresses.map { $0.with(port: port) })
        }
    }
}
