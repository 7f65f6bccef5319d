/// Turns packets of telephone events into one beginning and one end for each event (RFC 4733 §2.5.2).
///
/// Packets of an event share a timestamp and repeat themselves; the end may be lost. An event ends with its E bit, with
/// the next event, with audio that follows it, or when nothing has been heard of it for some time.
public struct TelephoneEventReceiver: Sendable {
    /// How events are taken.
    public struct Configuration: Hashable, Sendable {
        /// An event of which nothing is heard for so long has ended: three packets at the recommended 50 ms
        /// (RFC 4733 §2.5.2.2).
        public var silence = Duration.milliseconds(150)

        /// Longest event in timestamp units; what a peer reports beyond ends it. A minute at 8,000 Hz.
        public var maximumDuration: UInt32 = 480_000

        /// Packets of events that are older than the last one by up to this, in timestamp units, are late repetitions;
        /// older ones belong to a media clock that was set back. Ten seconds at 8,000 Hz.
        public var history: UInt32 = 80_000

        /// The defaults at 8,000 Hz.
        public init() {}

        /// The defaults on a clock.
        public init(clock: RTPClock) {
            maximumDuration = UInt32(clamping: UInt64(clock.rate) * 60)
            history = UInt32(clamping: UInt64(clock.rate) * 10)
        }
    }

    /// Why an event is taken as ended.
    @frozen
    public enum End: Hashable, Sendable {
        /// A packet with the E bit.
        case reported

        /// The next event or audio came.
        case superseded

        /// Nothing came for the time configured, or the event lasted too long.
        case lapsed
    }

    /// What happened.
    @frozen
    public enum Report: Hashable, Sendable {
        /// An event began.
        case began(TelephoneEvent.Code)

        /// An event ended; `duration` in timestamp units over all its segments, as far as it was reported.
        case ended(TelephoneEvent.Code, duration: UInt32, by: End)
    }

    private struct Active: Sendable {
        let code: TelephoneEvent.Code
        var segment: UInt32
        var duration: UInt16
        var completed: UInt32 = 0
        var heard: ContinuousClock.Instant
        var hasAudioBeside = false

        var total: UInt32 { completed + UInt32(duration) }
    }

    /// Reports that wait to be fetched, at most; a packet makes two, more packed events than this holds are lost.
    private static let capacity = 8

    private let configuration: Configuration
    private var active: Active?
    private var last: (segment: UInt32, code: TelephoneEvent.Code)?
    private var reports = InlineArray<8, Report>(repeating: .began(.star))
    private var head = 0
    private var count = 0

    /// Events ignored because their duration was zero or they came late.
    public private(set) var ignored: UInt64 = 0

    /// A receiver that has heard nothing.
    public init(configuration: Configuration = .init()) {
        self.configuration = configuration
    }

    /// The event that is on now.
    public var current: TelephoneEvent.Code? { active?.code }

    /// When to call `expire(at:)`; nil when no event is on.
    public var deadline: ContinuousClock.Instant? { active.map { $0.heard + configuration.silence } }

    /// Takes a packet of events, of which one payload may hold several, each beginning where the one before ends.
    public mutating func receive(_ payload: RawSpan, header: RTPHeader, at now: ContinuousClock.Instant) {
        var timestamp = header.timestamp
        var index = 0
        while let event = TelephoneEvent(at: index, in: payload) {
            take(event, at: timestamp, marker: header.marker && index == 0, now)
            timestamp &+= UInt32(event.duration)
            index += 1
        }
    }

    /// Takes note of an audio packet: one that follows the event on its clock ends it, unless the sender is one that
    /// sends audio beside events.
    public mutating func noteAudio(timestamp: UInt32) {
        guard var event = active else { return }
        let offset = Int32(bitPattern: timestamp &- event.segment)
        if offset >= Int32(event.duration) {
            if !event.hasAudioBeside { end(event, by: .superseded) }
        } else if offset >= 0 {
            event.hasAudioBeside = true
            active = event
        }
    }

    /// Ends an event of which nothing has been heard for too long.
    public mutating func expire(at now: ContinuousClock.Instant) {
        guard let event = active, event.heard.duration(to: now) >= configuration.silence else { return }
        end(event, by: .lapsed)
    }

    /// Forgets the past where the source changes; an event that is on ends.
    public mutating func reset() {
        if let event = active { end(event, by: .superseded) }
        last = nil
    }

    /// The next report in order; nil when there is none.
    public mutating func nextReport() -> Report? {
        guard count > 0 else { return nil }
        let report = reports[head]
        head = (head + 1) % Self.capacity
        count -= 1
        return report
    }
}

extension TelephoneEventReceiver {
    private mutating func take(
        _ event: TelephoneEvent, at timestamp: UInt32, marker: Bool, _ now: ContinuousClock.Instant
    ) {
        // States, which alone may report zero (§2.3.5), are not among the events that are taken here.
        guard event.duration > 0 else { return ignore() }
        guard let current = active else {
            if let last {
                let offset = Int32(bitPattern: timestamp &- last.segment)
                if isStale(offset) { return ignore() }
                if offset == Int32(TelephoneEvent.maximumSegment), event.code == last.code, !marker {
                    // A further segment of an event that has lapsed: a tone is not begun again (§2.5.2.2).
                    self.last = (timestamp, last.code)
                    return ignore()
                }
            }
            return begin(event, at: timestamp, now)
        }
        let offset = Int32(bitPattern: timestamp &- current.segment)
        if offset == 0 {
            update(current, with: event, now)
        } else if isStale(offset) {
            ignore()
        } else if offset == Int32(TelephoneEvent.maximumSegment), event.code == current.code, !marker {
            var next = current
            next.completed += UInt32(TelephoneEvent.maximumSegment)
            next.segment = timestamp
            next.duration = 0
            update(next, with: event, now)
        } else {
            end(current, by: .superseded)
            begin(event, at: timestamp, now)
        }
    }

    private mutating func begin(_ event: TelephoneEvent, at timestamp: UInt32, _ now: ContinuousClock.Instant) {
        report(.began(event.code))
        update(Active(code: event.code, segment: timestamp, duration: 0, heard: now), with: event, now)
    }

    private mutating func update(_ current: Active, with event: TelephoneEvent, _ now: ContinuousClock.Instant) {
        var current = current
        current.duration = max(current.duration, event.duration)
        current.heard = now
        active = current
        if event.isEnd {
            end(current, by: .reported)
        } else if current.total > configuration.maximumDuration {
            end(current, by: .lapsed)
        }
    }

    private mutating func end(_ event: Active, by cause: End) {
        active = nil
        last = (event.segment, event.code)
        report(.ended(event.code, duration: min(event.total, configuration.maximumDuration), by: cause))
    }

    private func isStale(_ offset: Int32) -> Bool {
        offset <= 0 && offset.magnitude <= configuration.history
    }

    private mutating func ignore() {
        ignored &+= 1
    }

    private mutating func report(_ report: Report) {
        guard count < Self.capacity else { return }
        reports[(head + count) % Self.capacity] = report
        count += 1
    }
}
