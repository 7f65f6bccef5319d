import SIP
import Testing

@testable import Registrar

@Suite struct JournalTests {
    @Test func getsEveryChange() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        let journal = try #require(fixture.journal)
        try fixture.send(
            Register("<sip:a@192.0.2.1>;x=1;q=0.5;expires=100", "<sip:b@192.0.2.1>").with(
                \.to, "<sip:al%69ce%40home@EXAMPLE.com>"))
        let key = MemoryJournal.Key(address: "sip:alice@home@example.com", contact: "sip:a@192.0.2.1")
        let row = try #require(journal.rows[key])
        #expect(row.parameters == ";x=1")
        #expect(row.callID == "one@192.0.2.1")
        #expect(row.sequenceNumber == 1)
        #expect(row.preference == 500)
        #expect(row.expires == fixture.clock.now.adding(seconds: 100))
        #expect(row.flow.withUnsafeBytes { JournalFlow($0) }.flow == (try fixture.flow()))
        #expect(journal.rows.count == 2)
        #expect(journal.rows.values.filter { $0.preference == nil }.count == 1)
    }

    @Test func followsRefreshesRemovalsAndOtherSpellings() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        let journal = try #require(fixture.journal)
        try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>", cSeq: 1))
        fixture.clock.advance(10)
        try fixture.send(Register("<sip:a@192.0.2.1>", cSeq: 2))
        let key = MemoryJournal.Key(address: "sip:alice@example.com", contact: "sip:a@192.0.2.1")
        #expect(journal.rows[key]?.sequenceNumber == 2)
        #expect(journal.rows[key]?.expires == fixture.clock.now.adding(seconds: 3_600))
        try fixture.send(Register("<sip:%61@192.0.2.1>", "<sip:b@192.0.2.1>;expires=0", cSeq: 3))
        #expect(journal.keys == ["sip:alice@example.com sip:%61@192.0.2.1"])
        try fixture.send(Register("<sip:c@192.0.2.1>", callID: "two"))
        try fixture.send(Register("*", expires: "0", callID: "three"))
        #expect(journal.keys == [])
    }

    @Test func holdsNewBindingsBackWhenItLags() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        let journal = try #require(fixture.journal)
        try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>", cSeq: 1))
        journal.set(lagging: true)
        let refused = try fixture.send(Register("<sip:c@192.0.2.1>", "<sip:a@192.0.2.1>", cSeq: 2))
        #expect(refused.statusCode == 503)
        #expect(refused[.retryAfter] == "5")
        #expect(refused.reasonPhrase == "Registrations Delayed")
        #expect(try fixture.send(Register("<sip:a@192.0.2.1>", cSeq: 2)).statusCode == 200)
        #expect(try fixture.send(Register("<sip:b@192.0.2.1>;expires=0", cSeq: 3)).statusCode == 200)
        #expect(try fixture.send(Register(cSeq: 1)).statusCode == 200)
        #expect(fixture.contacts() == ["sip:a@192.0.2.1"])
        journal.set(lagging: false)
        #expect(try fixture.send(Register("<sip:c@192.0.2.1>", cSeq: 4)).statusCode == 200)
    }

    @Test func isOfferedAgainWhatItHadNoRoomFor() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        let journal = try #require(fixture.journal)
        journal.set(full: true)
        try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>", cSeq: 1))
        #expect(fixture.table.statistics.blockedShards == 1)
        #expect(journal.rows.isEmpty)
        let refused = try fixture.send(Register("<sip:a@192.0.2.1>", cSeq: 2))
        #expect(refused.statusCode == 503)
        #expect(try fixture.send(Register(cSeq: 1)).statusCode == 200, "what changes nothing needs no journal")
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.blockedShards == 1)
        journal.set(full: false)
        fixture.table.sweep(now: fixture.clock.now, budget: 100_000)
        #expect(fixture.table.statistics.blockedShards == 0)
        #expect(journal.rows.count == 2)
        #expect(try fixture.send(Register("<sip:a@192.0.2.1>", cSeq: 2)).statusCode == 200)
    }

    @Test func outboxKeepsTheOrderWhileItIsHandedOver() {
        var outbox = JournalOutbox()
        var batch: [UInt8] = []
        let users = (0..<5).map { Array("user\($0)".utf8) }
        func add(_ i: Int) { users[i].withUnsafeBytes { (user) in outbox.removeAll(i, user) } }
        func domains() -> [Int] {
            var all: [Int] = []
            _ = JournalOutbox.forEach(batch) {
                all.append($0.domain)
                return true
            }
            return all
        }
        var hasBatch = outbox.begin(&batch)
        #expect(!hasBatch)
        add(0)
        add(1)
        hasBatch = outbox.begin(&batch)
        #expect(hasBatch)
        #expect(domains() == [0, 1])
        add(2)
        var other: [UInt8] = []
        hasBatch = outbox.begin(&other)
        #expect(!hasBatch, "one thread at a time")
        var count = 0
        let taken = JournalOutbox.forEach(batch) { _ in
            count += 1
            return count < 2
        }
        hasBatch = outbox.end(&batch, taken: taken)
        #expect(!hasBatch)
        #expect(outbox.isBlocked)
        add(3)
        hasBatch = outbox.begin(&batch)
        #expect(hasBatch)
        #expect(domains() == [1, 2, 3])
        add(4)
        hasBatch = outbox.end(&batch, taken: batch.count)
        #expect(hasBatch)
        #expect(!outbox.isBlocked)
        #expect(domains() == [4])
        hasBatch = outbox.end(&batch, taken: batch.count)
        #expect(!hasBatch)
        hasBatch = outbox.begin(&batch)
        #expect(!hasBatch)
    }
}
