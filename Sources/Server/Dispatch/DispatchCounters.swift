/// What the dispatcher of a lane has refused since start, by reason.
struct DispatchCounters: Sendable, Hashable {
    var relayDenied: UInt64 = 0
    var strangersRefused: UInt64 = 0
    var identityMismatch: UInt64 = 0
    var unknownUser: UInt64 = 0
    var noBinding: UInt64 = 0
    var unmatchedAck: UInt64 = 0

    /// All counters with their names.
    var all: [(name: String, value: UInt64)] {
        [
            ("relayDenied", relayDenied), ("strangersRefused", strangersRefused),
            ("identityMismatch", identityMismatch),
            ("unknownUser", unknownUser), ("noBinding", noBinding), ("unmatchedAck", unmatchedAck),
        ]
    }
}
