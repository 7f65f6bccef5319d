import CLinux

/// Ends a lane's wait for events when its next timer is due: a timerfd in its epoll set.
///
/// A wait with a time-out of its own has the kernel set a timer each time and take it back when a message comes first, and setting
/// one is dear on a virtual machine. This one is set only when something is due before what it is set to. When that is not
/// due any more the lane is woken for nothing, once.
struct LaneAlarm: ~Copyable {
    private let descriptor: Descriptor
    /// When the alarm goes off or has gone off; `.max` when it was never set.
    private var time = Int64.max

    /// Makes the timerfd and adds it to the epoll set. Edge-triggered: each expiry is an event, and nobody reads.
    init(epoll: Int32) throws(SocketError) {
        let descriptor = try Descriptor(opened: linux_make_timer(), by: "make a timerfd")
        try descriptor.signal(epoll, Self.word)
        self.descriptor = descriptor
    }

    /// The word of the timerfd's events, which no entry of a watch table has: below that of the waker, above all others.
    static let word = LaneWaker.word - 1

    /// Has the lane woken at `deadline` or before, which is later than `now`; nanoseconds of the lane's clock.
    mutating func set(_ deadline: Int64, now: Int64) {
        guard deadline < time || time <= now, deadline != .max else { return }
        time = deadline
        let result = linux_set_timer(descriptor.number, deadline &- now)
        precondition(result == 0, "a timerfd takes every span that is positive")
    }
}
