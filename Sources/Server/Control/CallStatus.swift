import Reactor
import Relay

/// A call whose media is relayed, and what has gone through its streams.
public struct CallStatus: Codable, Sendable, Hashable {
    /// An end of a stream.
    public struct Leg: Codable, Sendable, Hashable {
        /// Where its last media came from; nil when none has come.
        public var address: String?
        /// What was counted of it: packets `received`, their payload in bytes as `octets`, packets `sent` to it, and those of its side that
        /// were dropped: `refused` (of strangers), `malformed`, `undirected` (the other end had no address) and `unproven` (without the keys).
        public var counters: [String: UInt64]
    }

    /// A stream.
    public struct Stream: Codable, Sendable, Hashable {
        /// Its place in the descriptions, from 0.
        public var index: Int
        public var caller: Leg
        public var callee: Leg
    }

    /// The most octets of a Call-ID that are told.
    static let callIDLimit = 256

    /// Its Call-ID.
    public var callID: String
    /// How long its media is relayed, in seconds.
    public var seconds: Int64
    /// Its streams.
    public var streams: [Stream]

    init(_ call: RelayedCall) {
        callID = String(decoding: call.callID.prefix(Self.callIDLimit), as: UTF8.self)
        seconds = call.duration.components.seconds
        streams = call.streams.map { Stream(index: $0.index, caller: Leg($0.caller), callee: Leg($0.callee)) }
    }
}

extension CallStatus.Leg {
    init(_ leg: RelayedCall.Leg) {
        address = leg.address.map(\.description)
        counters = Dictionary(uniqueKeysWithValues: leg.counters.all.map { ($0.name, $0.value) })
    }
}

extension RelayCounters {
    /// The counters by the names that they have in listings.
    var all: [(name: String, value: UInt64)] {
        [
            ("received", received), ("octets", receivedOctets), ("sent", sent), ("refused", refused),
            ("malformed", malformed), ("undirected", undirected), ("unproven", unproven), ("checks", checks),
            ("lapsed", lapsed),
        ]
    }
}

extension RelayTraffic {
    /// The counters of all calls by the names that they have in statistics, as in `callerReceived`.
    var all: [(name: String, value: UInt64)] {
        [("caller", caller), ("callee", callee)].flatMap { side, counters in
            counters.all.map { ("\(side)\($0.name.prefix(1).uppercased())\($0.name.dropFirst())", $0.value) }
        }
    }
}

extension SIPServer {
    /// The most calls that a listing tells.
    static let listedCalls = 1_000

    /// The calls whose media is relayed, those that ring included; the oldest first.
    public func relayedCalls() async -> [CallStatus] {
        await relay.relayedCalls(limit: Self.listedCalls).map(CallStatus.init)
    }
}
