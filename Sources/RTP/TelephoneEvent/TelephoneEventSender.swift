/// Sends named telephone events in place of audio (RFC 4733 §2.5.1).
///
/// ```
///           event in the queue                    duration reached
///  idle ───────────────────────► sending updates ──────────────────► end packets (3) ──► pause ──► idle
///                                     │    ▲
///                     segment is full └────┘ (0xFFFF, 3 times; then the next segment)
/// ```
///
/// Call `next(timestamp:units:)` once per packet interval, sent packets or not: it gives the event packet to send in
/// place of audio, or nil.
public struct TelephoneEventSender: Sendable {
    /// How events are sent; times in timestamp units.
    public struct Configuration: Hashable, Sendable {
        /// Duration of a queued event where none is given.
        public var duration: UInt32

        /// Least pause between two events.
        public var pause: UInt32

        /// Shortest event, for keys that are released at once; ITU-T Q.24 asks for 40 ms.
        public var minimumDuration: UInt32

        /// Longest event; one that is not stopped ends here.
        public var maximumDuration: UInt32

        /// Times that the last packet of an event or segment is sent (RFC 4733 §2.5.1.4: three).
        public var finalPackets = 3

        /// Tones of 100 ms with pauses of 100 ms, at least 40 ms and at most a minute long, on the clock given.
        public init(clock: RTPClock = .narrowband) {
            duration = clock.rate / 10
            pause = clock.rate / 10
            minimumDuration = clock.rate / 25
            maximumDuration = UInt32(clamping: UInt64(clock.rate) * 60)
        }
    }

    /// A packet to be sent.
    @frozen
    public struct Packet: Hashable, Sendable {
        /// Its payload.
        public let event: TelephoneEvent

        /// The marker bit: set on the first packet of an event only.
        public let marker: Bool

        /// The RTP timestamp: the beginning of the event or segment.
        public let timestamp: UInt32
    }

    /// Most events that wait.
    public static let queueCapacity = 32

    private struct Order: Sendable {
        var code = TelephoneEvent.Code(rawValue: 0)
        var volume: UInt8 = 0
        /// Nil until the key is released.
        var duration: UInt32?
    }

    private struct Active: Sendable {
        var order: Order
        let start: UInt32
        var elapsed: UInt32 = 0
        /// Where the current segment begins, from the start of the event.
        var segment: UInt32 = 0
        var isFirst = true
        var finalsSent = 0
    }

    private let configuration: Configuration
    private var queue = InlineArray<32, Order>(repeating: Order())
    private var head = 0
    private var count = 0
    private var active: Active?
    private var pause: UInt32 = 0

    /// A sender with nothing to send.
    public init(configuration: Configuration = .init()) {
        self.configuration = configuration
    }

    /// Whether an event is being sent or waits.
    public var isBusy: Bool { active != nil || count > 0 }

    /// Queues an event.
    ///
    /// - Parameters:
    ///   - volume: dBm0 without the sign, 0 to 63.
    ///   - duration: timestamp units; nil for the configured duration.
    /// - Returns: false when the queue is full.
    public mutating func enqueue(_ code: TelephoneEvent.Code, volume: UInt8 = 10, duration: UInt32? = nil) -> Bool {
        append(Order(code: code, volume: volume, duration: limited(duration ?? configuration.duration)))
    }

    /// Queues an event that lasts until `stop()`, as a key that is held down.
    ///
    /// - Returns: false when the queue is full.
    public mutating func start(_ code: TelephoneEvent.Code, volume: UInt8 = 10) -> Bool {
        append(Order(code: code, volume: volume, duration: nil))
    }

    /// Ends the event that was started, now or as soon as it has lasted its least duration.
    public mutating func stop() {
        if var current = active, current.order.duration == nil {
            current.order.duration = max(current.elapsed, configuration.minimumDuration)
            active = current
            return
        }
        for index in 0..<count {
            let slot = (head + index) % Self.queueCapacity
            if queue[slot].duration == nil {
                queue[slot].duration = configuration.minimumDuration
                return
            }
        }
    }

    /// Moves on by one packet interval.
    ///
    /// - Parameters:
    ///   - timestamp: media time at which the interval begins.
    ///   - units: its length in timestamp units.
    /// - Returns: the packet to send at its end in place of audio; nil when audio may be sent.
    public mutating func next(timestamp: UInt32, units: UInt32) -> Packet? {
        if active == nil {
            guard pause == 0 else {
                pause = pause > units ? pause - units : 0
                return nil
            }
            guard count > 0 else { return nil }
            active = Active(order: queue[head], start: timestamp)
            head = (head + 1) % Self.queueCapacity
            count -= 1
        }
        guard var current = active else { return nil }
        defer { active = current.finalsSent == configuration.finalPackets ? nil : current }
        let (elapsed, overflow) = current.elapsed.addingReportingOverflow(units)
        current.elapsed = overflow ? .max : elapsed
        if current.order.duration == nil, current.elapsed >= configuration.maximumDuration {
            current.order.duration = configuration.maximumDuration
        }
        return advance(&current)
    }

    private mutating func advance(_ current: inout Active) -> Packet {
        let total = current.order.duration.map { min($0, current.elapsed) } ?? current.elapsed
        let inSegment = total - current.segment
        let marker = current.isFirst
        let timestamp = current.start &+ current.segment
        var event = TelephoneEvent(
            code: current.order.code, volume: current.order.volume,
            duration: UInt16(clamping: inSegment))
        current.isFirst = false
        if inSegment > UInt32(TelephoneEvent.maximumSegment) {
            current.finalsSent += 1
            if current.finalsSent == configuration.finalPackets {
                current.segment += UInt32(TelephoneEvent.maximumSegment)
                current.finalsSent = 0
            }
        } else if let duration = current.order.duration, current.elapsed >= duration {
            event.isEnd = true
            current.finalsSent += 1
            // The repetitions of the end fall into the pause.
            if current.finalsSent == configuration.finalPackets {
                let since = current.elapsed - duration
                pause = configuration.pause > since ? configuration.pause - since : 0
            }
        }
        return Packet(event: event, marker: marker, timestamp: timestamp)
    }

    private func limited(_ duration: UInt32) -> UInt32 {
        min(max(duration, 1), configuration.maximumDuration)
    }

    private mutating func append(_ order: Order) -> Bool {
        guard count < Self.queueCapacity else { return false }
        queue[(head + count) % Self.queueCapacity] = order
        count += 1
        return true
    }
}
