extension Lane {
    /// Makes an object known as a client of timers; on the lane. The lane keeps it until `remove`.
    public func add(timerClient: any TimerClient) -> TimerClientID {
        preconditionCurrent()
        if let free = freeTimerClients.popLast() {
            timerClients[Int(free)] = timerClient
            return TimerClientID(index: free)
        }
        timerClients.append(timerClient)
        return TimerClientID(index: UInt32(timerClients.count - 1))
    }

    /// Forgets a client of timers; on the lane. It must have no timers waiting: they would go to its successor.
    public func remove(timerClient id: TimerClientID) {
        preconditionCurrent()
        timerClients[Int(id.index)] = nil
        freeTimerClients.append(id.index)
    }

    /// Schedules a timer at `delay` from the start of this turn; on the lane. It fires at the first whole millisecond that is not
    /// before its time, at the earliest in the next turn.
    ///
    /// Timers that may be late by up to `grain` milliseconds fire at multiples of it, so that a lane with very many of them is
    /// woken for many at once.
    @discardableResult
    public func schedule(
        after delay: Duration, grain: UInt64 = 1, _ client: TimerClientID, token: UInt64
    ) -> TimerHandle {
        schedule(
            atNanoseconds: nanoseconds.addingReportingOverflow(delay.nanosecondsRoundedUp), grain: grain, client, token)
    }

    /// Schedules a timer for an instant; on the lane.
    @discardableResult
    public func schedule(at instant: ContinuousClock.Instant, _ client: TimerClientID, token: UInt64) -> TimerHandle {
        schedule(atNanoseconds: (clock.nanoseconds(at: instant), false), grain: 1, client, token)
    }

    private func schedule(
        atNanoseconds deadline: (partialValue: Int64, overflow: Bool), grain: UInt64, _ client: TimerClientID,
        _ token: UInt64
    ) -> TimerHandle {
        assertCurrent()
        let positive = deadline.overflow ? Int64.max : max(deadline.partialValue, 0)
        var tick = (UInt64(positive) &+ (Self.nanosecondsPerTick - 1)) / Self.nanosecondsPerTick
        if grain > 1 { tick = (tick &+ (grain - 1)) / grain &* grain }
        return wheel.schedule(at: tick, client: client.index, token: token)
    }

    /// Cancels a timer; on the lane. False when it has fired or was cancelled before.
    @discardableResult
    public func cancel(_ timer: TimerHandle) -> Bool {
        assertCurrent()
        return wheel.cancel(timer)
    }

    /// Number of timers that wait; on the lane.
    public var timerCount: Int {
        assertCurrent()
        return wheel.count
    }

    /// Length of a tick of the wheel: 1 ms. SIP's shortest timer is 500 ms (RFC 3261 §17.1.1.1), so this adds 0.2 % at most.
    static let nanosecondsPerTick: UInt64 = 1_000_000

    /// Starts a periodic tick, such as 20 ms for voice; on the lane. The first is due `phase` from now; deadlines are exact
    /// multiples of the period from there and do not drift.
    public func startTick(every period: Duration, phase: Duration = .zero, _ handler: any TickHandler) -> LaneTickID {
        preconditionCurrent()
        let length = period.nanosecondsRoundedUp
        precondition(length > 0, "a period must be positive")
        return pace.add(every: length, from: nanoseconds &+ phase.nanosecondsRoundedUp, handler)
    }

    /// Ends a periodic tick; on the lane.
    public func stopTick(_ id: LaneTickID) {
        preconditionCurrent()
        pace.remove(id)
    }
}

extension UInt64 {
    /// The product, or the largest number when it does not fit.
    func multipliedClamping(by factor: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
