import Testing

@testable import Reactor

@Suite struct TickTableTests {
    private final class Handler: TickHandler {
        let name: Int
        init(_ name: Int) { self.name = name }
        func tick(_ tick: LaneTick, on lane: Lane) {}
    }

    private let clock = LaneClock()

    /// All ticks served at a time: name of the handler, deadline, number, missed.
    private func serve(_ table: inout TickTable, at time: Int64) -> [[Int]] {
        var served: [[Int]] = []
        while let (tick, handler) = table.next(at: time, clock) {
            let deadline = Int((tick.deadline - clock.instant(0)).attoseconds / 1_000_000_000)
            served.append([(handler as? Handler)?.name ?? -1, deadline, Int(tick.number), Int(tick.missed)])
        }
        return served
    }

    @Test func deadlinesAreMultiplesOfThePeriodHoweverLateTheLaneIs() {
        var table = TickTable()
        #expect(table.nextDeadline == .max)
        _ = table.add(every: 20, from: 100, Handler(1))
        #expect(serve(&table, at: 99) == [])
        #expect(serve(&table, at: 103) == [[1, 100, 0, 0]])
        #expect(table.nextDeadline == 120)
        #expect(serve(&table, at: 139) == [[1, 120, 1, 0]])
        #expect(serve(&table, at: 140) == [[1, 140, 2, 0]])
    }

    @Test func wholePeriodsOfLatenessAreLeftOutAndTold() {
        var table = TickTable()
        _ = table.add(every: 20, from: 0, Handler(1))
        #expect(serve(&table, at: 65) == [[1, 60, 3, 3]])
        #expect(serve(&table, at: 80) == [[1, 80, 4, 0]])
    }

    @Test func severalTicksAreServedByTheirDeadlines() {
        var table = TickTable()
        let first = table.add(every: 30, from: 10, Handler(1))
        _ = table.add(every: 20, from: 5, Handler(2))
        #expect(serve(&table, at: 12) == [[2, 5, 0, 0], [1, 10, 0, 0]])
        #expect(serve(&table, at: 40) == [[2, 25, 1, 0], [1, 40, 1, 0]])
        table.remove(first)
        table.remove(first)
        #expect(serve(&table, at: 70) == [[2, 65, 3, 1]])
    }
}
