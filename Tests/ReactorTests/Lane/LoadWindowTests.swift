import Testing

@testable import Reactor

@Suite struct LoadWindowTests {
    @Test func theShareIsKnownWhenTheWindowIsOver() {
        var window = LoadWindow(length: 1_000)
        #expect(window.add(100, at: 200) == nil)
        #expect(window.add(100, at: 900) == nil)
        #expect(window.add(200, at: 1_000) == 0.4)
        #expect(window.share(at: 1_500) == 0.4)
        #expect(window.add(500, at: 3_000) == 0.25)
    }

    /// A thread with nothing to do ends no turn, and so no window.
    @Test func aThreadThatSleepsIsNotBusy() {
        var window = LoadWindow(length: 1_000)
        #expect(window.add(900, at: 1_000) == 0.9)
        #expect(window.share(at: 2_000) == 0.9)
        #expect(window.share(at: 2_001) == 0)
    }

    /// What lasts counts, not what comes now and then; and once it was told, it begins anew.
    @Test func oneBusyWindowIsNoLoad() {
        var window = LoadWindow(length: 1_000)
        let shares = [0.9, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
        #expect(
            shares.map { window.lasts($0, above: 0.85, windows: 3) } == [
                false, false, false, false, false, true, false, false, true,
            ])
    }
}
