import Dispatch
import Synchronization
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(1))) struct HostResolverTests {
    /// A name service that answers when it is told to, and a clock that stands still.
    private final class Service: Sendable {
        private struct State {
            var questions: [String] = []
            var now = ContinuousClock.now
        }

        private let state = Mutex(State())
        private let permits = DispatchSemaphore(value: 0)
        let asked = Mailbox<String>()

        var questions: [String] { state.withLock { $0.questions } }
        func advance(_ span: Duration) { state.withLock { $0.now += span } }
        func permit(_ count: Int) { for _ in 0..<count { permits.signal() } }

        func resolver(_ configuration: HostResolver.Configuration = .init()) -> HostResolver {
            HostResolver(configuration, clock: { self.state.withLock { $0.now } }) {
                name, families throws(HostResolutionError) in
                self.state.withLock { $0.questions.append(name.text) }
                self.asked.post(name.text)
                _ = self.permits.wait(timeout: .now() + 30)
                if name.text.hasPrefix("no") { throw HostResolutionError(.notFound, name.text) }
                if name.text.hasPrefix("down") { throw HostResolutionError(.unavailable, name.text) }
                return families == .ipv6 ? [.loopback(.ipv6)] : [TransportAddress("192.0.2.7:0")!]
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

    @Test(arguments: [("no.example", HostResolutionError.Code.notFound, 10), ("down.example", .unavailable, 2)])
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

    @Test func equalQuestionsAreAskedOnce() async throws {
        let service = Service()
        let resolver = service.resolver()
        try await withLane { lane async throws in
            let answers = Mailbox<Bool>()
            for _ in 0..<50 {
                resolver.resolve("same.example", port: 5060, on: lane) { answer, lane in
                    answers.post(lane.isCurrent && answer == .success([Self.seven]))
                }
            }
            #expect(try await service.asked.next() == "same.example")
            service.permit(1)
            #expect(try await answers.next(50) == [Bool](repeating: true, count: 50))
            #expect(service.questions == ["same.example"])
        }
    }

    @Test func tooManyQuestionsAreRefused() async throws {
        let service = Service()
        var configuration = HostResolver.Configuration()
        configuration.threads = 2
        configuration.queueLimit = 3
        configuration.waiterLimit = 7
        let resolver = service.resolver(configuration)
        try await withLane { lane async throws in
            let answers = Mailbox<String>()
            func ask(_ host: String) {
                resolver.resolve(host, port: 5060, on: lane) { answer, _ in
                    switch answer {
                    case .success: answers.post(host)
                    case .failure(let error): answers.post("\(host) \(error.code)")
                    }
                }
            }
            // Two are asked at once, three wait, one is too many.
            ask("h0")
            ask("h1")
            #expect(try await Set(service.asked.next(2)) == ["h0", "h1"])
            for number in 2..<6 { ask("h\(number)") }
            #expect(try await answers.next() == "h5 overloaded")
            // Callers are limited as well, also those of equal questions.
            ask("h0")
            ask("h0")
            ask("h0")
            #expect(try await answers.next() == "h0 overloaded")
            service.permit(5)
            #expect(try await answers.next(7).sorted() == ["h0", "h0", "h0", "h1", "h2", "h3", "h4"])
            // The threads have gone, and come again when they are needed.
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
    private func key(_ number: Int) -> HostCache.Key { .init(name: HostName("h\(number)")!, families: .both) }

    @Test func theOldestMakesRoom() {
        var cache = HostCache(limit: 3)
        let now = ContinuousClock.now
        for number in 0..<3 { cache.store(.success([]), for: key(number), until: now + .seconds(1)) }
        // What is stored again is young again.
        cache.store(.success([]), for: key(0), until: now + .seconds(1))
        cache.store(.success([]), for: key(3), until: now + .seconds(1))
        #expect((0..<4).map { cache.answer(key($0), at: now) != nil } == [true, false, true, true])
        #expect(cache.count == 3)
    }

    @Test func memoryIsBoundedHoweverOftenAnswersAreReplaced() {
        var cache = HostCache(limit: 2)
        let now = ContinuousClock.now
        for round in 0..<1_000 { cache.store(.success([]), for: key(round % 2), until: now + .seconds(1)) }
        #expect(cache.count >= 1 && cache.count <= 2)
        for number in 0..<1_000 { cache.store(.success([]), for: key(number), until: now) }
        #expect(cache.count == 2)
        #expect(cache.answer(key(999), at: now) == nil)
        var none = HostCache(limit: 0)
        none.store(.success([]), for: key(0), until: now + .seconds(1))
        #expect(none.answer(key(0), at: now) == nil)
    }
}
