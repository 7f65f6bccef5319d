/// Keeps the flow of a registration alive from the user agent's side, and finds out when it has failed (RFC 5626 §4.4).
///
/// ```
///            start           time for the next           no answer in time, or a refusal
///   +------+      +---------+ ---------------> +----------+        +--------+
///   | idle |----->| resting |                  | awaiting |------->| failed |
///   +------+      +---------+ <--------------- +----------+        +--------+
///                              answer
/// ```
///
/// Where nobody has said that keep-alives are answered none is waited for (§4.4).
public struct FlowKeepAlive: Sendable {
    /// What is sent.
    public enum Style: UInt8, Hashable, Sendable {
        /// A double CRLF by a connection, which a single one answers (§4.4.1).
        case lineEnds
        /// A STUN Binding Request by datagrams (§4.4.2).
        case binding
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable, CaseIterable {
        /// The next keep-alive is due.
        case next
        /// The answer is overdue, or the Binding Request is to be sent again.
        case answer
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send a keep-alive with a new STUN transaction.
        case send
        /// Send the last keep-alive once more, as it was.
        case resend
        /// A keep-alive was answered: the flow works.
        case proven
        /// The flow has failed; nothing follows.
        case failed
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
    }

    /// The longest time between keep-alives by a connection when the server names none: 120 s (§4.4.1).
    public static let connectionInterval = Duration.seconds(120)
    /// The longest time between keep-alives by datagrams when the server names none that is shorter: 29 s (§4.4.2).
    public static let datagramInterval = Duration.seconds(29)
    /// The part of an interval that the shortest one has: 80 % (§4.4, §4.4.1).
    public static let shortestPart = 0.8
    /// The shortest interval that a server may name by Flow-Timer: 2 s. What is shorter counts as that.
    public static let leastInterval = Duration.seconds(2)
    /// The longest interval that a server may name: 30 min. What is longer counts as that.
    public static let mostInterval = Duration.seconds(1_800)
    /// How long an answer by a connection may take: 10 s (§4.4.1).
    public static let answerTime = Duration.seconds(10)
    /// The time before a Binding Request is sent again: 500 ms, doubled each time (RFC 8489 §6.2.1 `RTO`).
    public static let repetition = Duration.milliseconds(500)
    /// How often a Binding Request is sent: 7 times (RFC 8489 §6.2.1 `Rc`).
    public static let transmissions = 7
    /// What is waited behind the last one, in times of ``repetition``: 16 (RFC 8489 §6.2.1 `Rm`).
    public static let lastWait = 16

    private enum State: Hashable, Sendable {
        case idle, resting
        /// With the number of transmissions so far.
        case awaiting(Int)
    }

    private var state = State.idle
    private let style: Style
    private var interval: Duration
    private var expectsAnswer = false
    private var numbers: SplitMix64

    /// Keep-alives that have not begun.
    ///
    /// - Parameter seed: for the random part of intervals, so that many user agents do not come at the same time.
    public init(_ style: Style, seed: UInt64) {
        self.style = style
        numbers = SplitMix64(seed: seed)
        interval = style == .lineEnds ? Self.connectionInterval : Self.datagramInterval
    }

    /// Whether keep-alives are sent.
    public var isRunning: Bool { state != .idle }

    /// The flow was registered, or its registration refreshed.
    ///
    /// - Parameters:
    ///   - flowTimer: what the server has said in Flow-Timer; nil when it has not.
    ///   - expectsAnswer: whether the server has said that it answers: by `outbound` in Require.
    public mutating func start(flowTimer: Duration?, expectsAnswer: Bool) -> [Action] {
        let named = flowTimer.map { max(Self.leastInterval, min($0, Self.mostInterval)) }
        // A NAT forgets datagrams sooner than many servers a flow.
        interval =
            style == .lineEnds
            ? named ?? Self.connectionInterval : min(named ?? Self.datagramInterval, Self.datagramInterval)
        self.expectsAnswer = self.expectsAnswer || expectsAnswer
        // STUN is only for those who are known to speak it.
        guard style == .lineEnds || self.expectsAnswer else { return stop() }
        return rest()
    }

    /// A timer fired.
    public mutating func fire(_ timer: Timer) -> [Action] {
        switch (timer, state) {
        case (.next, .resting):
            guard expectsAnswer else { return [.send] + rest() }
            state = .awaiting(1)
            return [.send, .set(.answer, style == .lineEnds ? Self.answerTime : Self.repetition)]
        case (.answer, .awaiting(let sent)) where style == .binding && sent < Self.transmissions:
            state = .awaiting(sent + 1)
            let isLast = sent + 1 == Self.transmissions
            return [.resend, .set(.answer, Self.repetition * (isLast ? Self.lastWait : 1 << sent))]
        case (.answer, .awaiting): return fail()
        default: return []
        }
    }

    /// An answer came. One that comes unasked proves that the server knows how.
    public mutating func answered() -> [Action] {
        guard state != .idle else { return [] }
        expectsAnswer = true
        guard case .awaiting = state else { return [.proven] }
        return [.proven] + rest()
    }

    /// The server does not answer but refuse, or sees another address of this side than before (§4.4.2).
    public mutating func refused() -> [Action] { state == .idle ? [] : fail() }

    /// The flow is gone, or wanted no more.
    public mutating func stop() -> [Action] {
        state = .idle
        return [.stop(.next), .stop(.answer)]
    }

    private mutating func fail() -> [Action] { stop() + [.failed] }

    private mutating func rest() -> [Action] {
        state = .resting
        let part = Self.shortestPart + (1 - Self.shortestPart) * numbers.fraction()
        return [.stop(.answer), .set(.next, interval * part)]
    }
}
