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
