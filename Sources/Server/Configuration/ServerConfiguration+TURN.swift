extension ServerConfiguration {
    /// The STUN and TURN server that `ito relay` runs (RFC 8489, RFC 8656).
    public struct TURN: Hashable, Sendable {
        /// Where clients come to.
        public var listeners: [TURNListener] = []

        /// The addresses that data is relayed from; none for those of the listeners.
        public var addresses: [TURNAddress] = []

        /// The ports that data is relayed from.
        public var ports: ClosedRange<UInt16> = 49_152...65_535

        /// The realm of users and passwords; empty for the first domain.
        public var realm = ""

        /// Users with passwords of their own.
        public var users: [TURNUser] = []

        /// Secrets by which others give credentials that hold for a time.
        public var secrets: [String] = []

        /// Threads; 0 is one for each processor.
        public var lanes = 0

        /// The most allocations at once.
        public var allocations = 10_000

        /// The most allocations of one user at once.
        public var allocationsPerUser = 100
        /// The most connections with peers of an allocation for TCP; 0: there are none.
        public var connectionsPerAllocation = 64

        /// The longest time that an allocation is given at once.
        public var longestLifetime: Duration = .seconds(3_600)

        /// How long a nonce is taken.
        public var nonceLifetime: Duration = .seconds(3_600)

        /// Answers in a second to a source that has not proven who it is.
        public var strangerAnswers = 50

        /// Networks that data may be exchanged with though they are private or reserved.
        public var allowedPeers: [Network] = []

        /// Networks that no data may be exchanged with.
        public var deniedPeers: [Network] = []

        /// Where clients come to unless something is named.
        static let ownListeners = ["udp://127.0.0.1:3478", "tcp://127.0.0.1:3478"]
    }
}
