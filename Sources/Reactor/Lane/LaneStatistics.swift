import Synchronization

/// What a lane has counted since it started. A snapshot: the members are read one after the other.
public struct LaneStatistics: Hashable, Sendable {
    /// Turns of the loop.
    public var turns: UInt64 = 0
    /// Turns that another lane's thread has run while this lane slept; they are among `turns`.
    public var turnsLent: UInt64 = 0
    /// Nanoseconds in which the lane was at work, not waiting; over the time passed this is its load.
    public var busyNanoseconds: UInt64 = 0
    /// Datagrams received.
    public var datagramsReceived: UInt64 = 0
    /// System calls that received at least one datagram.
    public var receiveBatches: UInt64 = 0
    /// Datagrams that were longer than the limit and were dropped.
    public var datagramsTruncated: UInt64 = 0
    /// Datagrams that the kernel dropped because a socket's receive buffer was full, as far as later ones have told.
    public var kernelDrops: UInt64 = 0
    /// Datagrams handed to the kernel.
    public var datagramsSent: UInt64 = 0
    /// System calls that sent at least one datagram.
    public var sendBatches: UInt64 = 0
    /// Datagrams that the kernel refused to send.
    public var sendFailures: UInt64 = 0
    /// Reports by ICMP that a datagram did not arrive, as when nobody listens there any more.
    public var unreachable: UInt64 = 0
    /// Datagrams dropped because the kernel took none and the backlog of the socket was full.
    public var sendDrops: UInt64 = 0
    /// Messages taken from the queue.
    public var messages: UInt64 = 0
    /// Sheddable messages refused because only the reserve was left.
    public var messagesShed: UInt64 = 0
    /// Reserved messages refused because the queue was full.
    public var messagesRefused: UInt64 = 0
    /// Most messages that the queue has held.
    public var queueHighWater: UInt64 = 0
    /// Timers fired.
    public var timersFired: UInt64 = 0
    /// Periodic ticks served.
    public var ticks: UInt64 = 0
    /// Periodic ticks left out because the lane came too late for them.
    public var ticksMissed: UInt64 = 0
    /// Jobs run.
    public var jobs: UInt64 = 0

    /// Nothing counted.
    public init() {}

    /// The sum of two lanes; the high-water mark is the higher one.
    public static func + (left: LaneStatistics, right: LaneStatistics) -> LaneStatistics {
        var sum = left
        sum.turns &+= right.turns
        sum.turnsLent &+= right.turnsLent
        sum.busyNanoseconds &+= right.busyNanoseconds
        sum.datagramsReceived &+= right.datagramsReceived
        sum.receiveBatches &+= right.receiveBatches
        sum.datagramsTruncated &+= right.datagramsTruncated
        sum.kernelDrops &+= right.kernelDrops
        sum.datagramsSent &+= right.datagramsSent
        sum.sendBatches &+= right.sendBatches
        sum.sendFailures &+= right.sendFailures
        sum.unreachable &+= right.unreachable
        sum.sendDrops &+= right.sendDrops
        sum.messages &+= right.messages
        sum.messagesShed &+= right.messagesShed
        sum.messagesRefused &+= right.messagesRefused
        sum.queueHighWater = max(left.queueHighWater, right.queueHighWater)
        sum.timersFired &+= right.timersFired
        sum.ticks &+= right.ticks
        sum.ticksMissed &+= right.ticksMissed
        sum.jobs &+= right.jobs
        return sum
    }
}

/// A number that one thread writes and all may read: adding costs a load and a store, no locked instruction.
struct Counter: ~Copyable {
    private let value = Atomic<UInt64>(0)

    /// Only on the thread that owns the counter.
    func add(_ amount: Int) {
        value.store(value.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
    }

    /// Only on the thread that owns the counter.
    func raise(to amount: Int) {
        if amount > 0 && UInt64(amount) > current { value.store(UInt64(amount), ordering: .relaxed) }
    }

    /// From any thread, also beside the owner.
    func addShared(_ amount: Int) {
        value.add(UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
    }

    /// From any thread.
    var current: UInt64 { value.load(ordering: .relaxed) }
}

/// The counters of a lane; all but the two of the queue's refusals are written by its thread alone.
///
/// They stand in memory of the lane's own and are reached by pointer, which counts no references.
struct LaneCounters: ~Copyable {
    let turns = Counter()
    let turnsLent = Counter()
    let busyNanoseconds = Counter()
    let datagramsReceived = Counter()
    let receiveBatches = Counter()
    let datagramsTruncated = Counter()
    let kernelDrops = Counter()
    let datagramsSent = Counter()
    let sendBatches = Counter()
    let sendFailures = Counter()
    let unreachable = Counter()
    let sendDrops = Counter()
    let messages = Counter()
    let queueHighWater = Counter()
    let timersFired = Counter()
    let ticks = Counter()
    let ticksMissed = Counter()
    let jobs = Counter()

    /// Keeps what producers write off the lane's cache lines.
    private let gap = InlineArray<8, UInt64>(repeating: 0)
    let messagesShed = Counter()
    let messagesRefused = Counter()

    var snapshot: LaneStatistics {
        var values = LaneStatistics()
        values.turns = turns.current
        values.turnsLent = turnsLent.current
        values.busyNanoseconds = busyNanoseconds.current
        values.datagramsReceived = datagramsReceived.current
        values.receiveBatches = receiveBatches.current
        values.datagramsTruncated = datagramsTruncated.current
        values.kernelDrops = kernelDrops.current
        values.datagramsSent = datagramsSent.current
        values.sendBatches = sendBatches.current
        values.sendFailures = sendFailures.current
        values.unreachable = unreachable.current
        values.sendDrops = sendDrops.current
        values.messages = messages.current
        values.messagesShed = messagesShed.current
        values.messagesRefused = messagesRefused.current
        values.queueHighWater = queueHighWater.current
        values.timersFired = timersFired.current
        values.ticks = ticks.current
        values.ticksMissed = ticksMissed.current
        values.jobs = jobs.current
        return values
    }
}
