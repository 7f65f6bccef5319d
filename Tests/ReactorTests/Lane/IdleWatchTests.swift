import Testing

@testable import Reactor

@Suite struct IdleWatchTests {
    @Test("Rest behind work is told once, when it has lasted")
    func told() {
        var watch = IdleWatch(patience: 3)
        let intervals: [(works: Bool, told: Bool)] = [
            // Nothing was done yet.
            (false, false), (false, false), (false, false), (false, false),
            (true, false), (false, false), (false, false), (true, false),
            (false, false), (false, false), (false, true), (false, false), (false, false), (false, false),
            (true, false), (false, false), (false, false), (false, true),
        ]
        for (place, interval) in intervals.enumerated() {
            let isTold = watch.interval(works: interval.works)
            #expect(isTold == interval.told, "\(place)")
        }
    }
}
