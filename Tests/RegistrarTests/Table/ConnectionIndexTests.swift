import SIP
import Testing

@testable import Registrar

/// A binding that came by a connection ends with it.
@Suite struct ConnectionIndexTests {
    private func register(
        _ user: String, _ contact: String, in fixture: RegistrarFixture, by connection: UInt64, cSeq: UInt32 = 1
    ) throws {
        let answer = try fixture.send(
            Register("<sip:\(contact)>;expires=600", cSeq: cSeq).with(\.to, "<sip:\(user)@example.com>"),
            on: fixture.stream("192.0.2.1:40000", connection))
        #expect(answer.statusCode == 200)
    }

    @Test func endsWithItsConnection() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        try register("alice", "a@x.invalid", in: fixture, by: 7)
        try register("bob", "b@x.invalid", in: fixture, by: 8)
        #expect(fixture.table.connectionClosed(9) == 0)
        #expect(fixture.table.connectionClosed(7) == 1)
        #expect(fixture.contacts("alice").isEmpty)
        #expect(fixture.contacts("bob").count == 1)
        #expect(fixture.table.connectionClosed(7) == 0)
        #expect(fixture.table.lostCount == 1)
        // Out of memory and out of the journal with the next sweep.
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.bindings == 1)
        #expect(fixture.journal?.keys == ["sip:bob@example.com sip:b@x.invalid"])
        #expect(fixture.table.connectionCount == 1)
    }

    /// Other bindings of the address stay: those by datagrams, and those by other connections.
    @Test func onlyThoseThatItLeadsTo() throws {
        let fixture = RegistrarFixture()
        try register("alice", "1@x.invalid", in: fixture, by: 7)
        try register("alice", "2@x.invalid", in: fixture, by: 8)
        try fixture.send(Register("<sip:3@192.0.2.1>;expires=600").with(\.to, "<sip:alice@example.com>"))
        #expect(fixture.table.connectionClosed(7) == 1)
        #expect(fixture.contacts("alice").count == 2)
        #expect(fixture.table.connectionClosed(8) == 1)
        #expect(fixture.contacts("alice").count == 1)
    }

    /// Whoever has come again by another connection is not lost with the old one.
    @Test func whoHasComeAgainStays() throws {
        let fixture = RegistrarFixture()
        try register("alice", "a@x.invalid", in: fixture, by: 7)
        try register("alice", "a@x.invalid", in: fixture, by: 8, cSeq: 2)
        #expect(fixture.table.connectionClosed(7) == 0)
        #expect(fixture.contacts("alice").count == 1)
        #expect(fixture.table.connectionClosed(8) == 1)
        // And can come back.
        try register("alice", "a@x.invalid", in: fixture, by: 9, cSeq: 3)
        #expect(fixture.contacts("alice").count == 1)
    }

    /// A gateway registers many by one connection.
    @Test func manyByOneConnection() throws {
        let fixture = RegistrarFixture()
        for user in 0..<200 { try register("user\(user)", "u\(user)@x.invalid", in: fixture, by: 7) }
        for user in 0..<200 { try register("user\(user)", "u\(user)@x.invalid", in: fixture, by: 7) }
        #expect(fixture.table.connectionCount == 1)
        #expect(fixture.table.connectionClosed(7) == 200)
        for user in 0..<200 { #expect(fixture.contacts("user\(user)").isEmpty) }
    }

    @Test func theIndexKeepsPlacesApart() {
        var index = ConnectionIndex()
        for place in [5, 5, 6, 7, 6] as [UInt64] { index.insert(place, for: 1) }
        index.insert(5, for: 2)
        #expect(index.count == 2)
        #expect(Set(index.remove(1)) == [5, 6, 7])
        #expect(index.remove(1).isEmpty)
        #expect(index.remove(2) == [5])
        #expect(index.count == 0)
    }
}
