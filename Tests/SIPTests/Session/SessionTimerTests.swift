import SIP
import Testing

@Suite struct SessionTimerTests {
    typealias Action = SessionTimer.Action

    private func timer(_ interval: Int? = 1_800, minimum: Int = 90) -> SessionTimer {
        var configuration = SessionTimer.Configuration()
        configuration.interval = interval.map { .seconds($0) }
        configuration.minimum = .seconds(minimum)
        return SessionTimer(configuration)
    }

    private func receive(_ timer: inout SessionTimer, _ extra: String) throws -> [Action] {
        try DialogMessages.response(200, extra: extra).withView { timer.receive($0) }
    }

    private func accept(_ timer: inout SessionTimer, _ extra: String) throws -> (fields: [String], actions: [Action]) {
        let made = try DialogMessages.request(extra: extra).withView { timer.accept($0) }
        return (made.fields.map { "\($0.name.canonical): \($0.value)" }, made.actions)
    }

    private func fields(_ timer: SessionTimer) -> [String] {
        timer.requestFields.map { "\($0.name.canonical): \($0.value)" }
    }

    @Test(
        "RFC 4028 §4, §5: the headers, in short form too",
        arguments: [
            ("Session-Expires: 4000;refresher=uac\r\n", UInt32(4_000), SessionExpiresIndex.Refresher.uac),
            ("x: 90 ; REFRESHER = UAS ; x=y\r\n", 90, .uas), ("Session-Expires: 1800\r\n", 1_800, nil),
            ("Session-Expires: 99999999999;refresher=who\r\n", .max, nil),
        ])
    func header(line: String, seconds: UInt32, refresher: SessionExpiresIndex.Refresher?) throws {
        try DialogMessages.request(extra: line).withView { view in
            let found = try #require(try view.sessionExpires)
            #expect(found.seconds == seconds)
            #expect(found.refresher == refresher)
        }
    }

    @Test("Malformed headers are defects", arguments: ["Session-Expires: soon", "Session-Expires: ", "x: 90 91"])
    func malformed(line: String) throws {
        try DialogMessages.request(extra: line + "\r\n").withView { view in
            #expect(throws: MessageDefect.self) { try view.sessionExpires }
        }
    }

    // MARK: The client

    @Test("RFC 4028 §7.1: a first request asks for the interval and leaves the refresher open")
    func firstRequest() {
        #expect(fields(timer()) == ["Session-Expires: 1800"])
        #expect(fields(timer(nil)) == [])
        #expect(fields(timer(60)) == ["Session-Expires: 90"])
    }

    @Test(
        "RFC 4028 §7.2, §10: the 2xx says who refreshes: at half the interval, or a BYE before its end",
        arguments: [
            ("1800;refresher=uac", [Action.set(.refresh, .seconds(900)), .set(.expiry, .seconds(1_800))]),
            ("1800;refresher=uas", [.stop(.refresh), .set(.expiry, .seconds(1_768))]),
            ("90;refresher=uas", [.stop(.refresh), .set(.expiry, .seconds(60))]),
            ("1800", [.set(.refresh, .seconds(900)), .set(.expiry, .seconds(1_800))]),
            // RFC 4028 §11.1: shorter than any session may be.
            ("2;refresher=uac", [.set(.refresh, .seconds(45)), .set(.expiry, .seconds(90))]),
        ])
    func success(value: String, actions: [Action]) throws {
        var timer = timer()
        #expect(try receive(&timer, "Require: timer\r\nSession-Expires: \(value)\r\n") == actions)
    }

    @Test(
        "RFC 4028 §7.2: a server that knows of no timer leaves the refreshes to this side; one that wants none turns it off"
    )
    func successWithout() throws {
        var asking = timer()
        #expect(try receive(&asking, "") == [.set(.refresh, .seconds(900)), .set(.expiry, .seconds(1_800))])
        #expect(asking.isRefresher)
        #expect(try receive(&asking, "Supported: timer\r\n") == [.stop(.refresh), .stop(.expiry)])
        #expect(asking.interval == nil)
        #expect(asking.fire(.refresh).isEmpty && asking.fire(.expiry).isEmpty)
        var silent = timer(nil)
        #expect(try receive(&silent, "") == [.stop(.refresh), .stop(.expiry)])
    }

    @Test("RFC 4028 §7.4: in the dialog the interval and the role stay what they are")
    func laterRequests() throws {
        var timer = timer()
        _ = try receive(&timer, "Session-Expires: 600;refresher=uac\r\n")
        #expect(fields(timer) == ["Session-Expires: 600;refresher=uac"])
        _ = try receive(&timer, "Session-Expires: 600;refresher=uas\r\n")
        #expect(fields(timer) == ["Session-Expires: 600;refresher=uas"])
        _ = try accept(&timer, "Min-SE: 700\r\nSession-Expires: 700;refresher=uac\r\nSupported: timer\r\n")
        #expect(fields(timer) == ["Session-Expires: 700;refresher=uas", "Min-SE: 700"])
    }

