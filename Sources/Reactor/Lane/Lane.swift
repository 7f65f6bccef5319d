import CLinux
import Glibc
import Synchronization

/// One thread with one epoll loop, and everything that lives on it: sockets, timers, the queue from other lanes, jobs of
/// actors and tasks.
///
/// A turn serves, in this order: periodic ticks, sockets, queue, timers, jobs, observers; then it sends what was gathered, with one
/// system call per socket, and sleeps until the next event. Each part has a share of the turn (`Configuration`), so that none
/// starves the others. Nothing that runs on a lane may block.
///
/// The members marked *on the lane* may be called on its thread only; the others from any thread. Objects that live on a lane are
/// made there: `lane.execute { lane in … }`.
///
/// A lane is an executor: an actor that names it as its `unownedExecutor`, and a task that prefers it, run on its thread.
public final class Lane: @unchecked Sendable {
    // Proof of Sendable: the constants are Sendable or internally synchronised; every other member is touched only by the thread
    // that `owner` names. That is the lane's thread from its start to its end, but while it waits in epoll whichever thread has
    // `turnLock`; and thereafter, one at a time and ordered by `lifecycle`, the threads that run jobs which came too late. `@exclusivity(unchecked)` spares the run-time checks of accesses
    // which only that thread makes and which do not nest: no member is handed to foreign code while it is being changed.

    /// Name of the lane and its thread.
    public let name: String

    /// Number of the lane in its group.
    public let index: Int

    /// The sizes that the lane was made with.
    public let configuration: Configuration

    let counters: UnsafeMutablePointer<LaneCounters>
    let receiveArena: UnsafeMutablePointer<ReceiveArena>
    let sendArena: UnsafeMutablePointer<SendArena>
    let clock = LaneClock()

    let epoll: Descriptor
    let waker: LaneWaker
    @exclusivity(unchecked) var alarm: LaneAlarm
    let queue: BoundedQueue<LaneParcel>
    let queueIsClosed = Atomic<Bool>(false)
    let stopRequested = Atomic<Bool>(false)
    let hasArrivals = Atomic<Bool>(false)
    let lifecycle = Mutex(LaneLifecycle())
    let owner = Atomic<UInt>(0)
    let turnLock = TurnLock()
    let isHosted = Atomic<Bool>(false)
    let parking = ThreadParking()
    private let thread = Mutex<LaneThread?>(nil)

    @exclusivity(unchecked) var watches: WatchTable
    @exclusivity(unchecked) var wheel: TimerWheel
    @exclusivity(unchecked) var timerClients: [(any TimerClient)?] = []
    @exclusivity(unchecked) var freeTimerClients: [UInt32] = []
    @exclusivity(unchecked) var pace = TickTable()
    @exclusivity(unchecked) var observers: [any LaneObserver] = []
    @exclusivity(unchecked) var jobs = JobList()
    @exclusivity(unchecked) var failures: [(DatagramFailure, DatagramSocket)] = []
    /// Lanes that were handed messages in this turn, and have not been told.
    @exclusivity(unchecked) var handOvers: [HandOver] = []
    /// Whether another lane may run a turn of this one while it sleeps: from the first turn to the last.
    @exclusivity(unchecked) var isLendable = false
    /// The lane that this one is a guest of while both have little to do.
    @exclusivity(unchecked) var host: Lane?
    /// Lanes whose turns this lane's thread runs.
    @exclusivity(unchecked) var guests: [Guest] = []
    /// Is told when lanes become guests, or cease to be.
    @exclusivity(unchecked) var guestsChanged: ((Int) -> Void)?
    /// What `owner` is while the lane's own thread runs it.
    @exclusivity(unchecked) var ownThread: UInt = 0
    /// How busy the lane's thread is.
    @exclusivity(unchecked) var load: LoadWindow
    /// Until when the lane waits in epoll, on its clock; `.max` for an event, however long it takes.
    @exclusivity(unchecked) var sleepsUntil: Int64 = .min
    /// Time at which the turn began, on the lane's clock.
    @exclusivity(unchecked) var nanoseconds: Int64 = 0
    /// What `nanoseconds` was when the time was asked for last, and what that is as an instant.
    @exclusivity(unchecked) private var turnBegan: (nanoseconds: Int64, instant: ContinuousClock.Instant)
    let events: UnsafeMutablePointer<epoll_event>

