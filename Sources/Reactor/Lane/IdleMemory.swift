import CLinux
import Synchronization

/// Gives memory back to the system when a time of much work is over.
///
/// The C library keeps what was freed for the next time, in a heap for each thread; after a rush of calls that may be most of what a
/// process has. Lanes that have nothing to do can spare the milliseconds that it takes to look through those heaps.
public final class IdleMemory: Sendable {
    /// How often it is looked whether the lanes are at work.
    public static let interval: Duration = .seconds(5)
    /// Messages in a second above which the lanes are at work.
    public static let workingRate = 100
    /// How many intervals without work must follow one with: in 35 s the transactions of the last request have ended.
    public static let patience = 7

    private let lanes: [Lane]
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Begins to look at lanes.
    public init(lanes: [Lane]) {
        self.lanes = lanes
        let task = Task { [lanes] in
            var watch = IdleWatch(patience: Self.patience)
            var last = Self.messages(lanes)
            let many = UInt64(Self.interval.components.seconds) * UInt64(Self.workingRate)
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let now = Self.messages(lanes)
                let works = now &- last > many
                last = now
                if watch.interval(works: works) { linux_trim_heap() }
            }
        }
        self.task.withLock { $0 = task }
    }

    private static func messages(_ lanes: [Lane]) -> UInt64 {
        lanes.reduce(0) { $0 &+ $1.statistics.datagramsReceived &+ $1.statistics.messages }
    }

    /// Ends it.
    public func stop() { task.withLock { $0.take() }?.cancel() }
}

/// Tells when work has been followed by rest for long enough, once each time.
struct IdleWatch {
    let patience: Int
    /// The intervals without work since there was some; nil when that was told, or there was none yet.
    private var quiet: Int?

    init(patience: Int) { self.patience = patience }

    /// An interval is over; true when it is time.
    mutating func interval(works: Bool) -> Bool {
        guard !works else {
            quiet = 0
            return false
        }
        guard let before = quiet else { return false }
        quiet = before + 1 < patience ? before + 1 : nil
        return quiet == nil
    }
}
