/// What one side of a relayed stream has counted.
public struct RelayCounters: Sendable, Hashable {
    /// Datagrams of the end that were taken, RTP and RTCP alike.
    public var received: UInt64 = 0
    /// Their payload, in bytes.
    public var receivedOctets: UInt64 = 0
    /// Datagrams passed on to the end.
    public var sent: UInt64 = 0
    /// Datagrams of strangers, which were dropped.
    public var refused: UInt64 = 0
    /// Datagrams that are not what the stream carries, and were dropped.
    public var malformed: UInt64 = 0
    /// Datagrams of the end that were dropped since the other end has no address yet, or wants nothing.
    public var undirected: UInt64 = 0
    /// Packets that came to the port of a secured end and are not protected by its keys, or were seen before, and packets that came before
    /// there were keys; and connectivity checks that are not the end's.
    public var unproven: UInt64 = 0
    /// Connectivity checks of the end.
    public var checks: UInt64 = 0
    /// Times that the end was not sent anything any more, since it had not checked the way for long.
    public var lapsed: UInt64 = 0

    public init() {}

    /// The sum of two.
    public static func + (one: RelayCounters, other: RelayCounters) -> RelayCounters {
        var sum = one
        sum.received &+= other.received
        sum.receivedOctets &+= other.receivedOctets
        sum.sent &+= other.sent
        sum.refused &+= other.refused
        sum.malformed &+= other.malformed
        sum.undirected &+= other.undirected
        sum.unproven &+= other.unproven
        sum.checks &+= other.checks
        sum.lapsed &+= other.lapsed
        return sum
    }
}
