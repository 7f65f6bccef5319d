/// When a request is sent again and when it is given up (RFC 8489 §6.2.1, §6.2.2).
///
/// ```
///  sent   again              again                        given up
///   |  RTO  |     2 RTO        |   ...    Rc times in all    |
///   +-------+------------------+---...---+---  Rm · RTO  ----+
/// ```
///
/// By a reliable transport it is sent once and given up after Ti.
public struct STUNClientTransaction: Hashable, Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// The numbers of RFC 8489 §6.2.1 and §6.2.2.
    public struct Timing: Hashable, Sendable {
        /// The time before the first repetition, `RTO`: 500 ms.
        public var repetition = Duration.milliseconds(500)
        /// How often it is sent in all, `Rc`: 7 times.
        public var transmissions = 7
        /// What is waited behind the last one, in times of ``repetition``, `Rm`: 16.
        public var lastWait = 16
        /// What is waited by a reliable transport, `Ti`: 39.5 s.
        public var reliableWait = Duration.milliseconds(39_500)

        public init() {}
    }

    /// What to do.
    public enum Action: Hashable, Sendable {
        /// Nothing is due yet.
        case nothing
        /// Send the same octets again.
        case resend
        /// No answer has come in time.
        case timeout
    }

    /// What names it.
    public let id: STUNTransactionID
    /// When ``fire(_:)`` is to be called; nil when it is over.
    public private(set) var deadline: Instant?
    /// How often the request was sent.
    public private(set) var sent = 1
    private let timing: Timing
    private let isReliable: Bool

    /// A request that is sent now.
    public init(_ id: STUNTransactionID, isReliable: Bool = false, timing: Timing = Timing(), now: Instant) {
        self.id = id
        self.timing = timing
        self.isReliable = isReliable
        let first = timing.transmissions > 1 ? timing.repetition : timing.repetition * timing.lastWait
        deadline = now + (isReliable ? timing.reliableWait : first)
    }

    /// Time has passed.
    public mutating func fire(_ now: Instant) -> Action {
        guard let due = deadline, due <= now else { return .nothing }
        guard !isReliable, sent < timing.transmissions else {
            deadline = nil
            return .timeout
        }
        sent += 1
        deadline = now + timing.repetition * (sent == timing.transmissions ? timing.lastWait : 1 << (sent - 1))
        return .resend
    }

    /// An answer has come, or nobody wants one any more.
    public mutating func end() { deadline = nil }
}
