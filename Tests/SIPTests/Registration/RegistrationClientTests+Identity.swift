import SIP
import Testing

// What a registration says of its phone: instance, GRUUs, push.
extension RegistrationClientTests {
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

    @Test("RFC 8599 §6.1.1: the last reference to the registration, when its contact can be woken")
    func reference() throws {
        let contact = "sip:alice@10.0.0.1:5070;pn-provider=acme;pn-prid=ZTY4"
        let bound = "Contact: <\(contact)>;expires=3600\r\n"
        var machine = try Self.machine(contact: contact)
        _ = machine.start()
        _ = try Self.receive(&machine, 200, bound + "Feature-Caps: *;+sip.pns=\"acme\"\r\n")
        #expect(machine.registrationReference == nil)
        for (field, expected) in [
            ("*;+sip.pns=\"acme\";+sip.pnspurr=\"kjGB9a_-\"", "kjGB9a_-"), ("*; +SIP.PNSPURR = \"2nd\"", "2nd"),
            // It stays the last one; what would break out of a URI is none.
            ("*;+sip.pns=\"acme\"", "2nd"), ("*;+sip.pnspurr=\"a>b\"", "2nd"), ("*;+sip.pnspurr=\"\"", "2nd"),
        ] {
            _ = machine.refresh()
            _ = try Self.receive(&machine, 200, bound + "Feature-Caps: \(field)\r\n")
            #expect(machine.registrationReference == expected, "\(field)")
        }
        var other = try Self.machine(contact: "sip:alice@10.0.0.1:5070")
        _ = other.start()
        _ = try Self.receive(&other, 200, Self.bound + "Feature-Caps: *;+sip.pnspurr=\"x\"\r\n")
        #expect(other.registrationReference == nil)
    }

    // MARK: Flows (RFC 5626)

    private static let urn = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

    /// A machine that asks for its flow.
    private static func outbound() throws -> RegistrationClient {
        try machine {
            $0.instance = InstanceID(urn)
            $0.flowID = 1
        }
    }

    @Test(
        "RFC 5626 §4.2.1: an instance that names its flow asks for it, and hears whether it is kept, and for how long")
    func flowIsNamed() throws {
        var machine = try Self.outbound()
        _ = machine.start()
        let request = try Self.request(machine)
        #expect(request[.supported] == "gruu, outbound, path")
        #expect(request[.contact] == "<sip:alice@10.0.0.1:5070>;+sip.instance=\"<\(Self.urn)>\";reg-id=1")
        _ = try Self.receive(&machine, 200, Self.bound)
        #expect(!machine.isOutbound && machine.flowTimer == nil)
        _ = machine.fire(.attempt)
        _ = try Self.receive(&machine, 200, Self.bound + "Require: outbound\r\nFlow-Timer: 90\r\n")
        #expect(machine.isOutbound && machine.flowTimer == .seconds(90))
        // The binding of a flow is replaced by its name, whatever the contact (§6).
        _ = machine.move(to: try URI("sip:alice@10.0.0.7:5070"))
        #expect(try Self.request(machine).values(of: .contact).count == 1)
        var plain = try Self.machine { $0.flowID = 1 }
        _ = plain.start()
        #expect(try Self.request(plain)[.contact]?.contains("reg-id") == false)
    }

    @Test("RFC 5626 §4.2.1: 439 is answered by a registration without a flow, once")
    func firstHopLacksOutbound() throws {
        var machine = try Self.outbound()
        _ = machine.start()
        #expect(try Self.receive(&machine, 439) == [.send])
        let request = try Self.request(machine)
        #expect(request[.supported] == "gruu")
        #expect(request[.contact] == "<sip:alice@10.0.0.1:5070>;+sip.instance=\"<\(Self.urn)>\"")
        guard case .failed(.rejected(439), _)? = try Self.receive(&machine, 439).first else {
            Issue.record("a second 439 is a refusal")
            return
        }
    }

    @Test("RFC 5626 §4.5: a flow that has failed is replaced at once; attempts that fail wait longer and longer")
    func flowRecovery() throws {
        var machine = try Self.registered()
        #expect(machine.flowFailed() == [.stop(.attempt), .flowFailed(retryAfter: .zero), .send])
        var waits: [Duration] = []
        for _ in 0..<8 {
            waits.append(try #require(Self.wait(machine.transactionFailed(isTimeout: false))))
            _ = machine.fire(.attempt)
        }
        // Though the contact is bound: nobody is reached by a flow that is gone.
        for (index, wait) in waits.enumerated() {
            let whole = min(1_800, 30 * Double(1 << (index + 1)))
            #expect(wait >= .seconds(whole / 2) && wait <= .seconds(whole), "\(index)")
        }
        _ = try Self.receive(&machine, 200, Self.bound)
        // Then as before: what is left of a binding is used.
        _ = machine.fire(.attempt)
        for _ in 0..<4 {
            let wait = try #require(Self.wait(machine.transactionFailed(isTimeout: false)))
            #expect(wait <= .seconds(60))
            _ = machine.fire(.attempt)
        }
    }

    @Test("RFC 5626 §4.5: flows that fail one after the other without an answer to a keep-alive are not made at once")
    func flapping() throws {
        var machine = try Self.registered()
        _ = machine.flowFailed()
        for index in 1...4 {
            _ = try Self.receive(&machine, 200, Self.bound)
            let actions = machine.flowFailed()
            let whole = 30 * Double(1 << index)
            let wait = try #require(Self.wait(actions))
            #expect(actions.first == .flowFailed(retryAfter: wait))
            #expect(wait >= .seconds(whole / 2) && wait <= .seconds(whole), "\(index)")
            #expect(machine.flowFailed().isEmpty)
            _ = machine.fire(.attempt)
        }
        _ = try Self.receive(&machine, 200, Self.bound)
        machine.flowProven()
        #expect(machine.flowFailed().contains(.send))
        // A flow that fails under a request is replaced at once as well.
        var refreshing = try Self.registered()
        _ = refreshing.fire(.attempt)
        #expect(refreshing.flowFailed().contains(.send))
        var idle = try Self.machine()
        #expect(idle.flowFailed().isEmpty)
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
}
