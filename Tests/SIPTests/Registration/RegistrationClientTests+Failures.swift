import SIP
import Testing

// What comes of challenges, refusals and silence.
extension RegistrationClientTests {
    @Test("RFC 3261 §22.2: a challenge is answered at once, and the refresh carries credentials by itself")
    func challenged() throws {
        var machine = try Self.machine()
        _ = machine.start()
        #expect(try Self.receive(&machine, 401, Self.challenge) == [.send])
        var authorization = try #require(try Self.request(machine)[.authorization])
        #expect(authorization.contains("uri=\"sip:example.com\"") && authorization.contains("nc=00000001"))
        #expect(try Self.request(machine)[.cSeq] == "2 REGISTER")
        _ = try Self.receive(&machine, 200, Self.bound)
        _ = machine.fire(.attempt)
        authorization = try #require(try Self.request(machine)[.authorization])
        #expect(authorization.contains("nc=00000002"))
        // The nonce has expired meanwhile.
        #expect(try Self.receive(&machine, 401, Self.challenge.replacing("\"n\"", with: "\"m\"")) == [.send])
        #expect(try Self.receive(&machine, 200, Self.bound).first == .registered(expires: .seconds(3600)))
    }

    @Test("RFC 7616 §3.3: a stale nonce is replaced once")
    func stale() throws {
        var machine = try Self.machine()
        _ = machine.start()
        _ = try Self.receive(&machine, 401, Self.challenge)
        let stale = Self.challenge.replacing("qop", with: "stale=true,qop")
        #expect(try Self.receive(&machine, 401, stale) == [.send])
        guard case .failed(.authentication, retryAfter: nil) = try Self.receive(&machine, 401, stale).first else {
            Issue.record("given up")
            return
        }
    }

