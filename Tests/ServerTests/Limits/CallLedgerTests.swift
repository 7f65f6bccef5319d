import SIP
import Testing

@testable import Server

@Suite struct CallLedgerTests {
    private static let start = ContinuousClock.now
    private let limit = CallLimit()

    private func message(
        _ method: String, _ callID: String, cSeq: Int = 1, from: String = "1", to: String = "", status: Int? = nil
    ) throws -> Message {
        let first = status.map { "SIP/2.0 \($0) Said" } ?? "\(method) sip:b@example.com SIP/2.0"
        let tag = to.isEmpty ? "" : ";tag=\(to)"
        return try Message(
            "\(first)\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=\(from)\r\n"
                + "To: <sip:b@example.com>\(tag)\r\nCall-ID: \(callID)\r\nCSeq: \(cSeq) \(method)\r\nContent-Length: 0\r\n\r\n"
        )
    }

    private func begin(
        _ ledger: inout CallLedger, _ callID: String, user: UInt64 = 1, cSeq: Int = 1, limit most: Int = 2
    ) throws -> Bool {
        let invite = try message("INVITE", callID, cSeq: cSeq)
        return invite.withView { ledger.begin($0, user: user, limit: most, now: Self.start) }
    }

    private func answer(_ ledger: inout CallLedger, _ callID: String, by callee: String, cSeq: Int = 1) throws {
        let response = try message("INVITE", callID, cSeq: cSeq, to: callee, status: 200)
        response.withView { ledger.answered($0, now: Self.start) }
    }

    private func end(
        _ ledger: inout CallLedger, _ callID: String, from: String, to: String, _ status: StatusCode,
        after time: Duration = .zero
    ) throws {
        let bye = try message("BYE", callID, cSeq: 9, from: from, to: to)
        bye.withView {
            ledger.hear($0, now: Self.start + time)
            ledger.ended($0, by: status, now: Self.start + time)
        }
    }

    @Test func countsByUserOverLanes() throws {
        var lanes = [CallLedger(limit), CallLedger(limit)]
        #expect(try begin(&lanes[0], "a"))
        #expect(try begin(&lanes[1], "b"))
        #expect(try !begin(&lanes[0], "c"))
        #expect(try begin(&lanes[0], "c", user: 2))
        #expect(limit.total == 3)
        // One that was refused, and is told so twice.
        for _ in 0..<2 { try message("INVITE", "b").withView { lanes[1].end($0) } }
        #expect(limit.total == 2)
        #expect(try begin(&lanes[1], "e"))
        #expect(try !begin(&lanes[1], "f"))
        #expect(try begin(&lanes[1], "f", limit: 0))
        #expect(limit.total == 3)
        #expect(lanes.map(\.count) == [2, 1])
    }

    /// Nothing that is written into an INVITE makes it another's, or one of before.
    @Test func eachInviteCounts() throws {
        var ledger = CallLedger(limit)
        #expect(try begin(&ledger, "a"))
        #expect(try begin(&ledger, "a"))
        #expect(try !begin(&ledger, "a", cSeq: 2))
        #expect(try begin(&ledger, "a", user: 2))
        #expect(limit.total == 3)
        // They end one by one.
        try message("INVITE", "a").withView { ledger.end($0) }
        #expect(limit.total == 2)
        #expect(try begin(&ledger, "a", cSeq: 2))
        for cSeq in [1, 1, 2] { try message("INVITE", "a", cSeq: cSeq).withView { ledger.end($0) } }
        #expect(limit.total == 0 && ledger.count == 0)
    }

    /// What a BYE of the caller or the callee comes to, and whether the call is over then.
    @Test(
        arguments: [
            (200, true), (481, true), (408, true), (404, true), (401, false), (407, false), (500, false), (503, false),
            (430, false), (403, false),
        ] as [(UInt16, Bool)])
    func aCallEndsWithTheAnswerToItsBYE(_ status: UInt16, _ isOver: Bool) throws {
        for (from, to) in [("1", "x"), ("x", "1")] {
            var ledger = CallLedger(limit)
            #expect(try begin(&ledger, "a"))
            // A BYE before the answer ends nothing: the INVITE is refused then.
            try end(&ledger, "a", from: "1", to: "x", 200)
            #expect(ledger.count == 1)
            try answer(&ledger, "a", by: "x")
            try end(&ledger, "a", from: from, to: to, StatusCode(rawValue: status))
            #expect(ledger.count == (isOver ? 0 : 1))
            try end(&ledger, "a", from: from, to: to, 200)
            #expect(ledger.count == 0 && limit.total == 0)
        }
    }

    /// Somebody else's tags, and tags that nobody has, end no call.
    @Test func anotherBYEEndsNothing() throws {
        var ledger = CallLedger(limit)
        for callID in ["a", "b"] {
            #expect(try begin(&ledger, callID))
            try answer(&ledger, callID, by: "x")
        }
        for (callID, from, to) in [("a", "1", "y"), ("a", "2", "x"), ("a", "1", ""), ("c", "1", "x"), ("b", "x", "x")] {
            try end(&ledger, callID, from: from, to: to, 481)
        }
        #expect(limit.total == 2)
    }

    /// A 2xx that comes again changes nothing; one of another callee is another call, though it goes beyond the limit.
    @Test func eachAnswerCounts() throws {
        var ledger = CallLedger(limit)
        #expect(try begin(&ledger, "a"))
        #expect(try begin(&ledger, "a"))
        for callee in ["x", "x", "y", "x", "z", "z"] { try answer(&ledger, "a", by: callee) }
        try answer(&ledger, "a", by: "w", cSeq: 2)
        #expect(ledger.count == 3 && limit.total == 3)
        for callee in ["z", "z", "x"] { try end(&ledger, "a", from: callee, to: "1", 200) }
        #expect(limit.total == 1)
        #expect(try begin(&ledger, "b"))
        #expect(try !begin(&ledger, "c"))
    }

    @Test func whatIsNotHeardOfIsForgotten() throws {
        var ledger = CallLedger(limit)
        for callID in ["a", "b"] {
            #expect(try begin(&ledger, callID))
            try answer(&ledger, callID, by: "x")
        }
        try message("UPDATE", "b", to: "x").withView { ledger.hear($0, now: Self.start + .seconds(50)) }
        ledger.sweep(olderThan: .seconds(60), now: Self.start + .seconds(61))
        #expect(ledger.count == 1)
        #expect(limit.total == 1)
    }

    /// A BYE that is refused proves nothing; the call is forgotten a while later, unless it goes on.
    @Test func whatWasDismissedIsForgottenSooner() throws {
        var ledger = CallLedger(limit)
        for callID in ["a", "b"] {
            #expect(try begin(&ledger, callID))
            try answer(&ledger, callID, by: "x")
            try end(&ledger, callID, from: "1", to: "x", 500)
        }
        let time = CallLedger.dismissalTime
        try message("INVITE", "b", cSeq: 10, to: "x").withView { ledger.hear($0, now: Self.start + time) }
        ledger.sweep(olderThan: .seconds(40_000), now: Self.start + time)
        #expect(ledger.count == 2)
        ledger.sweep(olderThan: .seconds(40_000), now: Self.start + time + .seconds(1))
        #expect(ledger.count == 1)
    }
}
