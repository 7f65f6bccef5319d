import Routing
import SIP
import Testing

@testable import Registrar

@Suite struct LoadingTests {
    /// A row of the journal as a record to load.
    private func load(
        _ fixture: RegistrarFixture, _ contact: String, address: String = "sip:alice@example.com",
        parameters: String = "",
        callID: String = "old", cSeq: UInt32 = 1, preference: UInt16? = nil, expiresIn: UInt32 = 1_000,
        path: String = "", flow: [UInt8] = []
    ) -> BindingTable.LoadOutcome {
        let parts = [address, contact, parameters, callID, path].map { Array($0.utf8) } + [flow]
        return parts[0].withUnsafeBytes { address in
            parts[1].withUnsafeBytes { contact in
                parts[2].withUnsafeBytes { parameters in
                    parts[3].withUnsafeBytes { callID in
                        parts[4].withUnsafeBytes { path in
                            parts[5].withUnsafeBytes { flow in
                                fixture.table.load(
                                    JournalRecord(
                                        addressOfRecord: address, contact: contact, parameters: parameters,
                                        callID: callID, sequenceNumber: cSeq, preference: preference,
                                        expires: fixture.clock.now.adding(seconds: expiresIn), path: path, flow: flow),
                                    listeners: fixture.listeners)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func bringsBackWhatAnotherTableJournaled() throws {
        let first = RegistrarFixture(isJournaled: true)
        let requests = [
            Register("<sip:a@10.0.0.1>;x=\"y\";q=0.3;expires=100", "<mailto:a@example.com>"),
            Register("<sip:b@192.0.2.1;ob>;+sip.instance=\"<urn:uuid:1>\";reg-id=1").with(
                \.to, "<sip:b%40c@example.com>"),
            Register("<sip:d@10.0.0.4>").with(\.to, "<sip:dave@example.com>").with(
                \.fields, ["Path: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>"]),
        ]
        for request in requests { try first.send(request, on: try first.flow("192.0.2.1:40000")) }
        let second = RegistrarFixture()
        second.table.beginLoading()
        for (key, row) in try #require(first.journal?.rows) {
            let outcome = load(
                second, row.contact, address: key.address, parameters: row.parameters, callID: row.callID,
                cSeq: row.sequenceNumber, preference: row.preference,
                expiresIn: second.clock.now.seconds(until: row.expires), path: row.path, flow: row.flow)
            #expect(outcome == .loaded)
        }
        second.table.endLoading()
        for user in ["alice", "b%40c", "dave"] {
            #expect(Set(second.bindings(user)) == Set(first.bindings(user)))
            #expect(!second.bindings(user).isEmpty)
        }
        #expect(second.bindings("b%40c").map(\.isBehindNAT) == [true])
        #expect(second.bindings("dave").map(\.path.isEmpty) == [false])
        #expect(second.table.statistics.addresses == 3)
        #expect(second.table.statistics.bindings == 4)
        // The order of requests outlives the restart; a repeat is known, and takes nothing away.
        #expect(try second.send(requests[0], on: try second.flow("192.0.2.1:40000")).statusCode == 200)
        #expect(second.outcome?.isRepeat == true)
        #expect(try second.send(Register("<sip:a@10.0.0.1>;q=0.9")).statusCode == 500)
        #expect(try second.send(Register("<sip:a@10.0.0.1>", cSeq: 0)).statusCode == 500)
        #expect(try second.send(Register("<sip:a@10.0.0.1>", cSeq: 2)).statusCode == 200)
    }

    @Test func neverSaysThatSomethingIsNotThere() throws {
        let fixture = RegistrarFixture(users: ["alice"])
        fixture.table.beginLoading()
        #expect(fixture.table.isLoading)
        #expect(fixture.location() == .loading)
        #expect(fixture.location("nobody") == .loading)
        fixture.users.forgetAll(true)
        let unknown = try fixture.send(Register("<sip:alice@192.0.2.1>"))
        #expect(unknown.statusCode == 503)
        #expect(unknown[.retryAfter] == "5")
        fixture.users.forgetAll(false)
        #expect(try fixture.send(Register()).statusCode == 503, "half a list is no list")
        #expect(try fixture.send(Register("<sip:alice@192.0.2.1>")).statusCode == 200)
        #expect(fixture.contacts() == ["sip:alice@192.0.2.1"])
        fixture.table.endLoading()
        #expect(fixture.location("nobody") == .unknownUser)
        #expect(try fixture.send(Register()).statusCode == 200)
        #expect(
            try fixture.send(Register("<sip:a@192.0.2.1>").with(\.to, "<sip:nobody@example.com>")).statusCode == 404)
    }

    @Test(arguments: [
        // Contact, Call-ID and CSeq that are loaded behind <sip:a@192.0.2.1> of Call-ID "one", CSeq 5; whether they win.
        ("sip:a@192.0.2.1", "old", 99 as UInt32, false), ("sip:a@192.0.2.1", "one", 4, false),
        ("sip:a@192.0.2.1", "one", 5, false), ("sip:a@192.0.2.1", "one", 6, true),
        ("sip:%61@192.0.2.1", "old", 1, false),
        ("sip:%61@192.0.2.1", "one", 6, true),
    ])
    func whatWasSetSinceTheStartWins(_ contact: String, _ callID: String, _ cSeq: UInt32, _ wins: Bool) throws {
        let fixture = RegistrarFixture(isJournaled: true)
        fixture.table.beginLoading()
        try fixture.send(Register("<sip:a@192.0.2.1>;expires=600", callID: "one", cSeq: 5))
        #expect(load(fixture, "sip:other@192.0.2.1") == .loaded)
        #expect(load(fixture, contact, callID: callID, cSeq: cSeq, expiresIn: 1_000) == (wins ? .loaded : .superseded))
        fixture.table.endLoading()
        let list = contacts(try fixture.send(Register()))
        #expect(
            Set(list) == [
                "<sip:other@192.0.2.1>;expires=1000",
                wins ? "<\(contact)>;expires=1000" : "<sip:a@192.0.2.1>;expires=600",
            ])
        // The journal is left with what counts, under one spelling.
        #expect(fixture.journal?.keys == ["sip:alice@example.com \(wins ? contact : "sip:a@192.0.2.1")"])
    }

    @Test func whatWasRemovedSinceTheStartStaysAway() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        fixture.table.beginLoading()
        try fixture.send(Register("<sip:a@192.0.2.1>", cSeq: 1))
        try fixture.send(Register("<sip:a@192.0.2.1>;expires=0", "<sip:b@192.0.2.1>;expires=0", cSeq: 2))
        #expect(fixture.location() == .loading)
        #expect(load(fixture, "sip:a@192.0.2.1") == .superseded)
        #expect(load(fixture, "sip:%62@192.0.2.1") == .superseded)
        #expect(load(fixture, "sip:c@192.0.2.1") == .loaded)
        #expect(fixture.table.sweep(now: fixture.clock.now, budget: 100_000).visited == 0, "marks are kept")
        fixture.table.endLoading()
        #expect(fixture.contacts() == ["sip:c@192.0.2.1"])
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.bindings == 1)
    }

    @Test func whatWasClearedSinceTheStartStaysAway() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        fixture.table.beginLoading()
        #expect(load(fixture, "sip:a@192.0.2.1") == .loaded)
        try fixture.send(Register("*", expires: "0"))
        let bob = Register("*", expires: "0").with(\.to, "<sip:bob@example.com>")
        try fixture.send(bob)
        #expect(load(fixture, "sip:b@192.0.2.1") == .superseded)
        #expect(load(fixture, "sip:b@192.0.2.1", address: "sip:bob@example.com") == .superseded)
        try fixture.send(Register("<sip:new@192.0.2.1>", callID: "new"))
        #expect(load(fixture, "sip:c@192.0.2.1") == .superseded)
        fixture.table.endLoading()
        #expect(fixture.contacts() == ["sip:new@192.0.2.1"])
        #expect(fixture.location("bob") == .noBinding)
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.addresses == 1)
        #expect(fixture.table.statistics.bindings == 1)
        #expect(fixture.journal?.keys == ["sip:alice@example.com sip:new@192.0.2.1"])
    }

