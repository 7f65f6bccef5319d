import SIP
import Testing

@testable import Server

@Suite struct CallLedgerTests {
    private static let start = ContinuousClock.now

    private func message(_ method: String, _ callID: String) throws -> Message {
        try Message(
            "\(method) sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n"
                + "To: <sip:b@example.com>\r\nCall-ID: \(callID)\r\nCSeq: 1 \(method)\r\nContent-Length: 0\r\n\r\n")
    }

    @Test func countsByUserOverLanes() throws {
        let limit = CallLimit()
        var lanes = [CallLedger(limit), CallLedger(limit)]
        func begin(_ lane: Int, _ callID: String, user: UInt64 = 1, limit most: Int = 2) throws -> Bool {
            try message("INVITE", callID).withView {
                lanes[lane].begin($0, user: user, limit: most, now: Self.start)
            }
        }
        #expect(try begin(0, "a"))
        // With credentials it comes again.
        #expect(try begin(0, "a"))
        #expect(try begin(1, "b"))
        #expect(try !begin(0, "c"))
        #expect(try begin(0, "c", user: 2))
        #expect(limit.total == 3)
        try message("BYE", "b").withView { lanes[1].hear($0, now: Self.start) }
        #expect(try begin(0, "d"))
        try message("INVITE", "d").withView { lanes[0].end($0) }
        try message("INVITE", "d").withView { lanes[0].end($0) }
        #expect(try begin(1, "e"))
        #expect(try !begin(1, "f"))
        #expect(try begin(1, "f", limit: 0))
        #expect(limit.total == 3)
        try message("BYE", "unknown").withView { lanes[0].hear($0, now: Self.start) }
        #expect(limit.total == 3)
    }

    @Test func whatIsNotHeardOfIsForgotten() throws {
        let limit = CallLimit()
        var ledger = CallLedger(limit)
        for callID in ["a", "b"] {
            _ = try message("INVITE", callID).withView {
                ledger.begin($0, user: 1, limit: 5, now: Self.start)
            }
        }
        try message("UPDATE", "b").withView { ledger.hear($0, now: Self.start + .seconds(50)) }
        ledger.sweep(olderThan: .seconds(60), now: Self.start + .seconds(61))
        #expect(ledger.count == 1)
        #expect(limit.total == 1)
    }
}
