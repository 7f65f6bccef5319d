/// When a session is active: a `t=` line with the `r=` and `z=` lines that belong to it. RFC 8866 §5.9 to §5.11.
///
/// Instants are seconds since 1 January 1900 UTC; subtract 2,208,988,800 for Unix time.
public struct TimeDescription: Hashable, Sendable {
    /// Start of the session; 0 with a stop of 0 makes the session permanent.
    public var start: UInt64

    /// End of the session; 0 is unbounded.
    public var stop: UInt64

    /// Repetitions of the session.
    public var repeats: [RepeatTimes] = []

    /// Changes of the time base that the repetitions follow.
    public var zones: [ZoneAdjustment] = []

    /// Makes a time without repetitions; the default is that of all sessions that SIP sets up, `0 0` (RFC 3264 §5).
    public init(start: UInt64 = 0, stop: UInt64 = 0) {
        self.start = start
        self.stop = stop
    }

    /// Reads the value of a `t=` line; `nil` if it is not two numbers.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count == 2, let start = fields[0].decimal(), let stop = fields[1].decimal() else { return nil }
        self.init(start: start, stop: stop)
    }

    /// The value of the `t=` line.
    public var value: ByteString {
        ByteString(unchecked: ArraySlice("\(start) \(stop)".utf8))
    }
}

/// An `r=` line. RFC 8866 §5.10.
public struct RepeatTimes: Hashable, Sendable {
    /// From one repetition to the next.
    public var interval: Duration

    /// How long each lasts.
    public var activeDuration: Duration

    /// When each begins, counted from the start time.
    public var offsets: [Duration]

    /// Makes a repetition of its parts, each a whole number of seconds.
    public init(interval: Duration, activeDuration: Duration, offsets: [Duration]) {
        self.interval = interval
        self.activeDuration = activeDuration
        self.offsets = offsets
    }

    /// Reads the value of an `r=` line; `nil` if it does not follow the grammar.
    public init?(_ value: ByteString) {
        let times = value.bytes.fields.map(TypedTime.parse)
        guard times.count >= 3, let interval = times[0], interval > .zero, let active = times[1] else { return nil }
        let offsets = times[2...].compactMap { $0 }
        guard offsets.count == times.count - 2 else { return nil }
        self.init(interval: interval, activeDuration: active, offsets: offsets)
    }

    /// The value of the line, in seconds.
    public var value: ByteString {
        let seconds = ([interval, activeDuration] + offsets).map { String($0.components.seconds) }
        return ByteString(unchecked: ArraySlice(seconds.joined(separator: " ").utf8))
    }
}

/// One pair of a `z=` line. RFC 8866 §5.11.
public struct ZoneAdjustment: Hashable, Sendable {
    /// When the change happens, in seconds since 1 January 1900 UTC.
    public var time: UInt64

    /// Offset from the time base of the start time; not cumulative.
    public var offset: Duration

    /// Makes an adjustment; the offset is a whole number of seconds.
    public init(time: UInt64, offset: Duration) {
        self.time = time
        self.offset = offset
    }

    /// Reads the value of a `z=` line; `nil` if it does not follow the grammar.
    public static func list(_ value: ByteString) -> [ZoneAdjustment]? {
        let fields = value.bytes.fields
        guard !fields.isEmpty, fields.count.isMultiple(of: 2) else { return nil }
        var list: [ZoneAdjustment] = []
        for index in stride(from: 0, to: fields.count, by: 2) {
            let isNegative = fields[index + 1].first == .hyphen
            guard let time = fields[index].decimal(),
                let offset = TypedTime.parse(isNegative ? fields[index + 1].dropFirst() : fields[index + 1])
            else { return nil }
            list.append(ZoneAdjustment(time: time, offset: isNegative ? .zero - offset : offset))
        }
        return list
    }

    /// The pair as it stands in the line.
    var text: String { "\(time) \(offset.components.seconds)" }
}

/// `typed-time`: a number of days, hours, minutes or seconds.
enum TypedTime {
    /// Longest span that is read: a million years, which leaves room to add such spans.
    static let maximumSeconds: UInt64 = 31_557_600_000_000

    static func parse(_ text: ArraySlice<UInt8>) -> Duration? {
        let scale: UInt64
        switch text.last {
        case UInt8(ascii: "d"): scale = 86_400
        case UInt8(ascii: "h"): scale = 3_600
        case UInt8(ascii: "m"): scale = 60
        case UInt8(ascii: "s"): scale = 1
        default: return text.decimal(limit: maximumSeconds).map { .seconds(Int64($0)) }
        }
        return text.dropLast().decimal(limit: maximumSeconds / scale).map { .seconds(Int64($0 * scale)) }
    }
}