    /// Makes a lane and starts its thread.
    public init(name: String, index: Int = 0, configuration: Configuration = Configuration()) throws(SocketError) {
        self.name = name
        self.index = index
        self.configuration = configuration
        let epoll = try Descriptor(opened: epoll_create1(Int32(EPOLL_CLOEXEC)), by: "make an epoll set")
        waker = try LaneWaker(epoll: epoll.number)
        alarm = try LaneAlarm(epoll: epoll.number)
        watches = WatchTable(epoll: epoll.number)
        self.epoll = epoll
        queue = BoundedQueue(capacity: max(configuration.queueCapacity, configuration.queueReserve + 1))
        wheel = TimerWheel(capacity: configuration.timerCapacity)
        turnBegan = (0, clock.instant(0))
        load = LoadWindow(length: configuration.loadWindow.nanosecondsRoundedUp)
        counters = .allocate(capacity: 1)
        counters.initialize(to: LaneCounters())
        receiveArena = .allocate(capacity: 1)
        receiveArena.initialize(to: ReceiveArena(slots: configuration.receiveBatch, limit: configuration.datagramLimit))
        sendArena = .allocate(capacity: 1)
        sendArena.initialize(to: SendArena(slots: configuration.sendBatch, size: configuration.sendArena))
        events = .allocate(capacity: max(configuration.eventsPerTurn, 1))
        try thread.withLock { thread throws(SocketError) in thread = try LaneThread.start { self.loop() } }
    }

    deinit {
        events.deallocate()
        sendArena.deinitialize(count: 1).deallocate()
        receiveArena.deinitialize(count: 1).deallocate()
        counters.deinitialize(count: 1).deallocate()
    }

    /// What the lane has counted since it started.
    public var statistics: LaneStatistics { counters.pointee.snapshot }

    // MARK: Being on the lane

    /// Whether the caller runs on the lane: on its thread, or on one that runs a turn of it.
    public var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Traps when the caller does not run on the lane's thread.
    public func preconditionCurrent() {
        precondition(isCurrent, "must be called on lane \(name)")
    }

    /// In debug builds traps when the caller does not run on the lane's thread; free of cost otherwise.
    func assertCurrent() {
        assert(isCurrent, "must be called on lane \(name)")
    }

    /// The time at which the current turn began; on the lane. Timers count from it, and it costs nothing to ask.
    public var now: ContinuousClock.Instant {
        assertCurrent()
        if turnBegan.nanoseconds != nanoseconds { turnBegan = (nanoseconds, clock.instant(nanoseconds)) }
        return turnBegan.instant
    }

    /// The same in nanoseconds since the lane was made; for what is done per packet.
    public var turnTime: Int64 {
        assertCurrent()
        return nanoseconds
    }

    /// How long the lane has been at work since it started, and the time when that was found; on the lane.
    public var worked: (time: ContinuousClock.Instant, busy: Duration) {
        assertCurrent()
        let now = clock.nanoseconds()
        let busy = Int64(clamping: counters.pointee.busyNanoseconds.current) &+ max(0, now &- nanoseconds)
        return (clock.instant(now), .nanoseconds(busy))
    }

    /// Messages that wait in the lane's queue; about, while others are at work.
    public var queuedMessages: Int { queue.count }

    /// Numbers that nobody can guess, by one call of the system; at most 32.
    public static func randomNumbers(_ count: Int) -> [UInt64] {
        let count = min(count, 32)
        return [UInt64](unsafeUninitializedCapacity: count) { memory, initialized in
            linux_random_bytes(memory.baseAddress, count * MemoryLayout<UInt64>.stride)
            initialized = count
        }
    }

    // MARK: Handing over

    /// Hands a message to the lane. False when the queue has no room for its class or the lane has stopped; counted.
    @discardableResult
    public func send(_ message: sending any LaneMessage, _ messageClass: LaneMessageClass) -> Bool {
        guard offer(message, messageClass) else { return false }
        waker.wake()
        return true
    }

    /// Whether the queue has room only for what is not sheddable, if for anything. From any thread; true only for a moment.
    public var isCrowded: Bool { queue.count >= queue.capacity - configuration.queueReserve }

    /// Puts a message into the queue and tells nobody.
    func offer(_ message: sending any LaneMessage, _ messageClass: LaneMessageClass) -> Bool {
        let reserve = messageClass == .sheddable ? configuration.queueReserve : 0
        guard !queueIsClosed.load(ordering: .relaxed), queue.offer(LaneParcel(message), reserve: reserve) else {
            countRefused(1, messageClass)
            return false
        }
        return true
    }

