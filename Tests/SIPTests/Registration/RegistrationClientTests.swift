import SIP
import Testing

@Suite struct RegistrationClientTests {
    typealias Action = RegistrationClient.Action

    static func machine(
        contact: String = "sip:alice@10.0.0.1:5070", seed: UInt64 = 1,
        configure: (inout RegistrationConfiguration) -> Void = { _ in }
    ) throws -> RegistrationClient {
        var configuration = try RegistrationConfiguration(
            addressOfRecord: URI("sip:alice@example.com"), contact: URI(contact), displayName: "Alice")
        configure(&configuration)
        return RegistrationClient(
            configuration: configuration, authentication: DigestClientTests.client(), callID: Array("reg-1".utf8),
            fromTag: Array("t1".utf8), seed: seed)
    }

    static func response(_ status: Int, sequence: UInt32, _ fields: String = "") throws -> Message {
        try Message(
            "SIP/2.0 \(status) X\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=t1\r\n"
                + "To: <sip:alice@example.com>;tag=r\r\nCall-ID: reg-1\r\nCSeq: \(sequence) REGISTER\r\n"
                + fields + "Content-Length: 0\r\n\r\n")
    }

    static func receive(_ machine: inout RegistrationClient, _ status: Int, _ fields: String = "") throws -> [Action] {
        let response = try response(status, sequence: machine.sequence, fields)
        return response.withView { machine.receive($0) }
    }

    static func request(_ machine: RegistrationClient) throws -> Message {
        var writer = ByteWriter()
        Array("Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n".utf8).withUnsafeBytes {
            machine.writeHead(via: $0, into: &writer)
        }
        writer.append("Content-Length: 0\r\n\r\n")
        return try Message(writer.array)
    }

    static let bound = "Contact: <sip:alice@10.0.0.1:5070>;expires=3600\r\n"
    static let challenge =
        "WWW-Authenticate: Digest realm=\"biloxi.com\",nonce=\"n\",qop=\"auth\",algorithm=SHA-256\r\n"

    /// A machine that is registered for an hour.
    static func registered() throws -> RegistrationClient {
        var machine = try machine()
        _ = machine.start()
        _ = try receive(&machine, 200, bound)
        return machine
    }

    /// The wait that the actions ask for.
    static func wait(_ actions: [Action]) -> Duration? {
        for case .set(.attempt, let delay) in actions { return delay }
        return nil
    }

    // MARK: Requests

    @Test("RFC 3261 §10.2: the REGISTER has all its fields")
    func registerRequest() throws {
        var machine = try Self.machine {
            $0.contactParameters = [.init("q", "0.5")]
            $0.route = RouteSet([try! URI("sip:edge.example.com;lr")])  // A constant that is a URI.
        }
        #expect(machine.start() == [.stop(.attempt), .send])
        let request = try Self.request(machine)
        #expect(request.withView { $0.validate() } == nil)
        #expect(request.description.hasPrefix("REGISTER sip:example.com SIP/2.0\r\nVia: "))
        #expect(request[.to] == "\"Alice\" <sip:alice@example.com>")
        #expect(request[.from] == "\"Alice\" <sip:alice@example.com>;tag=t1")
        #expect(request[.callID] == "reg-1")
        #expect(request[.cSeq] == "1 REGISTER")
        #expect(request[.contact] == "<sip:alice@10.0.0.1:5070>;q=0.5")
        #expect(request[.expires] == "3600")
        #expect(request[.route] == "<sip:edge.example.com;lr>")
        #expect(request[.authorization] == nil)
    }

    @Test("RFC 3261 §10.2: one Call-ID, and the next number for each request")
    func numbers() throws {
        var machine = try Self.registered()
        #expect(machine.fire(.attempt) == [.send])
        let request = try Self.request(machine)
        #expect(request[.cSeq] == "2 REGISTER")
        #expect(request[.callID] == "reg-1")
    }

    @Test("The registrar is the domain of the address of record, IPv6 too")
    func registrar() throws {
        for (address, registrar) in [
            ("sips:a@example.com", "sips:example.com"), ("sip:a@[::1]:5070", "sip:[::1]:5070"),
        ] {
            let configuration = try RegistrationConfiguration(
                addressOfRecord: URI(address), contact: URI("sip:a@b"))
            #expect("\(configuration.registrar)" == registrar)
        }
    }

    // MARK: GRUUs

