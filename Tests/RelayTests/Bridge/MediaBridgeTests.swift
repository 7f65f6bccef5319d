import Reactor
import Testing

@testable import Relay

/// How long a bridge bears silence, by the clock that it is told.
@Suite(.timeLimit(.minutes(1))) struct MediaBridgeTests {
    /// What the bridge has said.
    private final class Words: @unchecked Sendable {
        // Proof of Sendable: it is touched on the lane only.
        var silences = 0
    }

    @Test func patienceBeginsAnewWhereAnEndIsExpectedAnew() async throws {
        let lane = try Lane(name: "relay-test")
        let home = RelayLane(lane)
        let words = Words()
        let relay = MediaRelay(lanes: [lane], RelayConfiguration())
        let bridge = MediaBridge(
            on: home, callID: [], report: { _ in }, patience: .seconds(10), heldPatience: .seconds(100),
            onSilence: { _ in words.silences += 1 },
            onLoss: { _ in }, onFailure: { _ in }, onInsecurity: { _ in })
        let caller = try relay.bind(.rtp, near: .loopback(), isVideo: false)
        let callee = try relay.bind(.rtp, near: .loopback(), isVideo: false)
        bridge.open(0, .rtp, caller: caller, callee: callee, isSecured: false)
        /// Whether it speaks of silence so many seconds from now.
        func speaks(_ seconds: Int64) async -> Bool {
            await lane.run { lane in
                let before = words.silences
                bridge.sweep(at: lane.turnTime + seconds * 1_000_000_000)
                return words.silences > before
            }
        }
        #expect(await !speaks(9))
        #expect(await speaks(11))
        // Once, until it is to go on.
        #expect(await !speaks(12))
        bridge.resume()
        #expect(await !speaks(9))
        bridge.hold(0, true)
        #expect(await !speaks(99))
        bridge.hold(0, false)
        #expect(await !speaks(9))
        #expect(await speaks(11))
        bridge.resume()
        bridge.hold(0, true)
        #expect(await speaks(101))
        lane.stop()
        await lane.stopped()
    }
}