    /// Puts a message into the queue and tells nobody; asks for its class only when there is no room for a sheddable one.
    func offer(_ message: sending any LaneMessage, whenCrowded messageClass: () -> LaneMessageClass) -> Bool {
        let parcel = LaneParcel(message)
        let isClosed = queueIsClosed.load(ordering: .relaxed)
        if !isClosed, queue.offer(parcel, reserve: configuration.queueReserve) { return true }
        let known = messageClass()
        // The queue has refused the parcel, and so did not keep it.
        if !isClosed, known == .reserved, queue.offer(parcel, reserve: 0) { return true }
        countRefused(1, known)
        return false
    }

    /// Hands gathered messages to the lane, as many from the first on as there is room for, and wakes it once. Returns how many
    /// were taken; the others are counted and let go. The batch is empty then, and can be filled again.
    @discardableResult
    public func send(_ batch: inout LaneBatch, _ messageClass: LaneMessageClass) -> Int {
        let count = batch.count
        guard count > 0 else { return 0 }
        let reserve = messageClass == .sheddable ? configuration.queueReserve : 0
        let taken = queueIsClosed.load(ordering: .relaxed) ? 0 : queue.offer(batch.parcels, reserve: reserve)
        batch.parcels.removeAll(keepingCapacity: true)
        if taken < count { countRefused(count - taken, messageClass) }
        if taken > 0 { waker.wake() }
        return taken
    }

    private func countRefused(_ count: Int, _ messageClass: LaneMessageClass) {
        if messageClass == .sheddable {
            counters.pointee.messagesShed.addShared(count)
        } else {
            counters.pointee.messagesRefused.addShared(count)
        }
    }

    /// Runs `work` on the lane, in a turn to come, behind what was given to `execute` before. Never refused or lost, also when the
    /// lane has stopped (then a thread is started for it): for setting up, commands and answers, not per packet.
    public func execute(_ work: @escaping @Sendable (Lane) -> Void) {
        enqueue(.work(work))
    }

    /// Runs `work` on the lane and returns its result.
    public func run<Result: Sendable, Failure: Error>(
        _ work: @escaping @Sendable (Lane) throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let outcome = await withCheckedContinuation { continuation in
            execute { lane in
                let outcome: Swift.Result<Result, Failure>
                do throws(Failure) { outcome = .success(try work(lane)) } catch { outcome = .failure(error) }
                continuation.resume(returning: outcome)
            }
        }
        return try outcome.get()
    }

    // MARK: Descriptors

    /// Watches a descriptor; on the lane. The lane keeps the handler until `unwatch`, and does not own the descriptor.
    public func watch(
        _ descriptor: Int32, for events: DescriptorEvents, _ handler: any DescriptorHandler
    ) throws(SocketError) -> WatchID {
        preconditionCurrent()
        return try watch(descriptor, events, WatchedByHandler(handler))
    }

    func watch(_ descriptor: Int32, _ events: DescriptorEvents, _ watched: any Watched) throws(SocketError) -> WatchID {
        preconditionCurrent()
        return try watches.add(descriptor, events, watched)
    }

    /// Changes what a watched descriptor is watched for; on the lane.
    public func change(_ watch: WatchID, to events: DescriptorEvents) {
        preconditionCurrent()
        watches.modify(watch, events)
    }

    /// Ends watching a descriptor; on the lane, before the descriptor is closed. No event comes thereafter.
    public func unwatch(_ watch: WatchID) {
        preconditionCurrent()
        watches.remove(watch)
    }

    // MARK: End

    /// Asks the lane to stop after the turn that it is in. Messages, jobs and work that were handed over before are still
    /// served, gathered datagrams are sent, and the sockets are closed. Does not wait.
    public func stop() {
        stopRequested.store(true, ordering: .releasing)
        callThread()
    }

    /// Waits until the lane, which was asked to stop, has done so. Blocks: not on a lane, not in a task.
    public func join() {
        precondition(!isCurrent, "a lane cannot wait for itself")
        // The first caller waits for the thread, others for the first.
        thread.withLock { thread in thread.take()?.join() }
    }

    /// Waits until the lane, which was asked to stop, has done so.
    public func stopped() async {
        await withCheckedContinuation { continuation in
            let hasStopped = lifecycle.withLock { lifecycle in
                if !lifecycle.hasStopped { lifecycle.waiters.append(continuation) }
                return lifecycle.hasStopped
            }
            if hasStopped { continuation.resume() }
        }
    }
}
