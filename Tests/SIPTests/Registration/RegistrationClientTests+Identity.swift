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
