/// The callee's side of reliable provisional responses to one INVITE (RFC 3262 §3): each is sent again until its PRACK comes, the
/// next one goes when the one before was acknowledged.
///
/// ```
///            send                      PRACK, none left
///   +------+      +------------------+                 +------+
///   | idle |----->|  unacknowledged  |---------------->| idle |
///   +------+      +------------------+                 +------+
///                   |    ^  T1, 2·T1, 4·T1 …: again
///                   |    +--- PRACK, others wait: the next
///                   | 64·T1
///                   v
///                 give up: reject the INVITE by 5xx
/// ```
///
/// The machine gives numbers (RSeq) and says when which response goes; the responses themselves are the caller's.
public struct ReliableResponses: Hashable, Sendable {
    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send the response of that number for the first time, with `Require: 100rel` and `RSeq`.
        case send(UInt32)
        /// Send the last response once more, as it was.
        case resend
        /// Start the timer anew; when it fires, call ``ReliableResponses/fire()``.
        case set(Duration)
        /// Stop the timer.
        case stop
        /// No PRACK came in 64·T1: reject the INVITE by a 5xx.
        case giveUp
    }

    /// What a PRACK acknowledges.
    public enum Receipt: Hashable, Sendable {
        /// The response of that number: answer the PRACK by 2xx.
        case acknowledged(UInt32)
        /// Nothing that was sent and waits: answer the PRACK by 481.
        case unknown
    }

    private struct Response: Hashable {
        var number: UInt32
        var hasDescription: Bool
    }

    /// The response that was sent and waits for its PRACK.
    private var pending: Response?
    /// Responses that wait for the one before them.
    private var queue: [Response] = []
    /// Responses that the final one overtook; their PRACKs may still come.
    private var overtaken: [UInt32] = []
    private var next: UInt32
    private let sequence: UInt32
    private let timers: TransactionTimers
    private var interval = Duration.zero
    private var elapsed = Duration.zero
    private var isFinished = false

    /// The highest first number, 2**31 - 1.
    public static let highestFirstNumber = UInt32(Int32.max)

    /// A machine for one INVITE.
    ///
    /// - Parameters:
    ///   - random: from which the first number is made, uniformly from 1 to ``highestFirstNumber``.
    ///   - sequence: the number in the CSeq of the INVITE.
    ///   - timers: T1.
    public init(random: UInt64, sequence: UInt32, timers: TransactionTimers) {
        next = UInt32(random % UInt64(Self.highestFirstNumber)) + 1
        self.sequence = sequence
        self.timers = timers
    }

    /// Whether any response was sent reliably.
    public private(set) var isInUse = false

    /// Whether a 2xx may be sent now: no response with a session description waits to be acknowledged.
    public var allowsSuccess: Bool { pending?.hasDescription != true && !queue.contains { $0.hasDescription } }

    /// A response is to be sent reliably. It has the number that is returned, and goes when ``Action/send(_:)`` names it.
    public mutating func send(hasDescription: Bool) -> (number: UInt32, actions: [Action]) {
        isInUse = true
        let response = Response(number: next, hasDescription: hasDescription)
        next &+= 1
        guard pending == nil else {
            queue.append(response)
            return (response.number, [])
        }
        return (response.number, transmit(response))
    }

    /// A PRACK came in the dialog.
    public mutating func receive(_ rAck: RAckIndex) -> (receipt: Receipt, actions: [Action]) {
        guard rAck.method == .invite, rAck.sequenceNumber == sequence else { return (.unknown, []) }
        if let place = overtaken.firstIndex(of: rAck.responseNumber) {
            overtaken.remove(at: place)
            return (.acknowledged(rAck.responseNumber), [])
        }
        guard let response = pending, response.number == rAck.responseNumber else { return (.unknown, []) }
        pending = nil
        guard !queue.isEmpty else { return (.acknowledged(response.number), [.stop]) }
        return (.acknowledged(response.number), transmit(queue.removeFirst()))
    }

    /// The timer fired.
    public mutating func fire() -> [Action] {
        guard pending != nil, !isFinished else { return [] }
        elapsed += interval
        guard elapsed < timers.timerH else {
            pending = nil
            queue = []
            return [.giveUp]
        }
        // Unlike those of a 2xx the intervals grow beyond T2.
        interval = min(interval * 2, timers.timerH - elapsed)
        return [.resend, .set(interval)]
    }

    /// A final response is sent: nothing is repeated or begun any more, but PRACKs that are on their way are answered.
    public mutating func finish() -> [Action] {
        guard !isFinished else { return [] }
        isFinished = true
        queue = []
        guard let response = pending else { return [] }
        pending = nil
        overtaken.append(response.number)
        return [.stop]
    }

    private mutating func transmit(_ response: Response) -> [Action] {
        pending = response
        elapsed = .zero
        interval = timers.doubling(0)
        return [.send(response.number), .set(interval)]
    }
}
