public import Reactor

/// What has gone through the relay in one dialog of a call.
public struct RelayedCall: Sendable, Hashable {
    /// How it came to its end.
    public enum Ending: String, Sendable, Hashable {
        /// An end has hung up.
        case hungUp = "hung up"
        /// Neither was heard for too long.
        case silence
        /// There were no keys.
        case insecurity
    }

    /// What one end of a stream has sent and was sent.
    public struct Leg: Sendable, Hashable {
        /// What was counted.
        public var counters = RelayCounters()
        /// Where its last media came from; nil when none has come.
        public var address: TransportAddress?
    }

    /// A stream, both of whose ends face the relay.
    public struct Stream: Sendable, Hashable {
        /// Its place in the descriptions, from 0.
        public var index: Int
        public var caller = Leg()
        public var callee = Leg()

        /// Takes in what is counted of the same stream besides, on other ports or before.
        mutating func add(_ other: Stream) {
            caller.counters = caller.counters + other.caller.counters
            callee.counters = callee.counters + other.callee.counters
            caller.address = other.caller.address ?? caller.address
            callee.address = other.callee.address ?? callee.address
        }
    }

    /// Its Call-ID.
    public var callID: [UInt8]
    /// How long its media was relayed, from the offer on.
    public var duration: Duration
    /// How it has ended; nil while it goes on.
    public var ending: Ending?
    /// Its streams, those that have ended included, by their place.
    public var streams: [Stream]
}

/// What has gone through a relay in all calls, by the side whose ends it concerns.
public struct RelayTraffic: Sendable, Hashable {
    public var caller = RelayCounters()
    public var callee = RelayCounters()

    mutating func add(_ stream: RelayedCall.Stream) {
        caller = caller + stream.caller.counters
        callee = callee + stream.callee.counters
    }

    /// The sum of two.
    static func + (one: RelayTraffic, other: RelayTraffic) -> RelayTraffic {
        RelayTraffic(caller: one.caller + other.caller, callee: one.callee + other.callee)
    }
}
