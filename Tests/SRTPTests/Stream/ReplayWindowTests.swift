import Testing

@testable import SRTP

@Suite struct ReplayWindowTests {
    @Test func itIsAtLeastAsLargeAsTheStandardWants() {
        #expect(SRTPLimits.replayWindow >= 64)
        #expect(SRTPLimits.replayWindow == 128)
    }

    @Test func edges() {
        var window = ReplayWindow()
        #expect(window.isEmpty)
        #expect(window.standing(of: 0) == .new)
        window.record(1000)
        #expect(window.standing(of: 1000) == .replayed)
        #expect(window.standing(of: 1001) == .new)
        #expect(window.standing(of: 1000 - 127) == .new)
        #expect(window.standing(of: 1000 - 128) == .tooOld)
        window.record(1000 - 127)
        #expect(window.standing(of: 1000 - 127) == .replayed)
        window.record(1001)
        #expect(window.standing(of: 1000 - 127) == .tooOld)
        #expect(window.standing(of: 1000) == .replayed)
        window.record(1001 + 127)
        #expect(window.standing(of: 1001) == .replayed)
        #expect(window.standing(of: 1000) == .tooOld)
        window.record(1001 + 127 + 128)
        #expect(window.standing(of: 1001 + 128) == .new)
        #expect(window.standing(of: 1001 + 127) == .tooOld)
        #expect(window.highest == 1001 + 255)
    }

    /// Against a set of all that has been recorded.
    @Test func agreesWithAListOfAll() {
        var generator = SeededGenerator(3)
        var window = ReplayWindow()
        var seen: Set<UInt64> = []
        var highest: UInt64 = 500
        for _ in 0..<20_000 {
            let index =
                highest &+ UInt64.random(in: 0...40, using: &generator) &- UInt64.random(in: 0...160, using: &generator)
            let expected: ReplayWindow.Standing =
                seen.contains(index) ? .replayed : .new
            let standing = window.standing(of: index)
            if seen.isEmpty || index + 128 > seen.max()! {  // it is not empty
                #expect(standing == expected)
            } else {
                #expect(standing == .tooOld)
            }
            if standing == .new {
                window.record(index)
                seen.insert(index)
                highest = max(highest, index)
                seen = seen.filter { $0 + 200 > highest }
            }
        }
        #expect(window.highest == highest)
    }
}
