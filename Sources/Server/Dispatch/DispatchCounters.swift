/// What the dispatcher of a lane has refused since start, by reason.
struct DispatchCounters: Sendable, Hashable {
    var relayDenied: UInt64 = 0
    var strangersRefused: UInt64 = 0
    var identityMismatch: UInt64 = 0
    var unknownUser: UInt64 = 0
    var noBinding: UInt64 = 0
    /// Requests without the certificate that the domain wants.
    var uncertified: UInt64 = 0
    /// Attempts to authenticate beyond what a user may, and a source.
    var userAttempts: UInt64 = 0
    var sourceAttempts: UInt64 = 0
    /// Requests beyond what a user may send, and calls.
    var userRequests: UInt64 = 0
    var userCalls: UInt64 = 0
    /// Requests beyond what strangers at a source may send.
    var strangerRequests: UInt64 = 0
    /// ACKs that are to no response of ours, such as one that came after its transaction had ended. They are ignored.
    var strayAcks: UInt64 = 0

    /// What was refused, by name.
    var refused: [(name: String, value: UInt64)] {
        [
            ("relayDenied", relayDenied), ("strangersRefused", strangersRefused),
            ("identityMismatch", identityMismatch),
            ("unknownUser", unknownUser), ("noBinding", noBinding),
            ("uncertified", uncertified), ("userAttempts", userAttempts), ("sourceAttempts", sourceAttempts),
            ("userRequests", userRequests), ("userCalls", userCalls),
            ("strangerRequests", strangerRequests),
        ]
    }
}
