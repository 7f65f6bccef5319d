import Routing
import SIP
import Testing

@testable import Registrar

/// RFC 3261 §10.2.1.1 and §10.3 step 7.
@Suite struct ExpirationTests {
    @Test(arguments: [
        // Contact parameter, Expires field, granted.
        (nil as String?, nil as String?, 3_600 as Int?), ("100", nil, 100), (nil, "200", 200), ("100", "200", 100),
        ("60", nil, 60), ("59", nil, nil), ("1", "200", nil), (nil, "59", nil), ("9999", nil, 7_200),
        (nil, "7201", 7_200),
        ("4294967295", nil, 7_200), ("4294967296", nil, 7_200), ("99999999999999999999999", nil, 7_200),
        ("abc", "200", 3_600), ("-1", nil, 3_600), ("", "200", 3_600), ("1.5", nil, 3_600), (nil, "soon", 3_600),
        ("0x10", nil, 3_600), ("00100", nil, 100),
    ])
    func choosesTheExpiration(_ parameter: String?, _ field: String?, _ granted: Int?) throws {
        let fixture = RegistrarFixture()
        let contact = "<sip:alice@192.0.2.1>" + (parameter.map { ";expires=\($0)" } ?? "")
        let answer = try fixture.send(Register(contact, expires: field))
        guard let granted else {
            #expect(answer.statusCode == 423)
            #expect(answer[.minExpires] == "60")
            #expect(fixture.location() == .noBinding)
            return
        }
        #expect(contacts(answer) == ["<sip:alice@192.0.2.1>;expires=\(granted)"])
    }

    @Test(arguments: [
        // Minimum, maximum, requested, granted.
        (60 as UInt32, 7_200 as UInt32, 0 as UInt32, 0 as UInt32?), (300, 600, 299, nil), (300, 600, 300, 300),
        (300, 600, 601, 600), (7_200, 9_000, 3_599, nil), (7_200, 9_000, 3_600, 3_600), (0, 600, 1, 1),
        (60, 0, 60, 1),
    ])
    func keepsToItsLimits(_ minimum: UInt32, _ maximum: UInt32, _ requested: UInt32, _ granted: UInt32?) {
        var configuration = RegistrarConfiguration()
        configuration.minimumExpires = minimum
        configuration.maximumExpires = maximum
        #expect(configuration.grantedExpires(requested) == granted)
    }

    @Test func defaultsAreThoseThatAreDocumented() {
        let configuration = RegistrarConfiguration()
        #expect(configuration.minimumExpires == 60)
        #expect(configuration.maximumExpires == 7_200)
        #expect(configuration.defaultExpires == 3_600)
        #expect(configuration.maximumContacts == 10)
        #expect(configuration.maximumFieldSize == 1_024)
        #expect(configuration.retryAfter == 5)
        #expect(configuration.repeatWindow == 32)
        #expect(configuration.pingInterval == .seconds(25))
        #expect(configuration.pingsPerTick == 1_000)
    }

    @Test func defaultAppliesWhereNothingIsAsked() throws {
        let fixture = RegistrarFixture { $0.defaultExpires = 120 }
        #expect(
            contacts(try fixture.send(Register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>;expires=90"))) == [
                "<sip:a@192.0.2.1>;expires=120", "<sip:b@192.0.2.1>;expires=90",
            ])
    }

    @Test func bindingsEnd() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:alice@192.0.2.1>;expires=100", "<sip:b@192.0.2.1>;expires=200"))
        fixture.clock.advance(99)
        #expect(fixture.contacts().count == 2)
        fixture.clock.advance(1)
        #expect(fixture.contacts() == ["sip:b@192.0.2.1"])
        #expect(contacts(try fixture.send(Register())) == ["<sip:b@192.0.2.1>;expires=100"])
        // Nothing is left of the order of requests when the binding is gone.
        #expect(try fixture.send(Register("<sip:alice@192.0.2.1>;expires=60", cSeq: 1)).statusCode == 200)
        fixture.clock.advance(100)
        #expect(fixture.location() == .noBinding)
    }

    @Test func wallTimeEndsIn2106() {
        let late = WallTime(seconds: .max - 10)
        #expect(late.adding(seconds: 3_600) == WallTime(seconds: .max))
        #expect(late.seconds(until: WallTime(seconds: 5)) == 0)
        #expect(late.seconds(until: late.adding(seconds: 7)) == 7)
        #expect(WallTime.now > WallTime(seconds: 1_700_000_000))
    }

    @Test func steadyClockShowsTheSystemsTime() {
        let clock = WallTime.steadyClock()
        let before = WallTime.now
        let shown = clock()
        // Both cut off parts of a second, each at another moment.
        #expect(shown.adding(seconds: 1) >= before)
        #expect(shown <= WallTime.now.adding(seconds: 1))
    }
}
