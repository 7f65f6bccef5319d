import SIP
import Testing

@testable import Registrar

@Suite struct SweepTests {
    private func fill(_ fixture: RegistrarFixture, _ count: Int) throws {
        for i in 0..<count {
            try fixture.send(
                Register("<sip:1@192.0.2.1>;expires=\(i % 2 == 0 ? 100 : 1000)", "<sip:2@192.0.2.1>;expires=500")
                    .with(\.to, "<sip:user\(i)@example.com>"))
        }
    }

    @Test func removesWhatHasEnded() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        try fill(fixture, 1_000)
        let slots = fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(slots.removed == 0)
        #expect(fixture.table.statistics.bindings == 2_000)
        fixture.clock.advance(200)
        #expect(fixture.table.sweep(now: fixture.clock.now, budget: 100_000).removed == 500)
        #expect(fixture.table.statistics.bindings == 1_500)
        #expect(fixture.journal?.rows.count == 1_500)
        #expect(fixture.table.statistics.addresses == 1_000)
        fixture.clock.advance(400)
        #expect(fixture.table.sweep(now: fixture.clock.now, budget: 100_000).removed == 1_000)
        #expect(fixture.table.statistics.addresses == 500)
        for i in 0..<1_000 { #expect(fixture.contacts("user\(i)").count == i % 2) }
        fixture.clock.advance(1_000)
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.addresses == 0)
        #expect(fixture.table.statistics.bindings == 0)
        #expect(fixture.journal?.rows.isEmpty == true)
    }

    @Test func keepsToItsBudgetAndGoesOn() throws {
        let fixture = RegistrarFixture()
        try fill(fixture, 300)
        fixture.clock.advance(600)
        var calls = 0
        var removed = 0
        while fixture.table.statistics.bindings > 150, calls < 10_000 {
            let result = fixture.table.sweep(now: fixture.clock.now, budget: 10)
            #expect(result.visited <= 10)
            removed += result.removed
            calls += 1
        }
        #expect(removed == 450)
        #expect(calls > 100)
    }

    @Test func makesRoomForOthers() throws {
        let fixture = RegistrarFixture(maximumBindings: 2)
        try fixture.send(Register("<sip:1@192.0.2.1>;expires=60", "<sip:2@192.0.2.1>;expires=60"))
        fixture.clock.advance(60)
        let other = Register("<sip:3@192.0.2.1>").with(\.to, "<sip:bob@example.com>")
        #expect(try fixture.send(other).statusCode == 503)
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(try fixture.send(other).statusCode == 200)
    }
}
