import Reactor

// What can be asked of a relay while it runs.
extension MediaRelay {
    /// What has gone through it since start.
    public func traffic() async -> RelayTraffic {
        var sum = RelayTraffic()
        for home in lanes { sum = sum + (await home.lane.run { _ in home.traffic }) }
        return sum
    }

    /// Datagrams that came to the ports which ends with a part in ICE share, and were of nobody's call.
    public func strangers() async -> UInt64 {
        var sum: UInt64 = 0
        for home in lanes { sum &+= await home.lane.run { _ in home.strangers } }
        return sum
    }

    /// The calls that go through it now, each branch that rings apart, the oldest first on each lane.
    ///
    /// - Parameter limit: the most that are told.
    public func relayedCalls(limit: Int) async -> [RelayedCall] {
        var all: [RelayedCall] = []
        for home in lanes where all.count < limit {
            let left = limit - all.count
            all += await home.lane.run { lane in home.calls(limit: left, at: lane.turnTime) }
        }
        return all
    }
}
