import Glibc
import Synchronization

// Handing work to a lane that may be asleep.
//
// Waking a thread costs more than most messages take to serve. So a lane that has handed over only a little in its turn, and finds
// the other lane asleep, runs a turn of that lane itself: on its own thread, but with everything of the other lane, which cannot
// wake up meanwhile. What is much, or meets a lane that is awake, goes the usual way. Each message is served by the lane it is
// for, one after the other, whichever thread does it.
extension Lane {
    /// Lanes that were handed messages in this turn.
    struct HandOver {
        let lane: Lane
        var count: Int
    }

    /// Hands a message to another lane, which is told at the end of this lane's turn; on the lane. False when the other lane's
    /// queue has no room for the class or it has stopped; counted there.
    @discardableResult
    public func hand(
        _ message: sending any LaneMessage, _ messageClass: LaneMessageClass, to other: Lane
    ) -> Bool {
        assertCurrent()
        guard other.offer(message, messageClass) else { return false }
        for index in handOvers.indices where handOvers[index].lane === other {
            handOvers[index].count += 1
            return true
        }
        handOvers.append(HandOver(lane: other, count: 1))
        return true
    }

    /// Tells the lanes that were handed messages, at the end of a turn: serves them here, or wakes them.
    func settleHandOvers() {
        // A turn that is run here for another lane ends by this too, and has a list of its own.
        while let next = handOvers.popLast() {
            // A guest has its turn next.
            if hosts(next.lane) { continue }
            next.lane.serve(next.count, lendingLimit: configuration.lendingLimit)
        }
    }

    /// Has messages served that were put into the lane's queue: here when they are few and the lane sleeps, or else it is woken.
    func serve(_ count: Int, lendingLimit: Int) {
        if count <= lendingLimit, turnByAnother() { return }
        waker.wake()
    }

    /// Runs a turn of this lane on the calling thread, which is another's; false when this lane is not asleep.
    private func turnByAnother() -> Bool {
        guard turnLock.tryLock() else { return false }
        defer { turnLock.unlock() }
        // A lane that has not begun or has come to its end is run by nobody else.
        guard isLendable else { return false }
        let thread = owner.exchange(UInt(pthread_self()), ordering: .relaxed)
        nanoseconds = clock.nanoseconds()
        turn(0)
        counters.pointee.turnsLent.add(1)
        counters.pointee.busyNanoseconds.add(Int(clock.nanoseconds() &- nanoseconds))
        owner.store(thread, ordering: .relaxed)
        // The lane sleeps until a deadline that it has found before; what came closer, or is left, it has to know.
        if queue.hasNext || nextDeadline < sleepsUntil { waker.wake() }
        return true
    }
}
