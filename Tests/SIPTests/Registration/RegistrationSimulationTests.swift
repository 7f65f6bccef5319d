import SIP
import Testing

/// A registration over hours of virtual time, with a registrar that challenges, loses messages, restarts and is away.
@Suite struct RegistrationSimulationTests {
    /// The registrar's side and the way there.
    struct World {
        enum Event { case timer(RegistrationClient.Timer, Int), response(Message), timeout(UInt32), stop }

        var client: RegistrationClient
        var time = VirtualTime<Event>(start: DigestServerTests.epoch)
        var random: SeededGenerator
        var loss = 0.0
        /// When the registrar does not answer, and when it forgets its nonces.
        var away: ClosedRange<Duration>?
        var keyChange: Duration?

        var server = DigestServerTests.server()
        var counts = NonceCounts(capacity: 64)
        var boundUntil: ContinuousClock.Instant?
        var lastSequence: UInt32 = 0
        var generations: [RegistrationClient.Timer: Int] = [:]
        var unbound = Duration.zero
        var requests = 0
        var challenges = 0
        var outOfOrder = 0
        var log: [RegistrationClient.Action] = []

        static let epoch = DigestServerTests.epoch

        init(seed: UInt64, client: RegistrationClient) {
            self.client = client
            random = SeededGenerator(seed: seed)
        }

        mutating func run(for duration: Duration) throws {
            time.schedule(.stop, after: duration)
            try perform(client.start())
            while let event = time.next() {
                switch event {
                case .timer(let timer, let generation):
                    guard generations[timer] == generation else { continue }
                    try perform(client.fire(timer))
                case .response(let message): try perform(message.withView { client.receive($0) })
                case .timeout(let sequence):
                    if sequence == client.sequence { try perform(client.transactionFailed(isTimeout: true)) }
                case .stop: try perform(client.stop())
                }
            }
        }

        mutating func perform(_ actions: [RegistrationClient.Action]) throws {
            for action in actions {
                switch action {
                case .send: try send()
                case .set(let timer, let delay):
                    generations[timer, default: 0] += 1
                    time.schedule(.timer(timer, generations[timer, default: 0]), after: delay)
                case .stop(let timer): generations[timer, default: 0] += 1
                default: log.append(action)
                }
            }
        }

        /// `loss` is the share of transactions that time out, all repetitions in vain.
        mutating func send() throws {
            requests += 1
            let isLost = Double.random(in: 0..<1, using: &random) < loss
            let isAway = away.map { $0.contains(time.now - Self.epoch) } ?? false
            guard !isLost, !isAway else { return time.schedule(.timeout(client.sequence), after: .seconds(32)) }
            if let keyChange, time.now - Self.epoch > keyChange {
                server.issuer = NonceIssuer(key: SipHash(key: 8, 9), epoch: Self.epoch, lifetime: .seconds(60))
            }
            time.schedule(.response(try answer(try RegistrationClientTests.request(client))), after: .milliseconds(50))
        }

        mutating func answer(_ request: Message) throws -> Message {
            let sequence = try request.withView { try $0.cSeq.number }
            if sequence <= lastSequence { outOfOrder += 1 }
            lastSequence = sequence
            var verdict: DigestVerdict?
            if case .found(let credentials, let value) = request.withView({ server.search($0, .authorization) }) {
                verdict = try verify(request, credentials, value)
            }
            if case .accepted(let use) = verdict, counts.record(use) == .fresh { return try bind(request, sequence) }
            challenges += 1
            var writer = ByteWriter()
            writer.append("WWW-Authenticate: ")
            server.writeChallenge(
                0, isStale: verdict == .stale, now: time.now, salt: random.next(), into: &writer)
            writer.append("\r\n")
            return try RegistrationClientTests.response(
                401, sequence: sequence, DialogMessages.text(writer.array))
        }

        func verify(
            _ request: Message, _ credentials: DigestCredentials, _ value: ByteRange
        ) throws -> DigestVerdict {
            let secret = try #require(
                DigestServerTests.secret("bob", DigestServerTests.realm, "zanzibar", .sha256))
            return request.withView { view in
                secret.withUnsafeBytes { secret in
                    server.verify(
                        credentials, in: view.bytes(value),
                        .init(method: view.bytes(view.startLine.methodRange), uri: view.bytes(view.startLine.uriRange)),
                        ha1: secret, now: time.now)
                }
            }
        }

        mutating func bind(_ request: Message, _ sequence: UInt32) throws -> Message {
            let seconds = try #require(try request.withView { try $0.expires })
            guard seconds >= 300 || seconds == 0 else {
                return try RegistrationClientTests.response(423, sequence: sequence, "Min-Expires: 300\r\n")
            }
            if let boundUntil, boundUntil < time.now { unbound += time.now - boundUntil }
            boundUntil = seconds == 0 ? nil : time.now + .seconds(seconds)
            let contact = try #require(request[.contact])
            return try RegistrationClientTests.response(
                200, sequence: sequence, seconds == 0 ? "" : "Contact: \(contact);expires=\(seconds)\r\n")
        }
    }

    static func world(seed: UInt64 = 1, expires: Duration = .seconds(3600)) throws -> World {
        World(seed: seed, client: try RegistrationClientTests.machine(seed: seed) { $0.expires = expires })
    }

    @Test("A day without trouble: a challenge each time, since the nonce is short-lived, and never unbound")
    func day() throws {
        var world = try Self.world()
        try world.run(for: .seconds(86_400))
        #expect(world.unbound == .zero)
        #expect(world.boundUntil == nil)
        #expect(world.log.last == .unregistered)
        #expect(world.outOfOrder == 0)
        let registrations = world.log.count { $0 == .registered(expires: .seconds(3600)) }
        // 86,400 s in steps of 3,204 to 3,240 s, the first at once.
        #expect((27...28).contains(registrations))
        #expect(world.requests == 2 * (registrations + 1))
    }

    @Test("423 is learnt once; short bindings are refreshed in time too")
    func shortBindings() throws {
        var world = try Self.world(expires: .seconds(60))
        try world.run(for: .seconds(7200))
        #expect(world.unbound == .zero)
        #expect(world.log.allSatisfy { $0 == .registered(expires: .seconds(300)) || $0 == .unregistered })
    }

    @Test("With every twentieth transaction in vain, and a key change at the registrar, bound nearly all the time")
    func lossy() throws {
        for seed in 0..<UInt64(20) {
            var world = try Self.world(seed: seed, expires: .seconds(600))
            world.loss = 0.05
            world.keyChange = .seconds(10_000)
            try world.run(for: .seconds(20_000))
            #expect(world.unbound < .seconds(400), "seed \(seed)")
            #expect(world.outOfOrder == 0, "seed \(seed)")
            #expect(world.client.state == .idle, "seed \(seed)")
            #expect(!world.log.contains { if case .failed(.authentication, _) = $0 { true } else { false } })
        }
    }

    @Test("A registrar that is away for two hours is found again within half an hour of its return")
    func outage() throws {
        for seed in 0..<UInt64(20) {
            var world = try Self.world(seed: seed)
            world.away = .seconds(1000)...(.seconds(1000 + 7200))
            try world.run(for: .seconds(40_000))
            #expect(world.log.contains(.expired), "seed \(seed)")
            // Bound from 0 to 3,600 s; back at 8,200 s and at most 1,800 s later.
            #expect(world.unbound >= .seconds(4600) && world.unbound <= .seconds(4600 + 1832), "seed \(seed)")
            #expect(world.log.last == .unregistered, "seed \(seed)")
        }
    }
}
