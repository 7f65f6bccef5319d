/// The periodic ticks of a lane: few, exact to the nanosecond, and independent of the wheel.
struct TickTable {
    private struct Entry {
        let id: LaneTickID
        let period: Int64
        var deadline: Int64
        var number: UInt64
        let handler: any TickHandler
    }

    private var entries: [Entry] = []
    private var lastNumber: UInt64 = 0

    /// Time of the next tick, in nanoseconds of the lane's clock; `Int64.max` when there is none.
    private(set) var nextDeadline = Int64.max

    /// Adds a tick whose first deadline is `start`.
    mutating func add(every period: Int64, from start: Int64, _ handler: any TickHandler) -> LaneTickID {
        lastNumber += 1
        let id = LaneTickID(number: lastNumber)
        entries.append(Entry(id: id, period: period, deadline: start, number: 0, handler: handler))
        findNext()
        return id
    }

    mutating func remove(_ id: LaneTickID) {
        entries.removeAll { $0.id == id }
        findNext()
    }

    /// Takes the tick that is due longest at `time`. A tick that is late by whole periods is served once, for the last of them.
    mutating func next(at time: Int64, _ clock: LaneClock) -> (LaneTick, any TickHandler)? {
        guard nextDeadline <= time, let index = entries.firstIndex(where: { $0.deadline == nextDeadline }) else {
            return nil
        }
        let period = entries[index].period
        let missed = (time &- entries[index].deadline) / period
        let deadline = entries[index].deadline &+ missed &* period
        let number = entries[index].number &+ UInt64(missed)
        entries[index].deadline = deadline &+ period
        entries[index].number = number &+ 1
        findNext()
        return (
            LaneTick(deadline: clock.instant(deadline), number: number, missed: UInt64(missed)), entries[index].handler
        )
    }

    private mutating func findNext() {
        nextDeadline = entries.reduce(Int64.max) { min($0, $1.deadline) }
    }
}