    @Test("RFC 4028 §7.3, §7.4: after 422 the largest minimum so far, which the dialog forgets")
    func tooSmall() throws {
        var timer = timer(600)
        func refuse(_ minimum: String) throws -> Bool {
            try DialogMessages.response(422, extra: minimum).withView { timer.lengthen(after: $0) }
        }
        #expect(try refuse("Min-SE: 3600\r\n"))
        #expect(fields(timer) == ["Session-Expires: 3600", "Min-SE: 3600"])
        #expect(try refuse("Min-SE: 4000;x=y\r\n"))
        #expect(fields(timer) == ["Session-Expires: 4000", "Min-SE: 4000"])
        #expect(try !refuse("Min-SE: 4000\r\n"))
        #expect(try !refuse(""))
        #expect(try refuse("Min-SE: 5000\r\n"))
        #expect(try !refuse("Min-SE: 6000\r\n"))
        timer.forgetMinimum()
        #expect(fields(timer) == ["Session-Expires: 600"])
    }

    // MARK: The server

    @Test(
        "RFC 4028 §9: 422 for those who know timers, when the interval is too short",
        arguments: [
            ("Supported: timer\r\nSession-Expires: 199\r\n", "200"),
            ("Supported: timer\r\nSession-Expires: 200\r\n", nil),
            ("Session-Expires: 50\r\n", nil), ("Supported: timer\r\n", nil),
        ])
    func refusal(extra: String, minimum: String?) throws {
        let timer = timer(minimum: 200)
        #expect(try DialogMessages.request(extra: extra).withView { timer.refusal(of: $0)?.value } == minimum)
    }

    @Test("RFC 4028 §9: the least minimum is 90 s, whatever is configured")
    func leastMinimum() throws {
        let timer = timer(minimum: 5)
        let request = try DialogMessages.request(extra: "Supported: timer\r\nSession-Expires: 89\r\n")
        #expect(request.withView { timer.refusal(of: $0)?.value } == "90")
    }

    @Test(
        "RFC 4028 §9, table 2: who refreshes",
        arguments: [
            ("Session-Expires: 600\r\n", "600;refresher=uas", false),
            ("Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uac", true),
            ("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", "600;refresher=uac", true),
            ("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", "600;refresher=uas", true),
            ("Supported: timer\r\n", "1800;refresher=uac", true),
            ("Supported: timer\r\nMin-SE: 2000\r\n", "2000;refresher=uac", true),
        ])
    func table(extra: String, value: String, isRequired: Bool) throws {
        var timer = timer()
        let made = try accept(&timer, extra)
        #expect(made.fields == ["Session-Expires: \(value)"] + (isRequired ? ["Require: timer"] : []))
        #expect(timer.isRefresher == value.hasSuffix("uas"))
        #expect(made.actions.count == 2)
    }

    @Test("RFC 4028 §9: without anything said there is no timer, and too short a one is not heeded")
    func none() throws {
        var timer = timer()
        #expect(try accept(&timer, "").fields.isEmpty)
        #expect(try accept(&timer, "Session-Expires: 20\r\n").fields.isEmpty)
        #expect(timer.interval == nil)
        var shy = self.timer(nil)
        #expect(try accept(&shy, "Supported: timer\r\n").fields.isEmpty)
        #expect(try accept(&shy, "Supported: timer\r\nSession-Expires: 100\r\n").fields.count == 2)
    }

    @Test("RFC 4028 §9: a refresh that leaves the refresher open changes no roles")
    func refreshKeepsRoles() throws {
        var timer = timer()
        _ = try receive(&timer, "Session-Expires: 600;refresher=uac\r\n")
        #expect(
            try accept(&timer, "Supported: timer\r\nSession-Expires: 600\r\n").fields
                == ["Session-Expires: 600;refresher=uas", "Require: timer"])
        #expect(timer.isRefresher)
    }

    // MARK: Time

    @Test("RFC 4028 §10: a refused refresh is tried again; without one the session ends")
    func time() throws {
        var timer = timer()
        _ = try receive(&timer, "Session-Expires: 600;refresher=uac\r\n")
        #expect(timer.fire(.refresh) == [.refresh])
        #expect(timer.refreshFailed() == [.set(.refresh, .seconds(20))])
        #expect(timer.fire(.expiry) == [.expire])
        _ = try receive(&timer, "Session-Expires: 600;refresher=uas\r\n")
        #expect(timer.refreshFailed().isEmpty)
    }
}
