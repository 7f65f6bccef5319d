import Synchronization
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(1))) struct HostResolverTests {
    /// A name service that answers when it is told to, and a clock that stands still.
    private final class Service: Sendable {
        private typealias Open = (question: DNSQuestion, completion: @Sendable (HostResolver.Reply) -> Void)

        private struct State {
            var questions: [String] = []
            var now = ContinuousClock.now
            var open: [Open] = []
            var permits = 0
            var lifetime: UInt32? = 60
        }

        private let state = Mutex(State())

        var questions: [String] { state.withLock { $0.questions } }
        func advance(_ span: Duration) { state.withLock { $0.now += span } }
        /// What the answers to come say of their time.
        func answers(for lifetime: UInt32?) { state.withLock { $0.lifetime = lifetime } }

        func permit(_ count: Int) {
            let ready = state.withLock { state in
                let ready = state.open.prefix(count)
                state.open.removeFirst(ready.count)
                state.permits += count - ready.count
                return Array(ready)
            }
            for open in ready { open.completion(answer(to: open.question)) }
        }

        func resolver(_ configuration: HostResolver.Configuration = .init()) -> HostResolver {
            HostResolver(configuration, clock: { self.state.withLock { $0.now } }) { question, completion in
                let isPermitted = self.state.withLock { state in
                    state.questions.append(question.name)
                    guard state.permits > 0 else {
                        state.open.append((question, completion))
                        return false
                    }
                    state.permits -= 1
                    return true
                }
                if isPermitted { completion(self.answer(to: question)) }
            }
        }

        private func answer(to question: DNSQuestion) -> HostResolver.Reply {
            let name = question.name
            if name.hasPrefix("no") { return .failure(HostResolutionError(.notFound, name)) }
            if name.hasPrefix("down") { return .failure(HostResolutionError(.unavailable, name)) }
            let lifetime = state.withLock { $0.lifetime }
            switch question {
            case .addresses(_, .ipv6): return .success(DNSReply(addresses: [.loopback(.ipv6)], lifetime: lifetime))
            case .addresses:
                return .success(DNSReply(addresses: [TransportAddress("192.0.2.7:0")!], lifetime: lifetime))
            case .srv where !name.contains("empty"):
                let record = DNSRecordData.srv(priority: 1, weight: 2, port: 3, target: "a.example")
                return .success(DNSReply(records: [record], lifetime: lifetime))
            case .srv, .naptr: return .success(DNSReply(lifetime: lifetime))
            }
        }
    }

    private static let seven = TransportAddress("192.0.2.7:5060")!

    @Test func answersAreKeptForTheirTime() async throws {
        let service = Service()
        let resolver = service.resolver()
        service.permit(100)
        #expect(resolver.known("a.example", port: 5060) == nil)
        #expect(try await resolver.addresses(of: "a.example", port: 5060) == [Self.seven])
        #expect(resolver.known("A.Example.", port: 5061) == .success([Self.seven.with(port: 5061)]))
        #expect(try await resolver.addresses(of: "A.EXAMPLE", port: 5060) == [Self.seven])
        #expect(try await resolver.addresses(of: "a.example", port: 5060, .ipv6) == [.loopback(.ipv6, port: 5060)])
        #expect(service.questions == ["a.example", "a.example"])
        service.advance(.seconds(59))
        #expect(resolver.known("a.example", port: 5060) != nil)
        service.advance(.seconds(1))
        #expect(resolver.known("a.example", port: 5060) == nil)
        #expect(try await resolver.addresses(of: "a.example", port: 5060) == [Self.seven])
        #expect(service.questions.count == 3)
    }

    @Test(arguments: [("no.example", HostResolutionError.Code.notFound, 10), ("down.example", .unavailable, 5)])
    func failuresAreKeptForAShorterTime(host: String, code: HostResolutionError.Code, seconds: Int) async throws {
        let service = Service()
        let resolver = service.resolver()
        service.permit(100)
        await #expect(throws: HostResolutionError(code, host)) { try await resolver.addresses(of: host, port: 1) }
        service.advance(.seconds(seconds) - .nanoseconds(1))
        #expect(resolver.known(host, port: 1) == .failure(HostResolutionError(code, host)))
        service.advance(.nanoseconds(1))
        #expect(resolver.known(host, port: 1) == nil)
    }

    /// RFC 2308 §5 and RFC 1035 §3.2.1: an answer holds as long as it says, that there is nothing too, within bounds.
    @Test(
        arguments: [
            (.addresses("a.example", .both), 0, 1), (.addresses("a.example", .both), 30, 30),
            (.addresses("a.example", .both), 4_000_000, 3_600), (.srv("_sip._udp.example"), 600, 600),
            (.srv("_sip._udp.empty.example"), 120, 120), (.srv("_sip._udp.empty.example"), 86_400, 300),
            (.naptr("example"), nil, 10),
        ] as [(DNSQuestion, UInt32?, Int)])
    func answersHoldAsLongAsTheySay(question: DNSQuestion, lifetime: UInt32?, seconds: Int) async throws {
        let service = Service()
        service.answers(for: lifetime)
        service.permit(2)
        let resolver = service.resolver()
        let reply = try await resolver.reply(to: question)
        service.advance(.seconds(seconds) - .nanoseconds(1))
        #expect(resolver.known(question) == .success(reply))
        service.advance(.nanoseconds(1))
        #expect(resolver.known(question) == nil)
        #expect(service.questions.count == 1)
    }

    @Test func equalQuestionsAreAskedOnce() async throws {
        let service = Service()
        let resolver = service.resolver()
        try await withLane { lane async throws in
            let answers = Mailbox<Bool>()
            for _ in 0..<50 {
                resolver.resolve(.srv("_sip._udp.same.example"), on: lane) { answer, lane in
                    answers.post(lane.isCurrent && (try? answer.get().records.count) == 1)
                }
            }
            #expect(service.questions == ["_sip._udp.same.example"])
            service.permit(1)
            #expect(try await answers.next(50) == [Bool](repeating: true, count: 50))
            #expect(service.questions == ["_sip._udp.same.example"])
        }
    }

    @Test func tooManyQuestionsAreRefused() async throws {
        let service = Service()
        var configuration = HostResolver.Configuration()
        configuration.questionLimit = 5
        configuration.waiterLimit = 7
        let resolver = service.resolver(configuration)
        try await withLane { lane async throws in
            let answers = Mailbox<String>()
            func ask(_ host: String) {
                resolver.resolve(.addresses(host, .both), on: lane) { answer, _ in
                    switch answer {
                    case .success: answers.post(host)
                    case .failure(let error): answers.post("\(host) \(error.code)")
                    }
                }
            }
            for number in 0..<6 { ask("h\(number)") }
            #expect(try await answers.next() == "h5 overloaded")
            // Callers are limited as well, also those of equal questions.
            ask("h0")
            ask("h0")
            ask("h0")
            #expect(try await answers.next() == "h0 overloaded")
            service.permit(5)
            #expect(try await answers.next(7).sorted() == ["h0", "h0", "h0", "h1", "h2", "h3", "h4"])
            service.permit(1)
            ask("h6")
            #expect(try await answers.next() == "h6")
        }
    }

    @Test func numbersNeedNoQuestionAndNonsenseGetsNone() async throws {
        let service = Service()
        let resolver = service.resolver()
        #expect(resolver.known("192.0.2.7", port: 5060) == .success([Self.seven]))
        #expect(resolver.known("[::1]", port: 5) == .success([.loopback(.ipv6, port: 5)]))
        #expect(resolver.known("::1", port: 5, .ipv4) == .failure(HostResolutionError(.notFound, "::1")))
        let nonsense = [
            "", ".", "a..b", "-a.example", "a-.example", "a b", "a\0b", "127.1", "0x7f000001", "1.2.3.0x4",
            "2130706433", "a.0x",
            "host:5060", "[1.2.3.4]", "ü.example", String(repeating: "a", count: 64) + ".example",
            Array(repeating: "abcdefg", count: 32).joined(separator: "."),
        ]
        for host in nonsense {
            #expect(resolver.known(host, port: 1) == .failure(HostResolutionError(.notAName, host)))
            await #expect(throws: HostResolutionError.self) { try await resolver.addresses(of: host, port: 1) }
        }
        for host in [
            "a", "_sip._udp.example", "xn--tda.example", "1.example", "3com.example.", "a.0xg",
            String(repeating: "a", count: 63),
        ] {
            #expect(resolver.known(host, port: 1) == nil)
        }
        #expect(service.questions == [])
    }

    @Test func theSystemIsAsked() async throws {
        let resolver = HostResolver()
        let both = try await resolver.addresses(of: "localhost", port: 5060)
        #expect(both.allSatisfy { $0.isLoopback && $0.port == 5060 })
        #expect(try await resolver.addresses(of: "localhost", port: 5060, .ipv4) == [.loopback(port: 5060)])
        // A name that can never exist (RFC 6761 §6.4); without a name service it is unavailable.
        let error = await #expect(throws: HostResolutionError.self) {
            try await resolver.addresses(of: "no.such.invalid", port: 1)
        }
        #expect(error.map { [.notFound, .unavailable].contains($0.code) } == true)
        #expect(error?.description.hasPrefix("host no.such.invalid: ") == true)
    }
}

