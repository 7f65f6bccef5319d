import Reactor
import SIPEndpoint
import Testing

@testable import Registrar

@Suite struct PingScheduleTests {
    private func fill(_ fixture: RegistrarFixture, _ count: Int) throws {
        for i in 0..<count {
            try fixture.send(
                Register("<sip:a@10.0.0.1>").with(\.to, "<sip:user\(i)@example.com>"),
                on: try fixture.flow("192.0.2.1:\(10_000 + i)"))
        }
    }

    @Test func sendsEmptyLinesThroughTheFlow() throws {
        let fixture = RegistrarFixture()
        let flow = try fixture.flow("192.0.2.1:40000")
        try fixture.send(Register("<sip:a@10.0.0.1>"), on: flow)
        var pings = PingSchedule(table: fixture.table, configuration: RegistrarConfiguration())
        fixture.driver.sent.removeAll()
        #expect(pings.tick(in: fixture.layer) == 0)
        fixture.driver.now += .seconds(25)
        #expect(pings.tick(in: fixture.layer) == 1)
        #expect(fixture.driver.sent.map(\.bytes) == [Array("\r\n\r\n".utf8)])
        #expect(fixture.driver.sent.map(\.remote) == [flow.remote])
        #expect(pings.sent == 1)
    }

    @Test func passesOverWhatNeedsNone() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register("<sip:a@192.0.2.1>"))
        try fixture.send(
            Register("<sip:b@10.0.0.1>", callID: "tcp").with(\.via, "SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1"),
            on: try fixture.stream("192.0.2.1:40000", 3))
        try fixture.send(
            Register("<sip:c@10.0.0.1>;expires=60", callID: "ended"), on: try fixture.flow("192.0.2.1:41000"))
        try fixture.send(Register("<mailto:d@10.0.0.1>", callID: "mail"), on: try fixture.flow("192.0.2.1:42000"))
        fixture.clock.advance(60)
        var pings = PingSchedule(table: fixture.table, configuration: RegistrarConfiguration())
        let start = ContinuousClock.now
        _ = pings.tick(now: start) { _ in }
        #expect(pings.tick(now: start + .seconds(25)) { _ in } == 0)
    }

    /// Over a whole interval each flow gets one, and about as many in each tenth of it.
    @Test(arguments: [1, 3])
    func spreadsThemEvenly(_ parts: Int) throws {
        let fixture = RegistrarFixture()
        try fill(fixture, 2_000)
        let start = ContinuousClock.now
        var schedules = (0..<parts).map {
            PingSchedule(table: fixture.table, part: $0, of: parts, configuration: RegistrarConfiguration())
        }
        var counts = [Int](repeating: 0, count: 10)
        var ports: [UInt16: Int] = [:]
        for index in schedules.indices { _ = schedules[index].tick(now: start) { _ in } }
        for tick in 1...250 {
            for index in schedules.indices {
                counts[(tick - 1) / 25] += schedules[index].tick(now: start + .milliseconds(100) * tick) {
                    ports[$0.remote.port, default: 0] += 1
                }
            }
        }
        #expect(counts.reduce(0, +) >= 1_998)
        #expect(ports.values.allSatisfy { $0 == 1 })
        // 200 are expected in each tenth; five standard deviations of a random spread are 67.
        #expect(counts.allSatisfy { (133...267).contains($0) }, "\(counts)")
    }

    @Test func boundsATickAndCatchesUp() throws {
        let fixture = RegistrarFixture()
        try fill(fixture, 500)
        var configuration = RegistrarConfiguration()
        configuration.pingsPerTick = 100
        var pings = PingSchedule(table: fixture.table, configuration: configuration)
        let start = ContinuousClock.now
        _ = pings.tick(now: start) { _ in }
        var ports: Set<UInt16> = []
        // A pause of many intervals makes one round due and no more.
        #expect(pings.tick(now: start + .seconds(1_000)) { ports.insert($0.remote.port) } == 100)
        var total = 100
        for tick in 1...4 {
            total += pings.tick(now: start + .seconds(1_000) + .nanoseconds(tick)) { ports.insert($0.remote.port) }
        }
        #expect(total == 500)
        #expect(ports.count == 500)
    }

    @Test func keepsItsPlaceWhileTheTableGrows() throws {
        let fixture = RegistrarFixture()
        try fill(fixture, 300)
        var pings = PingSchedule(table: fixture.table, configuration: RegistrarConfiguration())
        let start = ContinuousClock.now
        _ = pings.tick(now: start) { _ in }
        var ports: [UInt16: Int] = [:]
        _ = pings.tick(now: start + .milliseconds(12_500)) { ports[$0.remote.port, default: 0] += 1 }
        for i in 0..<3_000 {
            try fixture.send(
                Register("<sip:a@192.0.2.1>", callID: "other\(i)").with(\.to, "<sip:other\(i)@example.com>"))
        }
        _ = pings.tick(now: start + .seconds(25)) { ports[$0.remote.port, default: 0] += 1 }
        #expect(ports.count >= 295)
        #expect(ports.values.allSatisfy { $0 <= 2 })
    }
}