    @Test("RFC 3261 §22.1: a wrong password is not tried again until the user says so")
    func wrongPassword() throws {
        var machine = try Self.machine()
        _ = machine.start()
        _ = try Self.receive(&machine, 401, Self.challenge)
        #expect(
            try Self.receive(&machine, 401, Self.challenge.replacing("\"n\"", with: "\"m\"")) == [
                .failed(.authentication(.rejected(realm: Array("biloxi.com".utf8))), retryAfter: nil)
            ])
        #expect(machine.state == .failed)
        #expect(machine.fire(.attempt).isEmpty)
        #expect(machine.start() == [.stop(.attempt), .send])
    }

    @Test("A challenge to taking the binding away is answered too")
    func challengedUnregister() throws {
        var machine = try Self.registered()
        _ = machine.stop()
        #expect(try Self.receive(&machine, 407, Self.challenge.replacing("WWW", with: "Proxy")) == [.send])
        let request = try Self.request(machine)
        #expect(request[.proxyAuthorization] != nil)
        #expect(request[.expires] == "0")
    }

    @Test("RFC 3261 §10.2.8: 423 lengthens the interval, within limits")
    func intervalTooBrief() throws {
        var machine = try Self.machine { $0.expires = .seconds(60) }
        _ = machine.start()
        #expect(try Self.receive(&machine, 423, "Min-Expires: 600\r\n") == [.send])
        #expect(try Self.request(machine)[.expires] == "600")
        #expect(
            try Self.receive(&machine, 423, "Min-Expires: 600\r\n").first
                == .failed(.intervalTooBrief(minimum: .seconds(600)), retryAfter: .seconds(1800)))

        var greedy = try Self.machine { $0.expires = .seconds(60) }
        _ = greedy.start()
        #expect(
            try Self.receive(&greedy, 423, "Min-Expires: 86401\r\n").first
                == .failed(.intervalTooBrief(minimum: .seconds(86_401)), retryAfter: .seconds(1800)))

        var growing = try Self.machine { $0.expires = .seconds(60) }
        _ = growing.start()
        for minimum in [100, 200, 300] {
            #expect(try Self.receive(&growing, 423, "Min-Expires: \(minimum)\r\n") == [.send])
        }
        #expect(
            try Self.receive(&growing, 423, "Min-Expires: 400\r\n").first
                == .failed(.intervalTooBrief(minimum: .seconds(400)), retryAfter: .seconds(1800)))

        var silent = try Self.machine()
        _ = silent.start()
        #expect(try Self.receive(&silent, 423).first == .failed(.rejected(423), retryAfter: .seconds(1800)))
    }

    @Test("RFC 5626 §4.5: the wait doubles from 30 s with each failure, up to 30 minutes, half of it at random")
    func backOff() throws {
        var waits: [[Duration]] = []
        for seed in 1...50 as ClosedRange<UInt64> {
            var machine = try Self.machine(seed: seed)
            _ = machine.start()
            var own: [Duration] = []
            for _ in 0..<9 {
                own.append(try #require(Self.wait(machine.transactionFailed(isTimeout: true))))
                #expect(machine.fire(.attempt) == [.send])
            }
            waits.append(own)
        }
        for (step, whole) in [60, 120, 240, 480, 960, 1800, 1800, 1800, 1800].enumerated() {
            let step = waits.map { $0[step] }
            #expect(step.allSatisfy { $0 >= .seconds(whole) / 2 && $0 <= .seconds(whole) })
            #expect(Set(step).count > 40)
        }
    }

    @Test("While the contact is bound the wait does not grow")
    func backOffWhileBound() throws {
        var machine = try Self.registered()
        for _ in 0..<4 {
            #expect(machine.fire(.attempt) == [.send])
            let delay = try #require(Self.wait(machine.transactionFailed(isTimeout: true)))
            #expect(delay >= .seconds(30) && delay <= .seconds(60))
        }
        _ = machine.fire(.expiry)
        _ = machine.fire(.attempt)
        let delay = try #require(Self.wait(machine.transactionFailed(isTimeout: true)))
        #expect(delay >= .seconds(60) && delay <= .seconds(120))
    }

    @Test("A success ends the row of failures")
    func success() throws {
        var machine = try Self.machine()
        _ = machine.start()
        for _ in 0..<5 {
            _ = machine.transactionFailed(isTimeout: false)
            _ = machine.fire(.attempt)
        }
        _ = try Self.receive(&machine, 200, Self.bound)
        _ = machine.fire(.attempt)
        let delay = try #require(Self.wait(machine.transactionFailed(isTimeout: false)))
        #expect(delay >= .seconds(30) && delay <= .seconds(60))
    }

    @Test(
        "RFC 3261 §20.33: Retry-After is obeyed, within limits; refusals wait longer than failures",
        arguments: [
            (503, "Retry-After: 120\r\n", 120, 120), (503, "Retry-After: 120 (busy);duration=3\r\n", 120, 120),
            (404, "Retry-After: 5\r\n", 5, 5), (503, "Retry-After: 0\r\n", 1, 1),
            (503, "Retry-After: 999999\r\n", 86_400, 86_400), (503, "Retry-After: soon\r\n", 30, 60),
            (500, "", 30, 60), (408, "", 30, 60), (480, "", 30, 60), (486, "", 30, 60), (491, "", 30, 60),
            (403, "", 1800, 1800), (404, "", 1800, 1800), (302, "", 1800, 1800), (603, "", 1800, 1800),
        ])
    func refusals(status: Int, fields: String, least: Int, most: Int) throws {
        var machine = try Self.machine()
        _ = machine.start()
        let actions = try Self.receive(&machine, status, fields)
        let delay = try #require(Self.wait(actions))
        #expect(delay >= .seconds(least) && delay <= .seconds(most))
        let code = StatusCode(rawValue: UInt16(status))
        #expect(actions.first == .failed(.rejected(code), retryAfter: delay))
        #expect(machine.state == .waiting)
    }

    @Test("The binding lasts while its refresh fails, until it ends")
    func expiry() throws {
        var machine = try Self.registered()
        _ = machine.fire(.attempt)
        _ = machine.transactionFailed(isTimeout: true)
        #expect(machine.isBound)
        #expect(machine.fire(.expiry) == [.expired])
        #expect(!machine.isBound)
        #expect(machine.fire(.expiry).isEmpty)
        #expect(machine.stop() == [.stop(.attempt), .stop(.expiry), .unregistered])
    }

    @Test("Responses to earlier requests, and provisional ones, are ignored")
    func strays() throws {
        var machine = try Self.machine()
        _ = machine.start()
        #expect(try Self.receive(&machine, 100).isEmpty)
        let early = try Self.response(200, sequence: 0, Self.bound)
        #expect(early.withView { machine.receive($0) }.isEmpty)
        _ = try Self.receive(&machine, 200, Self.bound)
        #expect(try Self.receive(&machine, 500).isEmpty)
        #expect(machine.state == .registered)
    }

    @Test("Every failure says what it is")
    func reasons() {
        let failures: [RegistrationClient.Failure] = [
            .timedOut, .transportFailed, .rejected(403), .authentication(.noChallenge),
            .intervalTooBrief(minimum: .seconds(60)), .notBound,
        ]
        #expect(Set(failures.map(\.reason)).count == failures.count)
        #expect(RegistrationClient.Failure.rejected(403).reason.contains("403 Forbidden"))
    }
}
