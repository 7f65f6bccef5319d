public import SIPEndpoint

// How long a group of targets rings while others wait (RFC 3261 §16.6). Few calls have such a timer, so that
// contexts are found by a dictionary.
extension Proxy {
    /// Names a running timer of a response context.
    struct RingTimer {
        let number: UInt64
        let handle: UInt64
    }

    /// Marks the timer tokens of a proxy, so that a handler with other timers can tell them apart.
    public static let timerMark: UInt64 = 1 << 57

    /// Starts the timer of a context; it is kept alive until the timer fires or is stopped.
    func startRingTimer(_ context: ResponseContext, _ layer: TransactionLayer) -> RingTimer {
        lastRingTimer &+= 1
        ringing[lastRingTimer] = context
        let token = Self.timerMark | lastRingTimer & (Self.wakingMark - 1)
        return RingTimer(number: lastRingTimer, handle: layer.schedule(token, after: configuration.ringTime))
    }

    func stop(_ timer: RingTimer, _ layer: TransactionLayer) {
        guard ringing.removeValue(forKey: timer.number) != nil else { return }
        layer.cancel(timer: timer.handle)
    }

    /// A timer has fired whose token has ``timerMark``.
    public func timerFired(_ token: UInt64, in layer: TransactionLayer) {
        if token & Self.wakingMark != 0 { return parkingIsOver(token & (Self.wakingMark - 1), layer) }
        ringing.removeValue(forKey: token & (Self.timerMark - 1))?.ringTimeIsOver(layer)
    }
}
