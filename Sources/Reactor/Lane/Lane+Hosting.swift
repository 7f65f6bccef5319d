import Glibc
import Synchronization

// One thread for several lanes.
//
// Two threads that have half as much to do each cost more than one that has all: each is woken as often, for half as many
// datagrams, and wakes the other for what it has to hand over. So lanes that share a thread (`share(threadOf:)`) are
// guests of one of them, their host, as long as one thread can do the work of both: the host watches the epoll set of a
// guest as a descriptor in its own and runs its turns within its own, while the guest's thread rests. When the host's
// thread has too much to do it releases a guest to its own thread, and when both have little again the guest moves in.
//
// The guest remains a lane: what lives on it is touched under its turn lock by one thread at a time, and never by two.
extension Lane {
    /// A lane that lives with another one.
    final class Guest: Watched {
        let lane: Lane
        var watch: WatchID?
        /// Whether its epoll set has something.
        var hasEvents = true
        /// When a timer of it is due, on the host's clock.
        var deadline = Int64.max
        /// Whether the host is within a turn of it.
        var isOpen = false

        init(_ lane: Lane) { self.lane = lane }

        func ready(_ events: DescriptorEvents, on lane: Lane) { hasEvents = true }
        func laneStopped() {}
    }

    /// What came of a turn that a host wanted to begin.
    private enum HostedTurn {
        case begun
        /// The guest's own thread is still at work.
        case late
        /// The guest has come to its end, or is none any more.
        case gone
    }

    /// Has this lane live with `host` while one thread can do the work of both. From any thread, once.
    public func share(threadOf host: Lane) {
        precondition(host !== self, "a lane is no guest of its own")
        execute { lane in
            lane.host = host
            host.execute { $0.admit(lane) }
        }
    }

    /// Has `body` told of the number of guests whenever it changes; on the lane.
    public func whenGuestsChange(_ body: @escaping (_ count: Int) -> Void) {
        preconditionCurrent()
        guestsChanged = body
        body(guests.count)
    }

    /// Whether the lane's turns are run by its host, as far as is known now.
    public var isGuest: Bool { isHosted.load(ordering: .relaxed) }

    // MARK: The host

    private func admit(_ lane: Lane) {
        guard isLendable, !lane.isHosted.load(ordering: .relaxed) else { return }
        let guest = Guest(lane)
        guard let watch = try? watches.add(lane.epoll.number, .readable, guest) else { return }
        guest.watch = watch
        guests.append(guest)
        lane.isHosted.store(true, ordering: .releasing)
        guestsChanged?(guests.count)
        lane.waker.wake()
    }

    /// A lane has little to do: it moves in when there is room for its work.
    private func consider(_ lane: Lane, share: Double) {
        if load.share(at: nanoseconds) + share < configuration.sharingLimit { admit(lane) }
    }

    /// Gives a guest back to its own thread.
    private func release(_ guest: Guest) {
        if let watch = guest.watch { watches.remove(watch) }
        guests.removeAll { $0 === guest }
        guest.lane.isHosted.store(false, ordering: .releasing)
        guest.lane.callThread()
        guestsChanged?(guests.count)
    }

    /// Whether a lane is a guest of this one.
    func hosts(_ lane: Lane) -> Bool { guests.contains { $0.lane === lane } }

    /// When a timer of a guest is due, on this lane's clock.
    var guestDeadline: Int64 { guests.reduce(.max) { min($0, $1.deadline) } }

    /// Begins a turn of `other`, which ends with this lane's turn, when it is a guest; on the lane. False when it is none,
    /// or its own thread is at work: it is handed messages then. False too while messages wait in its queue, that nothing overtakes
    /// what was handed over before.
    ///
    /// Within the turn the caller may do on `other` what may be done there.
    public func beginsTurn(of other: Lane) -> Bool {
        assertCurrent()
        guard let guest = guests.first(where: { $0.lane === other }) else { return false }
        return begin(guest) && !other.queue.hasNext
    }

    private func begin(_ guest: Guest) -> Bool {
        if guest.isOpen { return true }
        switch guest.lane.beginHostedTurn() {
        case .begun:
            guest.isOpen = true
        case .late:
            // Its events show again when that one rests.
            guest.hasEvents = false
        case .gone:
            release(guest)
        }
        return guest.isOpen
    }

    /// Runs the turns of guests that have something to do.
    func serveGuests() {
        for guest in guests {
            guard
                guest.isOpen || guest.hasEvents || guest.lane.hasWork || guest.deadline <= nanoseconds, begin(guest)
            else { continue }
            guest.isOpen = false
            let deadline = guest.lane.endHostedTurn(hasEvents: guest.hasEvents)
            guest.hasEvents = false
            guest.deadline = clock.time(deadline, of: guest.lane.clock)
        }
    }

    /// Accounts for a turn of this thread: its own lane's and its guests'.
    func settleLoad(_ busy: Int64, at now: Int64) {
        guard let share = load.add(busy, at: now) else { return }
        if !guests.isEmpty {
            let isCrowded = load.lasts(share, above: configuration.hostingLimit, windows: configuration.hostingPatience)
            if isCrowded, let guest = guests.last { release(guest) }
        } else if let host, share < configuration.sharingLimit {
            host.execute { $0.consider(self, share: share) }
        }
    }

    // MARK: The guest

    /// Whether something waits that is no event of a descriptor.
    var hasWork: Bool { queue.hasNext || hasArrivals.load(ordering: .relaxed) }

    /// Begins a turn of this lane on the thread of its host.
    private func beginHostedTurn() -> HostedTurn {
        guard turnLock.tryLock() else { return .late }
        // The end of a lane is its own thread's to come to.
        guard isLendable, isHosted.load(ordering: .relaxed), !stopRequested.load(ordering: .relaxed) else {
            turnLock.unlock()
            return .gone
        }
        waker.isAwake()
        owner.store(UInt(pthread_self()), ordering: .relaxed)
        nanoseconds = clock.nanoseconds()
        return .begun
    }

    /// Serves what there is and ends the turn; returns when a timer is due, on this lane's clock.
    private func endHostedTurn(hasEvents: Bool) -> Int64 {
        turn(hasEvents ? max(Int(takeEvents(waiting: false)), 0) : 0)
        counters.pointee.turnsLent.add(1)
        counters.pointee.busyNanoseconds.add(Int(clock.nanoseconds() &- nanoseconds))
        let deadline = fallAsleep()
        owner.store(ownThread, ordering: .relaxed)
        turnLock.unlock()
        return deadline
    }

    /// From now on whoever has something for the lane wakes it; returns when a timer is due, `.min` when something waits.
    private func fallAsleep() -> Int64 {
        sleepsUntil = nextDeadline
        waker.willSleep()
        return hasWork ? .min : sleepsUntil
    }

    /// Has this lane's own thread look at what is to be done, wherever it waits: it may not have come to rest yet.
    func callThread() {
        parking.call()
        waker.wakeThread()
    }

    /// Lets this lane's thread rest while the host runs its turns.
    func restAsGuest() {
        _ = fallAsleep()
        // The host finds out when the next timer is due.
        waker.wake()
        turnLock.unlock()
        while isHosted.load(ordering: .acquiring), !stopRequested.load(ordering: .acquiring) { parking.rest() }
        turnLock.lock()
        waker.isAwake()
    }

    /// The lane comes to its end: it has no guests, and is none.
    func leaveHosting() {
        for guest in guests { release(guest) }
        guestsChanged = nil
        guard let host else { return }
        self.host = nil
        host.execute { host in
            if let guest = host.guests.first(where: { $0.lane === self }) { host.release(guest) }
        }
    }
}
