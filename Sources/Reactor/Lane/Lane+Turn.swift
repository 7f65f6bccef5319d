import CLinux
import Glibc
import Synchronization

extension Lane {
    /// Makes an object known that wants to be called at the end of each turn; on the lane. The lane keeps it until it stops.
    public func add(observer: any LaneObserver) {
        preconditionCurrent()
        observers.append(observer)
    }

    /// Sends what was gathered in this turn without waiting for its end; on the lane.
    public func flush() {
        assertCurrent()
        sendArena.pointee.flush()
    }

    /// Tells the handler of a socket in the next turn that a datagram has failed: handlers may send, and failures show while sending.
    func note(_ failure: DatagramFailure, _ socket: DatagramSocket) {
        if failures.count < Self.longestFailureList { failures.append((failure, socket)) }
    }

    /// Most failures that wait to be told; more are only counted.
    private static var longestFailureList: Int { 1_024 }

    /// The life of the lane's thread.
    func loop() {
        linux_set_thread_name(name)
        // On Linux this is of the calling thread alone. A refusal is no reason to refuse service.
        if configuration.niceness != 0 {
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Int32(clamping: configuration.niceness))
        }
        turnLock.lock()
        defer { turnLock.unlock() }
        ownThread = UInt(pthread_self())
        owner.store(ownThread, ordering: .relaxed)
        isLendable = true
        nanoseconds = clock.nanoseconds()
        var end = nanoseconds
        while !stopRequested.load(ordering: .acquiring) {
            if isHosted.load(ordering: .acquiring) {
                restAsGuest()
                end = clock.nanoseconds()
                continue
            }
            let count = waitForEvents(at: end)
            nanoseconds = clock.nanoseconds()
            turn(count)
            end = clock.nanoseconds()
            counters.pointee.busyNanoseconds.add(Int(end &- nanoseconds))
            settleLoad(end &- nanoseconds, at: end)
        }
        finish()
    }

    /// Sleeps until there is something to do; returns the number of events.
    private func waitForEvents(at time: Int64) -> Int {
        let deadline = guests.isEmpty ? nextDeadline : min(nextDeadline, guestDeadline)
        var sleeps = deadline > time
        if sleeps {
            waker.willSleep()
            sleeps = !hasWork && !stopRequested.load(ordering: .relaxed)
        }
        let count: Int32
        if sleeps {
            alarm.set(deadline, now: time)
            // While the thread waits the lane may be run by another.
            sleepsUntil = deadline
            turnLock.unlock()
            count = takeEvents(waiting: true)
            turnLock.lock()
        } else {
            count = takeEvents(waiting: false)
        }
        waker.isAwake()
        // An interrupted wait is a turn without events; anything else means that the set or the memory is not ours.
        precondition(count >= 0 || count == -EINTR, "epoll failed with error \(-count)")
        return max(Int(count), 0)
    }

    /// Takes events of the lane's descriptors, and waits for the first one or not. Returns their number, or the negative error
    /// number.
    func takeEvents(waiting: Bool) -> Int32 {
        let limit = Int32(clamping: max(configuration.eventsPerTurn, 1))
        let count = epoll_wait(epoll.number, events, limit, waiting ? -1 : 0)
        return count < 0 ? -errno : count
    }

    /// When a timer or tick is due, on the lane's clock: `.min` when work waits already, `.max` when there is none.
    var nextDeadline: Int64 {
        guard jobs.isEmpty && failures.isEmpty else { return .min }
        var deadline = pace.nextDeadline
        if let tick = wheel.nextTick {
            deadline = min(deadline, Int64(clamping: tick.multipliedClamping(by: Self.nanosecondsPerTick)))
        }
        return deadline
    }

    func turn(_ eventCount: Int) {
        counters.pointee.turns.add(1)
        if pace.nextDeadline <= nanoseconds { serveTicks() }
        for index in 0..<eventCount { serve(events[index]) }
        if !failures.isEmpty { serveFailures() }
        serveQueue(atMost: configuration.messagesPerTurn)
        serveTimers()
        serveJobs(atMost: configuration.jobsPerTurn)
        for observer in observers { observer.turnEnded(on: self) }
        flush()
        if !handOvers.isEmpty { settleHandOvers() }
        if !guests.isEmpty { serveGuests() }
    }

    private func serveTicks() {
        while let (tick, handler) = pace.next(at: nanoseconds, clock) {
            counters.pointee.ticks.add(1)
            counters.pointee.ticksMissed.add(Int(clamping: tick.missed))
            handler.tick(tick, on: self)
        }
        flush()
    }

    private func serve(_ event: epoll_event) {
        guard event.data.u64 < LaneAlarm.word, let watched = watches.handler(for: event.data.u64) else { return }
        watched.ready(DescriptorEvents(epoll: event.events), on: self)
    }

    private func serveFailures() {
        var told: [(DatagramFailure, DatagramSocket)] = []
        swap(&told, &failures)
        for (failure, socket) in told { socket.report(failure) }
    }

    private func serveQueue(atMost limit: Int) {
        guard queue.hasNext else { return }
        counters.pointee.queueHighWater.raise(to: queue.count)
        var served = 0
        while served < limit, let parcel = queue.take() {
            served += 1
            parcel.message.deliver(on: self)
        }
        counters.pointee.messages.add(served)
    }

    private func serveTimers() {
        var fired = 0
        let tick = UInt64(nanoseconds) / Self.nanosecondsPerTick
        while let timer = wheel.next(until: tick) {
            fired += 1
            timerClients[Int(timer.client)]?.timerFired(timer, on: self)
        }
        if fired > 0 { counters.pointee.timersFired.add(fired) }
    }

    /// Ends the lane: what was handed over is served and sent, everything that lives on the lane is let go.
    private func finish() {
        leaveHosting()
        isLendable = false
        for observer in observers { observer.laneWillStop(self) }
        queueIsClosed.store(true, ordering: .relaxed)
        while true {
            serveQueue(atMost: .max)
            serveJobs(atMost: .max)
            flush()
            settleHandOvers()
            if queue.hasNext || !jobs.isEmpty { continue }
            letGo()
            if let waiters = retire() { return waiters.forEach { $0.resume() } }
        }
    }

    /// Lets go of everything that lives on the lane, which has no turns any more.
    func letGo() {
        for watched in watches.handlers { watched.laneStopped() }
        for client in timerClients { client?.laneStopped() }
        observers.removeAll()
        // Their places stay: some take themselves away when they hear of the end.
        for index in timerClients.indices { timerClients[index] = nil }
        failures.removeAll()
        pace = TickTable()
    }
}