@Suite struct HostCacheTests {
    private func key(_ number: Int) -> HostCache.Key { .addresses("h\(number)", .both) }

    @Test func theOldestMakesRoom() {
        var cache = HostCache(limit: 3)
        let now = ContinuousClock.now
        for number in 0..<3 { cache.store(.success(DNSReply()), for: key(number), until: now + .seconds(1)) }
        // What is stored again is young again.
        cache.store(.success(DNSReply()), for: key(0), until: now + .seconds(1))
        cache.store(.success(DNSReply()), for: key(3), until: now + .seconds(1))
        #expect((0..<4).map { cache.answer(key($0), at: now) != nil } == [true, false, true, true])
        #expect(cache.count == 3)
    }

    @Test func memoryIsBoundedHoweverOftenAnswersAreReplaced() {
        var cache = HostCache(limit: 2)
        let now = ContinuousClock.now
        for round in 0..<1_000 { cache.store(.success(DNSReply()), for: key(round % 2), until: now + .seconds(1)) }
        #expect(cache.count >= 1 && cache.count <= 2)
        for number in 0..<1_000 { cache.store(.success(DNSReply()), for: key(number), until: now) }
        #expect(cache.count == 2)
        #expect(cache.answer(key(999), at: now) == nil)
        var none = HostCache(limit: 0)
        none.store(.success(DNSReply()), for: key(0), until: now + .seconds(1))
        #expect(none.answer(key(0), at: now) == nil)
    }
}
