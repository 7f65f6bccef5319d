import Routing
import Testing

@testable import Registrar

@Suite struct LocationTests {
    @Test func saysWhatIsKnown() throws {
        let fixture = RegistrarFixture(users: ["alice", "bob"])
        try fixture.send(Register("<sip:alice@192.0.2.1>"))
        #expect(fixture.contacts() == ["sip:alice@192.0.2.1"])
        #expect(fixture.location("bob") == .noBinding)
        #expect(fixture.location("carol") == .unknownUser)
        #expect(fixture.location("") == .unknownUser)
        #expect(fixture.location("alice", domain: 2) == .unknownUser)
        #expect(fixture.location("alice", domain: -1) == .unknownUser)
    }

    @Test func ordersByPreferenceAndThenByAge() throws {
        let fixture = RegistrarFixture()
        try fixture.send(
            Register(
                "<sip:a@192.0.2.1>;q=0.2", "<sip:b@192.0.2.1>", "<sip:c@192.0.2.1>;q=0.2", "<sip:d@192.0.2.1>;q=1",
                "<sip:e@192.0.2.1>;q=0", "<sip:f@192.0.2.1>;q=0.201"))
        #expect(fixture.contacts().map { $0.dropFirst(4).prefix(1) } == ["b", "d", "f", "a", "c", "e"])
        #expect(fixture.bindings().map(\.preference) == [1_000, 1_000, 201, 200, 200, 0])
    }

    @Test func removesAUsersBindings() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>"))
        try fixture.send(Register("<sip:c@192.0.2.1>").with(\.to, "<sip:bob@example.com>"))
        func remove(_ user: String) -> Int? {
            Array(user.utf8).withUnsafeBytes { fixture.table.removeBindings(user: $0, domain: 0) }
        }
        #expect(remove("alice") == 2)
        #expect(remove("alice") == 0)
        #expect(remove("carol") == 0)
        #expect(fixture.location() == .noBinding)
        #expect(fixture.journal?.keys == ["sip:bob@example.com sip:c@192.0.2.1"])
        #expect(fixture.table.statistics.addresses == 1)
        #expect(fixture.table.statistics.bindings == 1)
    }
}
