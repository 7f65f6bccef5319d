import Routing
import SIP
import SIPEndpoint
import Testing

@testable import Registrar

/// Bindings end with the flow that leads to them (RFC 5626 §7).
@Suite struct ConnectionTests {
    private let tcp = "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1"

    private func register(_ fixture: RegistrarFixture, _ user: String, _ connection: UInt64, _ port: Int = 5_060) throws
    {
        let request = Register("<sip:\(user)@192.0.2.1:\(port);transport=tcp>", callID: "\(user)\(port)")
            .with(\.to, "<sip:\(user)@example.com>").with(\.via, tcp)
        #expect(try fixture.send(request, on: try fixture.stream("192.0.2.1:40000", connection)).statusCode == 200)
    }

    @Test func aBindingEndsWithItsConnection() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        try register(fixture, "alice", 7)
        try register(fixture, "bob", 7)
        try register(fixture, "bob", 8, 5_070)
        try register(fixture, "carol", 9)
        #expect(fixture.table.connectionClosed(7) == 2)
        #expect(fixture.location("alice") == .noBinding)
        #expect(fixture.contacts("bob") == ["sip:bob@192.0.2.1:5070;transport=tcp"])
        #expect(fixture.contacts("carol").count == 1)
        #expect(fixture.table.statistics.bindings == 2)
        #expect(fixture.journal?.rows.count == 2)
        // Every lane is told; the second finds nothing.
        #expect(fixture.table.connectionClosed(7) == 0)
        #expect(fixture.table.connectionClosed(0) == 0)
        #expect(fixture.table.connectionCount == 2)
        try register(fixture, "alice", 10)
        #expect(fixture.contacts("alice").count == 1)
    }

    /// What was set anew over another connection, or over none, stays.
    @Test func aBindingThatHasMovedStays() throws {
        let fixture = RegistrarFixture()
        try register(fixture, "alice", 7)
        let again = Register("<sip:alice@192.0.2.1:5060;transport=tcp>", callID: "alice5060", cSeq: 2).with(\.via, tcp)
        try fixture.send(again, on: try fixture.stream("192.0.2.1:40001", 8))
        #expect(fixture.table.connectionClosed(7) == 0)
        #expect(fixture.bindings("alice").first?.flow?.connection == 8)
        try fixture.send(again.with(\.cSeq, 3), on: try fixture.flow())
        #expect(fixture.table.connectionClosed(8) == 0)
        #expect(fixture.contacts("alice").count == 1)
    }

    /// Behind an edge proxy the connection is the proxy's.
    @Test func aBindingWithAPathStays() throws {
        let fixture = RegistrarFixture()
        let request = Register("<sip:alice@10.0.0.1>").with(\.fields, ["Path: <sip:192.0.2.9;lr>"]).with(
            \.via, "SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK2, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1")
        try fixture.send(request, on: try fixture.stream("192.0.2.9:5060", 7))
        #expect(fixture.table.connectionClosed(7) == 0)
        #expect(fixture.contacts("alice").count == 1)
    }

    /// While bindings are loaded, one that is gone must not come back.
    @Test func whatIsGoneIsNotLoaded() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        fixture.table.beginLoading()
        try register(fixture, "alice", 7)
        #expect(fixture.table.connectionClosed(7) == 1)
        #expect(fixture.location("alice") == .loading)
        fixture.table.endLoading()
        #expect(fixture.location("alice") == .noBinding)
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.bindings == 0)
    }

    /// ICMP ends a flow over datagrams, and no other binding of that address.
    @Test func aDatagramFlowEndsWhenTheNetworkSaysSo() throws {
        let fixture = RegistrarFixture()
        let way = try fixture.flow("192.0.2.1:40000")
        let lines = ["Supported: outbound"]
        try fixture.send(
            Register("<sip:a@10.0.0.1>;reg-id=1;\(OutboundTests.instance)").with(\.fields, lines), on: way)
        try fixture.send(Register("<sip:b@10.0.0.1>", callID: "plain"), on: way)
        func fail(_ flow: Flow, _ user: String) -> Int {
            Array(user.utf8).withUnsafeBytes { fixture.table.flowFailed(flow, user: $0, domain: 0) }
        }
        #expect(fail(try fixture.flow("192.0.2.1:40001"), "alice") == 0)
        #expect(fail(way, "bob") == 0)
        #expect(fail(way, "%61lice") == 1)
        #expect(fixture.contacts() == ["sip:b@10.0.0.1"])
    }
}
