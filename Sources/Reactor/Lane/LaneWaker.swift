import CLinux
import Glibc
import Synchronization

/// Wakes a lane that sleeps in epoll, and costs next to nothing while it is awake.
///
/// Producer: publish, fence, look whether the lane sleeps. Lane: say that it sleeps, fence, look whether something was
/// published. One of the two sees the other (Dekker), so no message waits for the next event.
struct LaneWaker: ~Copyable {
    private let descriptor: Descriptor
    private let isSleeping = Atomic<Bool>(false)

    /// Makes the eventfd and adds it to the epoll set. Edge-triggered: each write is an event, and nobody reads.
    init(epoll: Int32) throws(SocketError) {
        let descriptor = try Descriptor(
            opened: eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)), by: "make an eventfd")
        try descriptor.signal(epoll, Self.word)
        self.descriptor = descriptor
    }

    /// The word of the eventfd's events, which no entry of a watch table has.
    static let word = UInt64.max

    /// From any thread, after something was published for the lane.
    func wake() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard isSleeping.load(ordering: .relaxed), isSleeping.exchange(false, ordering: .relaxed) else { return }
        // Fails only when the counter is full, and then the lane has been woken.
        _ = eventfd_write(descriptor.number, 1)
    }

    /// From any thread: wakes the lane's own thread, also when another one runs the lane and it counts as awake.
    func wakeThread() {
        _ = eventfd_write(descriptor.number, 1)
    }

    /// On the lane, before it looks for the last time whether something was published.
    func willSleep() {
        isSleeping.store(true, ordering: .relaxed)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// On the lane, when it is awake again.
    func isAwake() {
        isSleeping.store(false, ordering: .relaxed)
    }
}

extension Descriptor {
    /// Has each write or expiry of an eventfd or timerfd come as one event of an epoll set, which nobody needs to read.
    borrowing func signal(_ epoll: Int32, _ word: UInt64) throws(SocketError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.u64 = word
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) == 0 else { throw SocketError.last("watch a signal") }
    }
}