    @Test("RFC 5627 §4.1, §4.2: with an instance GRUUs are asked for, learnt, and forgotten with the binding")
    func gruus() throws {
        let urn = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
        var machine = try Self.machine { $0.instance = InstanceID(urn) }
        _ = machine.start()
        let request = try Self.request(machine)
        #expect(request[.supported] == "gruu")
        #expect(request[.contact] == "<sip:alice@10.0.0.1:5070>;+sip.instance=\"<\(urn)>\"")
        let own = "<sip:alice@10.0.0.1:5070>;expires=3600;+sip.instance=\"<\(urn)>\""
        let answer = """
            Contact: <sip:x@10.0.0.9>;pub-gruu="sip:x@example.com;gr=1"\r
            Contact: \(own);pub-gruu="sip:alice@example.com;gr=\(urn)";temp-gruu="sip:tgruu.7hs@example.com;gr"\r

            """
        _ = try Self.receive(&machine, 200, answer)
        #expect(machine.publicGRUU?.description == "sip:alice@example.com;gr=\(urn)")
        #expect(machine.temporaryGRUU?.description == "sip:tgruu.7hs@example.com;gr")
        // A refresh that fails changes nothing; one without GRUUs has none; what is no GRUU is not taken for one.
        _ = machine.fire(.attempt)
        _ = try Self.receive(&machine, 503)
        #expect(machine.publicGRUU != nil)
        _ = machine.fire(.attempt)
        _ = try Self.receive(&machine, 200, "Contact: \(own);pub-gruu=\"sip:alice@example.com\"\r\n")
        #expect(machine.publicGRUU == nil && machine.temporaryGRUU == nil)
        _ = machine.fire(.attempt)
        _ = try Self.receive(&machine, 200, answer)
        _ = machine.fire(.expiry)
        #expect(machine.publicGRUU == nil && machine.temporaryGRUU == nil)
    }

    @Test("RFC 8599 §4.1.2, §4.1.3: a push notification brings a refresh; who leaves names no resource")
    func push() throws {
        let contact = "sip:alice@10.0.0.1:5070;pn-provider=acme;pn-prid=ZTY4;x=y"
        var machine = try Self.machine(contact: contact)
        _ = machine.start()
        #expect(machine.refresh() == [])
        _ = try Self.receive(&machine, 200, "Contact: <\(contact)>;expires=3600\r\n")
        #expect(machine.refresh() == [.stop(.attempt), .send])
        #expect(try Self.request(machine)[.contact] == "<\(contact)>")
        _ = try Self.receive(&machine, 200, "Contact: <\(contact)>;expires=3600\r\n")
        _ = machine.stop()
        #expect(try Self.request(machine)[.contact] == "<sip:alice@10.0.0.1:5070;pn-provider=acme;x=y>")
        _ = try Self.receive(&machine, 200)
        #expect(machine.refresh() == [.stop(.attempt), .send])
    }

    @Test("RFC 5626 §4.1: instances are URNs")
    func instances() throws {
        for wrong in ["", "urn", "urn:uuid", "urn:uuid:", "uuid:1:2", "urn:x:a b", "urn:x:\"", "urn:x:>"] {
            #expect(InstanceID(wrong) == nil, "\(wrong)")
        }
        let made = InstanceID.random()
        #expect(InstanceID(made.urn) == made)
        #expect(made.urn.utf8.count == 45)
        let digits = Array(made.urn)
        #expect(digits[23] == "4" && "89ab".contains(digits[28]))
        #expect(InstanceID.random() != made)
    }

    // MARK: Bindings

    @Test("RFC 3261 §10.2.4: registered, refreshed before the end, and again")
    func refresh() throws {
        var machine = try Self.machine()
        _ = machine.start()
        for _ in 0..<3 {
            let actions = try Self.receive(&machine, 200, Self.bound)
            #expect(actions[0] == .registered(expires: .seconds(3600)))
            #expect(actions[1] == .set(.expiry, .seconds(3600)))
            let delay = try #require(Self.wait(actions))
            #expect(delay <= .seconds(3240) && delay >= .seconds(3240 - 36))
            #expect(machine.state == .registered && machine.isBound)
            #expect(machine.fire(.attempt) == [.send])
        }
    }

    @Test(
        "The refresh leaves time for two attempts, and half the binding if that is short",
        arguments: [(3600, 3240), (86_400, 77_760), (960, 864), (300, 204), (192, 96), (128, 64), (60, 30), (1, 0)])
    func refreshTimes(expires: Int, latest: Int) throws {
        var machine = try Self.machine()
        _ = machine.start()
        let actions = try Self.receive(&machine, 200, "Contact: <sip:alice@10.0.0.1:5070>;expires=\(expires)\r\n")
        let delay = try #require(Self.wait(actions))
        let lead = Duration.seconds(expires - latest)
        #expect(delay >= .seconds(latest) - lead / 10)
        #expect(delay <= (expires == 1 ? .milliseconds(500) : .seconds(latest)))
    }

