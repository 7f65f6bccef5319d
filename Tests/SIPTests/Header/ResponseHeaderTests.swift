import SIP
import Testing

/// Retry-After, Warning, Reason and Timestamp (RFC 3261 §20.33, §20.38, §20.43; RFC 3326).
@Suite struct ResponseHeaderTests {
    @Test(
        arguments: [
            ("18000;duration=3600", 18_000, "", 3_600), ("120 (I'm in a meeting)", 120, "I'm in a meeting", nil),
            ("5(a (nested \\) one) b) ; duration = 7;x", 5, "a (nested \\) one) b", 7), ("0", 0, "", nil),
            ("949302838503028349304023988", .max, "", nil), ("1;DURATION=99999999999999999999999", 1, "", .max),
        ] as [(String, UInt32, String, UInt32?)])
    func retryAfter(_ text: String, _ seconds: UInt32, _ comment: String, _ duration: UInt32?) throws {
        let message = try sample("Retry-After: \(text)")
        try message.withView { view in
            let found = try #require(try view.retryAfter)
            #expect(found.seconds == seconds)
            #expect(view.text(found.comment) == comment)
            #expect(found.duration == duration)
        }
        #expect(message.retryAfter == .seconds(Int64(seconds)))
    }

    @Test(arguments: [
        "", "soon", "-1", "5 (open", "5 )", "5;duration=x", "5;duration", "5 x", "Fri, 01 Jan 2010 16:00:00 GMT",
    ])
    func malformedRetryAfter(_ text: String) throws {
        try sample("Retry-After: \(text)").withView { view in
            #expect(throws: malformedValue) { try view.retryAfter }
        }
    }

    @Test func warnings() throws {
        let message = try sample(
            "Warning: 307 isi.edu \"Session parameter 'foo' not understood\"",
            "Warning: 301 isi.edu:5060 \"Incompatible, \\\"E.164\\\" type\",  399\t[::1] \"\"")
        #expect(
            message.warnings == [
                Warning(307, agent: "isi.edu", "Session parameter 'foo' not understood"),
                Warning(301, agent: "isi.edu:5060", "Incompatible, \"E.164\" type"), Warning(399, agent: "[::1]", ""),
            ])
        #expect(message.warnings[1].description == "301 isi.edu:5060 \"Incompatible, \\\"E.164\\\" type\"")
    }

    @Test(arguments: [
        "1812 overture \"In Progress\"", "30 a \"b\"", "300 \"b\"", "300 a", "300 a b", "300 a \"b", "300 a \"b\" c",
        "x a \"b\"",
    ])
    func malformedWarnings(_ text: String) throws {
        let message = try sample("Warning: \(text)")
        #expect(message.warnings.isEmpty)
        try message.withView { view in
            let value = try #require(view.firstValue(of: .warning))
            #expect(throws: malformedValue) { try view.warning(value) }
        }
    }

    /// RFC 3326 §2.
    @Test(arguments: [
        (
            "SIP ;cause=200 ;text=\"Call completed elsewhere\"",
            Reason("SIP", cause: 200, text: "Call completed elsewhere")
        ),
        ("Q.850 ;cause=16 ;text=\"Terminated\"", Reason("Q.850", cause: 16, text: "Terminated")),
        ("SIP ;cause=600 ;text=\"Busy Everywhere\"", Reason(600)), ("preemption", Reason("preemption")),
        ("q.850;Text=\"a \\\"b\\\", c\";CAUSE=127;ext", Reason("q.850", cause: 127, text: "a \"b\", c")),
        ("SIP;cause=99999", Reason("SIP")), ("SIP;cause=x", Reason("SIP")),
    ])
    func reasons(_ text: String, _ expected: Reason) throws {
        #expect(try sample("Reason: \(text)").reasons == [expected])
        #expect(try sample("Reason: \(expected)").reasons == [expected])
    }

    @Test func severalReasons() throws {
        let message = try sample(
            "Reason: SIP;cause=580;text=\"Precondition Failure\", Q.850;cause=31", "Reason: ;cause=1")
        #expect(message.reasons.map(\.cause) == [580, 31])
        #expect(message.reasons[0].status == 580)
        #expect(message.reasons[1].status == nil)
        try message.withView { view in
            let spaces = try view.values(of: .reason).prefix(2).map { try view.reason($0).space }
            #expect(spaces == [.sip, .q850])
        }
    }

    @Test(arguments: [
        ("54", Duration.seconds(54), Duration.zero), ("54.25", .milliseconds(54_250), .zero),
        ("1. 0.5", .seconds(1), .milliseconds(500)), ("0.000000001 .25", .nanoseconds(1), .milliseconds(250)),
        ("12.1234567891 3", .nanoseconds(12_123_456_789), .seconds(3)),
    ])
    func timestamps(_ text: String, _ time: Duration, _ delay: Duration) throws {
        try sample("Timestamp: \(text)").withView { view in
            let found = try #require(try view.timestamp)
            #expect(found.time == time)
            #expect(found.delay == delay)
            #expect(view.text(found.timeRange) == text.split(separator: " ").first.map(String.init))
        }
    }

    @Test(arguments: ["", ".5", "x", "-1", "5x", "5 x", "5 1 2", "99999999999999999999999"])
    func malformedTimestamps(_ text: String) throws {
        try sample("Timestamp: \(text)").withView { view in
            #expect(throws: malformedValue) { try view.timestamp }
        }
    }
}