    @Test func takesNoMoreThanAnAddressMayHave() throws {
        let fixture = RegistrarFixture()
        fixture.table.beginLoading()
        // Removals of what may be loaded yet are remembered, up to a limit too.
        for i in 0..<25 as Range<UInt32> {
            let contacts = (0..<10).map { "<sip:\(i)-\($0)@h>;expires=0" }
            try fixture.send(Register(cSeq: i + 1).with(\.contacts, contacts))
        }
        #expect(fixture.table.statistics.bindings == AddressEntry.largestBindingCount)
        #expect(load(fixture, "sip:a@192.0.2.1") == .malformed)
        fixture.table.endLoading()
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.bindings == 0)
    }

    @Test func takesNothingElse() throws {
        let fixture = RegistrarFixture()
        fixture.table.beginLoading()
        #expect(load(fixture, "sip:a@192.0.2.1", expiresIn: 0) == .expired)
        #expect(load(fixture, "sip:a@192.0.2.1", address: "sip:alice@elsewhere.net") == .foreign)
        let bad: [BindingTable.LoadOutcome] = [
            load(fixture, "sip:a@192.0.2.1", address: "alice@example.com"),
            load(fixture, "sip:a@192.0.2.1", address: "sip:@example.com"),
            load(fixture, "sip:a@192.0.2.1", address: "sip:example.com"),
            load(fixture, "sip:a@192.0.2.1", address: ""),
            load(fixture, "sip:a@192.0.2.1>\r\nX: y"), load(fixture, ""),
            load(fixture, "sip:a@192.0.2.1", parameters: ";x\r\nY: z"),
            load(fixture, "sip:a@192.0.2.1", parameters: "x=1"), load(fixture, "sip:a@192.0.2.1", callID: ""),
            load(fixture, "sip:a@192.0.2.1", preference: 1_001),
            load(fixture, "sip:a@192.0.2.1", path: "sip:p;lr"),
            load(fixture, "sip:a@192.0.2.1", path: "<sip:p;lr>\r\nX: y"),
            load(fixture, "sip:" + String(repeating: "a", count: 5_000) + "@192.0.2.1"),
        ]
        #expect(bad.allSatisfy { $0 == .malformed })
        #expect(fixture.table.statistics.addresses == 0)
    }
}