    @Test(
        "RFC 3261 §10.2.4: the own contact is found by comparison of URIs; its expires, else Expires, else what was asked",
        arguments: [
            ("Contact: <sip:alice@10.0.0.1:5070>;expires=120\r\n", 120),
            ("Contact: <sip:bob@b>;expires=9, \"A\" <SIP:alice@10.0.0.1:5070;x=y>;q=1;expires=120\r\n", 120),
            ("Contact: <sip:bob@b>\r\nm: sip:alice@10.0.0.1:5070;expires=120\r\nExpires: 7\r\n", 120),
            ("Contact: <sip:alice@10.0.0.1:5070>\r\nExpires: 99\r\n", 99),
            ("Contact: <sip:alice@10.0.0.1:5070>\r\n", 3600), ("Expires: 77\r\n", 77), ("", 3600),
            ("Contact: <sip:alice@10.0.0.1:5070>;expires=soon\r\n", 3600),
            ("Contact: <sip:alice@10.0.0.1:5070>;expires=99999999999\r\n", 3600),
            ("Contact: <sip:alice@10.0.0.1:5070>;expires=4294967295\r\n", 4_294_967_295),
            ("Contact: <sip:alice@10.0.0.1>\r\n", nil), ("Contact: <sip:Alice@10.0.0.1:5070>\r\n", nil),
            ("Contact: <sip:bob@b>\r\nExpires: 9\r\n", nil), ("Contact: <sip:alice@10.0.0.1:5070>;expires=0\r\n", nil),
            ("Contact: *\r\n", nil), ("Contact: <sip:\r\n", nil),
        ] as [(String, Int?)])
    func grantedExpires(fields: String, expected: Int?) throws {
        var machine = try Self.machine()
        _ = machine.start()
        let actions = try Self.receive(&machine, 200, fields)
        if let expected {
            #expect(actions.first == .registered(expires: .seconds(expected)))
        } else {
            guard case .failed(.notBound, retryAfter: .some) = actions.first else {
                Issue.record("not bound: \(actions)")
                return
            }
            #expect(machine.state == .waiting && !machine.isBound)
        }
    }

    @Test("RFC 3261 §10.2.2: taken away with Expires 0")
    func unregister() throws {
        var machine = try Self.registered()
        #expect(machine.stop() == [.stop(.attempt), .send])
        #expect(machine.state == .unregistering)
        #expect(try Self.request(machine)[.expires] == "0")
        #expect(try Self.request(machine)[.contact] == "<sip:alice@10.0.0.1:5070>")
        #expect(try Self.receive(&machine, 200) == [.stop(.expiry), .unregistered])
        #expect(machine.state == .idle && !machine.isBound)
        #expect(machine.stop().isEmpty)
    }

    @Test("RFC 3261 §10.2: what the user wants meanwhile waits for the response")
    func stopInFlight() throws {
        var accepted = try Self.machine()
        _ = accepted.start()
        #expect(accepted.stop().isEmpty)
        #expect(try Self.receive(&accepted, 200, Self.bound) == [.set(.expiry, .seconds(3600)), .send])
        #expect(accepted.state == .unregistering)

        var refused = try Self.machine()
        _ = refused.start()
        _ = refused.stop()
        #expect(try Self.receive(&refused, 401, Self.challenge) == [.stop(.expiry), .unregistered])

        var silent = try Self.machine()
        _ = silent.start()
        _ = silent.stop()
        #expect(silent.transactionFailed(isTimeout: true) == [.failed(.timedOut, retryAfter: nil), .send])
        #expect(silent.state == .unregistering)
        #expect(
            silent.transactionFailed(isTimeout: true) == [
                .failed(.timedOut, retryAfter: nil), .stop(.expiry), .unregistered,
            ])

        var undecided = try Self.machine()
        _ = undecided.start()
        _ = undecided.stop()
        #expect(undecided.start().isEmpty)
        #expect(try Self.receive(&undecided, 200, Self.bound).first == .registered(expires: .seconds(3600)))
    }

    @Test("Registered again while the binding is being taken away")
    func startWhileUnregistering() throws {
        var machine = try Self.registered()
        _ = machine.stop()
        #expect(machine.start().isEmpty)
        #expect(try Self.receive(&machine, 200) == [.stop(.expiry), .unregistered, .send])
        #expect(machine.state == .registering)
        #expect(try Self.request(machine)[.expires] == "3600")

        var undecided = try Self.registered()
        _ = undecided.stop()
        _ = undecided.start()
        _ = undecided.stop()
        #expect(try Self.receive(&undecided, 200) == [.stop(.expiry), .unregistered])
    }

    @Test("Starting twice, and stopping before the start, do nothing")
    func idempotent() throws {
        var machine = try Self.machine()
        #expect(machine.stop().isEmpty)
        _ = machine.start()
        #expect(machine.start().isEmpty)
        var registered = try Self.registered()
        #expect(registered.start().isEmpty)
        #expect(registered.transactionFailed(isTimeout: true).isEmpty)
    }

    // MARK: Challenges and 423

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

    // MARK: Failures

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

    @Test("The defaults")
    func defaults() throws {
        let configuration = try RegistrationConfiguration(
            addressOfRecord: URI("sip:a@b"), contact: URI("sip:a@c"))
        #expect(configuration.expires == .seconds(3600))
        #expect(configuration.longestExpires == .seconds(86_400))
        #expect(configuration.retryBase == .seconds(30))
        #expect(configuration.longestRetry == .seconds(1800))
        #expect(configuration.longestRetryAfter == .seconds(86_400))
        #expect(configuration.leastRefreshLead == .seconds(96))
    }
}
