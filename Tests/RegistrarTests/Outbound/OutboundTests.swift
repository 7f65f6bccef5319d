import Routing
import SIP
import SIPEndpoint
import Testing

@testable import Registrar

/// RFC 5626 §6.
@Suite struct OutboundTests {
    static let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\""
    private let supported = "Supported: path, outbound"

    /// A REGISTER of a flow, as in the example of §9.
    private func flow(
        _ number: UInt32, contact: String = "sip:bob@192.0.2.1;transport=tcp", callID: String = "one", cSeq: UInt32 = 1,
        instance: String = instance, more: String = "", fields: [String]? = nil
    ) -> Register {
        Register("<\(contact)>;reg-id=\(number);\(instance)\(more)", callID: callID, cSeq: cSeq).with(
            \.fields, fields ?? [supported])
    }

    private func ways(_ fixture: RegistrarFixture) -> [[String]] {
        fixture.bindings().map { binding in
            ([binding] + binding.alternates).map { String(decoding: $0.contact, as: UTF8.self) }
        }
    }

    @Test func aFlowIsConfirmed() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(flow(1), on: try fixture.stream("192.0.2.1:40000", 7))
        #expect(answer.statusCode == 200)
        #expect(answer[.require] == "outbound")
        #expect(answer[.flowTimer] == "120")
        #expect(
            contacts(answer) == ["<sip:bob@192.0.2.1;transport=tcp>;reg-id=1;\(Self.instance);expires=3600"])
        // Without the flow timer where none is wanted, and without either where the phone does not support it.
        let other = RegistrarFixture { $0.flowTimer = 0 }
        let quiet = try other.send(flow(1))
        #expect(quiet[.require] == "outbound")
        #expect(quiet[.flowTimer] == nil)
        #expect(try other.send(flow(1, cSeq: 2, fields: []))[.require] == nil)
        #expect(try other.send(Register("<sip:x@192.0.2.1>", callID: "x").with(\.fields, [supported]))[.require] == nil)
    }

    /// Two flows of one instance with one contact are two bindings; the same flow again is one, whatever its contact.
    @Test func bindingsAreToldByInstanceAndNumber() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        try fixture.send(flow(1, callID: "one"), on: try fixture.stream("192.0.2.1:40001", 1))
        fixture.clock.advance(5)
        try fixture.send(flow(2, callID: "two"), on: try fixture.stream("192.0.2.1:40002", 2))
        #expect(fixture.table.statistics.bindings == 2)
        #expect(fixture.journal?.rows.count == 2)
        let binding = try #require(fixture.bindings().first)
        #expect(binding.flow?.connection == 2)
        #expect(binding.alternates.map(\.flow?.connection) == [1])
        // After a new start of the phone: another Call-ID, contact and connection, the same flow.
        fixture.clock.advance(5)
        try fixture.send(
            flow(1, contact: "sip:bob@192.0.2.9", callID: "three"), on: try fixture.stream("192.0.2.9:40003", 3))
        #expect(ways(fixture) == [["sip:bob@192.0.2.9", "sip:bob@192.0.2.1;transport=tcp"]])
        #expect(fixture.bindings().first?.flow?.connection == 3)
        #expect(
            Set(fixture.journal?.rows.values.map(\.contact) ?? []) == [
                "sip:bob@192.0.2.9", "sip:bob@192.0.2.1;transport=tcp",
            ])
        // UUIDs have no case.
        let small = Self.instance.replacing("AABBCCDDEEFF", with: "aabbccddeeff")
        try fixture.send(flow(2, callID: "two", cSeq: 2, instance: small, more: ";expires=0"))
        #expect(ways(fixture) == [["sip:bob@192.0.2.9"]])
        #expect(fixture.journal?.rows.count == 1)
    }

    @Test func flowsAndContactsOfOneURIAreDifferentBindings() throws {
        let fixture = RegistrarFixture()
        try fixture.send(flow(1))
        try fixture.send(Register("<sip:bob@192.0.2.1;transport=tcp>", callID: "plain"))
        #expect(fixture.table.statistics.bindings == 2)
        try fixture.send(Register("<sip:bob@192.0.2.1;transport=tcp>;expires=0", callID: "plain", cSeq: 2))
        #expect(fixture.table.statistics.bindings == 1)
        #expect(fixture.bindings().first?.parameters.isEmpty == false)
        // Another instance with that number is another phone.
        try fixture.send(flow(1, callID: "x", instance: "+sip.instance=\"<urn:uuid:2>\""))
        #expect(ways(fixture).count == 2)
        #expect(try fixture.send(Register("*", expires: "0", callID: "all")).statusCode == 200)
        #expect(fixture.table.statistics.bindings == 0)
    }

    /// The order of requests is that of a flow too (RFC 3261 §10.3 step 7).
    @Test func repeatsAndOldRequestsAreKnown() throws {
        let fixture = RegistrarFixture()
        let way = try fixture.stream("192.0.2.1:40001", 1)
        try fixture.send(flow(1, cSeq: 5), on: way)
        try fixture.send(flow(1, cSeq: 5), on: way)
        #expect(fixture.outcome?.isRepeat == true)
        #expect(try fixture.send(flow(1, cSeq: 4), on: way).statusCode == 500)
        #expect(try fixture.send(flow(1, cSeq: 6), on: way).statusCode == 200)
    }

    /// The way through a first proxy that keeps no flow: 439 for who asks for outbound, else the number is ignored.
    @Test func theFirstHopMustKeepTheFlow() throws {
        let fixture = RegistrarFixture()
        let relayed = "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1"
        let way = try fixture.flow("192.0.2.9:5060")
        for path in [nil, "Path: <sip:192.0.2.9;lr>", "Path: <sip:ob@192.0.2.9;lr;obs>"] {
            let refused = try fixture.send(
                flow(1, fields: [supported] + (path.map { [$0] } ?? [])).with(\.via, relayed), on: way)
            #expect(refused.statusCode == 439)
        }
        #expect(fixture.table.statistics.bindings == 0)
        let ignored = try fixture.send(flow(1, fields: []).with(\.via, relayed), on: way)
        #expect(ignored.statusCode == 200)
        #expect(ignored[.require] == nil)
        try fixture.send(flow(2, callID: "two", fields: []).with(\.via, relayed), on: way)
        #expect(fixture.table.statistics.bindings == 1, "one contact, one binding")
        for (number, path) in ["<sip:t@192.0.2.9;lr;ob>", "<sip:p2;lr>, <sip:t@192.0.2.9;ob;lr>"].enumerated() {
            let kept = try fixture.send(
                flow(UInt32(number) + 3, callID: "\(number)", fields: [supported, "Path: \(path)"]).with(
                    \.via, relayed),
                on: way)
            #expect(kept.statusCode == 200)
            #expect(kept[.require] == "outbound")
        }
        #expect(fixture.table.statistics.bindings == 3)
    }

    @Test func aFlowStandsAlone() throws {
        let fixture = RegistrarFixture()
        var request = flow(1)
        request.contacts.append("<sip:other@192.0.2.1>")
        #expect(try fixture.send(request).statusCode == 400)
        request.contacts.reverse()
        #expect(try fixture.send(request).statusCode == 400)
        #expect(fixture.table.statistics.bindings == 0)
        // Removals may stand beside it (§6).
        try fixture.send(flow(2, callID: "two"))
        request = flow(1, callID: "three")
        request.contacts.append("<sip:bob@192.0.2.1>;reg-id=2;\(Self.instance);expires=0")
        #expect(try fixture.send(request).statusCode == 200)
        #expect(fixture.bindings().map { $0.alternates.count } == [0])
    }

    /// A number without an instance, or that is none, is ignored (§6).
    @Test(arguments: [
        ";reg-id=1", ";reg-id=0;\(instance)", ";reg-id=4294967296;\(instance)", ";reg-id=x;\(instance)",
        ";reg-id;\(instance)", ";\(instance)",
    ])
    func whatIsNoFlowIsAContact(_ parameters: String) throws {
        let fixture = RegistrarFixture()
        for (index, port) in [5_060, 5_062].enumerated() {
            let answer = try fixture.send(
                Register("<sip:bob@192.0.2.1:\(port)>\(parameters)", callID: "\(index)").with(\.fields, [supported]))
            #expect(answer.statusCode == 200)
            #expect(answer[.require] == nil)
        }
        #expect(fixture.table.statistics.bindings == 2)
    }

    /// Whoever was refreshed last is tried first, though it has no flow: a phone that was started anew (RFC 5627 §6.1).
    @Test func contactsOfOneInstanceStandBehindEachOther() throws {
        let fixture = RegistrarFixture()
        for (index, q) in ["0.3", "0.9", "0.5"].enumerated() {
            try fixture.send(
                Register("<sip:\(index)@192.0.2.1>;\(Self.instance);q=\(q)", callID: "\(index)"))
            fixture.clock.advance(1)
        }
        try fixture.send(Register("<sip:other@192.0.2.1>;q=0.4", callID: "other"))
        #expect(ways(fixture) == [["sip:2@192.0.2.1", "sip:1@192.0.2.1", "sip:0@192.0.2.1"], ["sip:other@192.0.2.1"]])
    }
}
