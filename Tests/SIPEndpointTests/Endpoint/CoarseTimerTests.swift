import Testing

@testable import SIPEndpoint

@Suite struct CoarseTimerTests {
    /// What is repeated after T1 (500 ms, RFC 3261 §17.1.1.1) is exact to the millisecond; lifetimes of 32 s are 0.1 % longer at most.
    @Test func onlyLongTimersAreCoarse() {
        #expect(EndpointLane.grain(for: .milliseconds(500)) == 1)
        #expect(EndpointLane.grain(for: .milliseconds(999)) == 1)
        #expect(EndpointLane.grain(for: .seconds(1)) == 20)
        #expect(EndpointLane.grain(for: .seconds(32)) == 20)
    }
}
