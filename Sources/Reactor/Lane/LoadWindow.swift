/// Which share of its time a thread has worked, window by window. Times are nanoseconds.
struct LoadWindow {
    let length: Int64
    private var began: Int64
    private var busy: Int64 = 0
    private var last = 0.0
    private var above = 0

    init(length: Int64, began: Int64 = 0) {
        self.length = max(length, 1)
        self.began = began
    }

    /// Adds the time of a turn that ended at `now`; returns the share when a window is over.
    mutating func add(_ time: Int64, at now: Int64) -> Double? {
        busy &+= time
        let elapsed = now &- began
        guard elapsed >= length else { return nil }
        last = Double(busy) / Double(elapsed)
        began = now
        busy = 0
        return last
    }

    /// Whether the shares of so many windows in a row, of which `share` is the latest, were above a limit: one alone may be a burst,
    /// or the time that another program took.
    mutating func lasts(_ share: Double, above limit: Double, windows: Int) -> Bool {
        above = share > limit ? above + 1 : 0
        guard above >= windows else { return false }
        above = 0
        return true
    }

    /// The share of the last window, or of the one that goes on when it is longer than it should be: nothing was to do.
    func share(at now: Int64) -> Double {
        let elapsed = now &- began
        return elapsed > length ? Double(busy) / Double(elapsed) : last
    }
}
