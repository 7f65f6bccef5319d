extension ServerConfiguration {
    /// What is done when there is more to do than can be done, here or at a next hop (RFC 7339, RFC 7415).
    public struct Overload: Hashable, Sendable {
        /// How clients that take part are told to send less.
        public enum Algorithm: String, CaseIterable, Sendable {
            /// So many of a hundred requests are not to be sent.
            case loss
            /// So many requests are to be sent in a second at most, by clients that can count; others are told by `loss`.
            case rate
        }

        /// Whether new requests are refused when a lane is overloaded.
        public var sheds = true

        /// The longest that messages may wait for a lane before it counts as overloaded.
        public var longestWait: Duration = .milliseconds(250)

        /// Whether clients that ask for it are told how much to send.
        public var givesFeedback = true

        /// How they are told.
        public var algorithm: Algorithm = .loss

        /// Whether other servers are offered to say how much is sent to them.
        public var isOffered = true

        /// Whether they may say so by `rate` too.
        public var offersRate = false

        /// Values of Resource-Priority whose requests are refused last.
        public var priorities: [String] = []

        /// Time of the processor that each request is made to take, for trials.
        public var trialCost: Duration = .zero
    }
}
