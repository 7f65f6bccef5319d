import Reactor
import Routing
import SIP
import SIPEndpoint
import Testing

@testable import Registrar

@Suite struct NATTests {
    @Test(arguments: [
        // Via sent-by, contact, source, whether only the flow leads there.
        ("192.0.2.1:5060", "sip:a@192.0.2.1:5060", "192.0.2.1:5060", false),
        ("192.0.2.1", "sip:a@192.0.2.1", "192.0.2.1:5060", false),
        ("192.0.2.1:5062", "sip:a@192.0.2.1:5062", "192.0.2.1:5062", false),
        ("10.0.0.1:5060", "sip:a@10.0.0.1:5060", "192.0.2.1:5060", true),
        ("10.0.0.1:5060", "sip:a@192.0.2.1:5060", "192.0.2.1:5060", true),
        ("192.0.2.1:5060", "sip:a@10.0.0.1:5060", "192.0.2.1:5060", true),
        ("192.0.2.1:5060", "sip:a@192.0.2.1:5060", "192.0.2.1:40000", true),
        ("192.0.2.1:40000", "sip:a@192.0.2.1:5060", "192.0.2.1:40000", false),
        ("192.0.2.1:40000", "sip:a@192.0.2.1:5060;transport=UDP", "192.0.2.1:40000", false),
        ("192.0.2.1:40000", "sip:a@192.0.2.1:5060;transport=tcp", "192.0.2.1:40000", false),
        ("192.0.2.1:5061", "sips:a@192.0.2.1", "192.0.2.1:5061", false),
        ("phone.example.net:5060", "sip:a@phone.example.net", "192.0.2.1:5060", false),
        ("df7jal23ls0d.invalid:5060", "sip:a@df7jal23ls0d.Invalid", "192.0.2.1:5060", true),
        ("[2001:db8::1]:5060", "sip:a@[2001:DB8:0::1]", "[2001:db8::1]:5060", false),
        ("[2001:db8::2]:5060", "sip:a@[2001:db8::1]", "[2001:db8::1]:5060", true),
        ("[2001:db8::1]:5060", "sip:a@192.0.2.1", "[2001:db8::1]:5060", true),
    ])
    func datagrams(_ sentBy: String, _ contact: String, _ source: String, _ isBehindNAT: Bool) throws {
        let fixture = RegistrarFixture()
        let flow = try fixture.flow(source)
        let request = Register("<\(contact)>").with(\.via, "SIP/2.0/UDP \(sentBy);branch=z9hG4bK1;rport")
        #expect(try fixture.send(request, on: flow).statusCode == 200)
        let binding = try #require(fixture.bindings().first)
        #expect(binding.isBehindNAT == isBehindNAT)
        #expect(binding.flow == flow)
    }

    @Test(arguments: [
        ("192.0.2.1:40000", "sip:a@192.0.2.1:5060;transport=tcp", false),
        ("10.0.0.1:5060", "sip:a@10.0.0.1;transport=tcp", true),
        ("192.0.2.1:5060", "sip:a@192.0.2.1", false),
    ])
    func streamsKeepTheirConnection(_ sentBy: String, _ contact: String, _ isBehindNAT: Bool) throws {
        let fixture = RegistrarFixture()
        let flow = try fixture.stream("192.0.2.1:51234", 99)
        try fixture.send(Register("<\(contact)>").with(\.via, "SIP/2.0/TCP \(sentBy);branch=z9hG4bK1"), on: flow)
        let binding = try #require(fixture.bindings().first)
        #expect(binding.flow == flow)
        #expect(binding.isBehindNAT == isBehindNAT)
    }

    @Test func whatAProxySendsSaysNothingOfNATs() throws {
        let fixture = RegistrarFixture()
        var request = Register("<sip:a@10.0.0.1>")
        request.via = "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1"
        try fixture.send(request, on: try fixture.flow("192.0.2.9:5060"))
        #expect(fixture.bindings().map(\.isBehindNAT) == [false])
    }

    @Test func refreshMovesTheFlow() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:a@10.0.0.1>", cSeq: 1), on: try fixture.flow("192.0.2.1:40000"))
        let moved = try fixture.flow("192.0.2.77:50000")
        try fixture.send(Register("<sip:a@10.0.0.1>", cSeq: 2), on: moved)
        #expect(fixture.bindings().map(\.flow) == [moved])
        // A flow of another length, so that the binding is written anew.
        let stream = try fixture.stream("192.0.2.77:50001", 3)
        try fixture.send(Register("<sip:a@10.0.0.1>", cSeq: 3), on: stream)
        #expect(fixture.bindings().map(\.flow) == [stream])
    }
}
