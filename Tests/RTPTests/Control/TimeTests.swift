import RTP
import Testing

@Suite struct NTPTimestampTests {
    @Test func knowsTheExampleOfRFC3550() {
        // Figure 2: 10 Nov 1995 11:33:25.125 UTC is 3,024,992,005.125 s after 1900.
        let time = NTPTimestamp(unixSeconds: 816_003_205, nanoseconds: 125_000_000)
        #expect(time == NTPTimestamp(seconds: 0xB44D_B705, fraction: 0x2000_0000))
        #expect(time.middle == 0xB705_2000)
    }

    @Test func advancesBothWays() {
        let time = NTPTimestamp(seconds: 100, fraction: 0x8000_0000)
        #expect(time.advanced(by: .milliseconds(750)) == NTPTimestamp(seconds: 101, fraction: 0x4000_0000))
        #expect(time.advanced(by: .milliseconds(-750)) == NTPTimestamp(seconds: 99, fraction: 0xC000_0000))
        #expect(time.advanced(by: .seconds(0x1_0000_0000)) == time)
    }

    @Test func wrapsWithTheEraOf2036() {
        // 2036-02-07 06:28:16 UTC begins the next era.
        #expect(NTPTimestamp(unixSeconds: 2_085_978_496, nanoseconds: 0).bits == 0)
    }

    @Test func aReferenceFollowsTheMonotonicClock() {
        let reference = WallclockReference(instant: origin, wallclock: NTPTimestamp(seconds: 10, fraction: 0))
        #expect(reference.time(at: origin + .milliseconds(1500)) == NTPTimestamp(seconds: 11, fraction: 0x8000_0000))
        #expect(reference.time(at: origin - .seconds(1)) == NTPTimestamp(seconds: 9, fraction: 0))
    }
}

@Suite struct RoundTripTests {
    /// RFC 3550 figure 2: A = b710:8000, LSR = b705:2000, DLSR = 0005:4000 give 6.125 s.
    @Test func computesTheExampleOfRFC3550() {
        let time = RoundTrip.time(
            arrival: NTPTimestamp(seconds: 0xB44D_B710, fraction: 0x8000_0000), lastSenderReport: 0xB705_2000,
            delay: 0x5_4000)
        #expect(time == .milliseconds(6125))
    }

    @Test(
        arguments: [
            (0x0001_0000, 0, 0, nil),  // no report yet
            (0x0001_0000, 0x0001_0001, 0, 0),  // 15 µs below zero: rounding
            (0x0001_0000, 0x0001_1999, 0, 0),  // 0.1 s below zero, just
            (0x0001_0000, 0x0002_0000, 0, nil),  // a second below zero
            (0x0000_8000, 0xFFFF_8000, 0x8000, 500),  // over the wrap of 16 bits of seconds
            (0x003C_0000 + 1, 1, 0, 60000), (0x003C_0000 + 2, 1, 0, nil),  // the limit of a minute
        ] as [(UInt32, UInt32, UInt32, Int?)])
    func holdsWithinReason(_ arrival: UInt32, _ report: UInt32, _ delay: UInt32, _ milliseconds: Int?) {
        let time = NTPTimestamp(bits: UInt64(arrival) << 16)
        #expect(
            RoundTrip.time(arrival: time, lastSenderReport: report, delay: delay)
                == milliseconds.map { .milliseconds($0) })
    }

    @Test(arguments: [
        (Duration.zero, UInt32(0)), (.milliseconds(5250), 0x5_4000), (.seconds(-1), 0), (.seconds(65536), .max),
        (.seconds(65535), 0xFFFF_0000),
    ])
    func delayIsIn65536ths(_ span: Duration, _ units: UInt32) {
        #expect(RoundTrip.units(span) == units)
    }
}

@Suite struct RTPClockTests {
    @Test(arguments: [
        (UInt32(8000), Duration.milliseconds(20), Int64(160)), (8000, .microseconds(125), 1),
        (8000, .microseconds(124), 0), (48000, .milliseconds(20), 960), (11025, .seconds(1), 11025),
        (8000, .milliseconds(-20), -160), (8000, .seconds(86400 * 365), 8000 * 86400 * 365),
        (.max, .nanoseconds(999_999_999), 4_294_967_290),
    ])
    func countsUnits(_ rate: UInt32, _ span: Duration, _ units: Int64) {
        #expect(RTPClock(rate: rate).units(in: span) == units)
    }

    @Test func neverOverflows() {
        #expect(RTPClock(rate: .max).units(in: .seconds(Int64.max)) == 1 << 62)
        #expect(RTPClock(rate: .max).units(in: .seconds(Int64.min)) == -(1 << 62))
        #expect(RTPClock(rate: 0).rate == 1)
    }

    @Test func givesDurationsBack() {
        let clock = RTPClock.narrowband
        #expect(clock.duration(of: 160) == .milliseconds(20))
        #expect(clock.duration(of: -160) == .milliseconds(-20))
        #expect(RTPClock(rate: .max).duration(of: Int64(UInt32.max) * 2) == .seconds(2))
    }
}
