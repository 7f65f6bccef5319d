import Glibc

/// Decides how many of the new requests a server takes, so that those that it takes are served in time (RFC 7339 §5.3). Without
/// a clock of its own.
///
/// ```
///            wait too long, or lost, for a time
///   normal ────────────────────────────────────────> overloaded: takes a share of what is new
///     ^                                                 │  each window: waiting too long ─> less
///     └───────────── all of it is taken again ──────────┘               else             ─> more
/// ```
///
/// A server that works all the time, but keeps nobody waiting, is not overloaded: what counts is how long a message waits. Once it
/// is, the share follows the load in small steps, as what is taken today makes further requests tomorrow.
public struct OverloadController: Sendable {
    /// When a server counts as overloaded.
    public struct Settings: Sendable, Hashable {
        /// How long is measured before each decision.
        public var window: Duration = .milliseconds(100)
        /// The longest that messages may wait before they are served: half of what clients wait before they repeat them (T1).
        public var longestWait: Duration = .milliseconds(250)
        /// The part of its time that the server works once what waits is to be worked off.
        public var targetLoad = 0.9

        /// The defaults.
        public init() {}
    }

    /// What was seen in a time.
    public struct Measurement: Sendable, Hashable {
        /// How long it was.
        public var time: Duration
        /// How long the server worked meanwhile.
        public var worked: Duration
        /// Messages served.
        public var served: Int
        /// Messages that wait at its end.
        public var waiting: Int
        /// Messages that found no room to wait.
        public var dropped: Int

        public init(time: Duration, worked: Duration, served: Int, waiting: Int, dropped: Int) {
            self.time = time
            self.worked = worked
            self.served = served
            self.waiting = waiting
            self.dropped = dropped
        }
    }

    /// The least share of new requests that is taken: who is told of it answers for it once in a hundred times, and hears when
    /// it is over.
    public static let leastShare = 0.01
    /// Windows in a row in which messages wait too long before the server counts as overloaded: fewer may be a burst, or the time that
    /// other programs took.
    public static let patience = 3
    /// The most that the share shrinks by in a window.
    private static let steepest = 0.5
    /// What the share grows by in a window without waiting: when the server works as much as it should, when it works less, and when
    /// it works less than half of that.
    private static let growth = (full: 1.02, spare: 1.1, idle: 1.5)
    /// The part of a wait to which it must have fallen within a window for what waits to count as being worked off.
    private static let relief = 0.95
    /// The windows in a row with waiting after which clients are refused too that are told to send less: they do not, or not yet. When
    /// the server becomes overloaded all are, until what waits has been worked off.
    public static let trust = patience

    /// The share of new requests that is taken, 1 when there is no overload.
    public private(set) var share = 1.0
    private let settings: Settings
    private var lastWait = 0.0
    /// The windows in a row, up to the last, in which messages waited too long.
    public private(set) var congested = 0

    public init(_ settings: Settings = Settings()) { self.settings = settings }

    /// Whether not all new requests are taken.
    public var isOverloaded: Bool { share < 1 }

    /// Takes a measurement of at least one window into account; returns the factor by which less or more should be taken, though the
    /// share may have reached its bounds.
    @discardableResult
    public mutating func measure(_ seen: Measurement) -> Double {
        let time = max(seen.time / .seconds(1), 1e-9)
        let load = min(1, (seen.worked / .seconds(1)) / time)
        let longest = settings.longestWait / .seconds(1)
        let wait = seen.waiting == 0 ? 0 : Double(seen.waiting) * time / Double(max(1, seen.served))
        let isBeingWorkedOff = wait < lastWait * Self.relief
        lastWait = wait
        if wait > longest || seen.dropped > 0 && load >= settings.targetLoad {
            congested += 1
            guard isOverloaded || congested >= Self.patience else { return 1 }
            // Less and less would be taken while a long queue shrinks, and too little when it has.
            guard !isBeingWorkedOff || !isOverloaded else { return 1 }
            let factor = max(Self.steepest, min(settings.targetLoad, wait > longest ? longest / wait : 1))
            share = max(Self.leastShare, share * factor)
            return factor
        }
        congested = 0
        let windows = max(1, time / max(settings.window / .seconds(1), 1e-9))
        let growth =
            load >= settings.targetLoad
            ? Self.growth.full : load >= settings.targetLoad / 2 ? Self.growth.spare : Self.growth.idle
        let factor = pow(growth, windows)
        share = min(1, share * factor)
        return factor
    }

    /// Whether a new request is taken.
    ///
    /// - Parameters:
    ///   - takesPart: whether its client is told to send less, and so has reduced already.
    ///   - draw: a number from 0 to 1, 1 excluded, that nobody foresees.
    public func takes(takesPart: Bool, draw: Double) -> Bool {
        share == 1 || takesPart && congested < Self.trust || draw < share
    }
}
