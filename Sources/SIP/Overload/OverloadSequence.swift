/// The value of `oc-seq`: tells later values of `oc` from earlier ones (RFC 7339 §4.4).
///
/// A decimal number with up to five places behind the point, such as a time in seconds; held in hundred-thousandths.
public struct OverloadSequence: Sendable, Hashable, Comparable {
    private let hundredThousandths: UInt64

    /// A sequence whose first number shows when it began.
    ///
    /// - Parameters:
    ///   - seconds: the time in seconds since 1970.
    ///   - microseconds: what has passed of the next, and more.
    public init(seconds: UInt64, microseconds: UInt64) {
        hundredThousandths = (seconds % 1_000_000_000_000) &* 100_000 &+ microseconds / 10
    }

    /// Reads `1282321615.782`; nil when it is malformed.
    init?(_ text: UnsafeRawBufferPointer) {
        var number: UInt64 = 0
        var places = -1
        var digits = 0
        for byte in text {
            if byte == UInt8(ascii: "."), places < 0, digits > 0 {
                places = 0
                continue
            }
            guard byte &- 0x30 < 10 else { return nil }
            if places >= 0 { places += 1 } else { digits += 1 }
            guard digits <= 12, places <= 5 else { return nil }
            number = number &* 10 &+ UInt64(byte &- 0x30)
        }
        guard places > 0 else { return nil }
        for _ in places..<5 { number = number &* 10 }
        hundredThousandths = number
    }

    public static func < (left: Self, right: Self) -> Bool { left.hundredThousandths < right.hundredThousandths }

    /// Whether this number is so much lower than another that the sequence has begun anew, and it is no tardy one (RFC 7339 §4.4): by
    /// more than a minute, where numbers are times.
    func beginsAnew(after other: Self) -> Bool {
        hundredThousandths &+ Self.tardiness < other.hundredThousandths
    }

    /// How much a tardy number may be lower.
    private static let tardiness: UInt64 = 60 * 100_000

    /// Writes seconds, a point and five places.
    func write(into writer: inout ByteWriter) {
        writer.append(decimal: hundredThousandths / 100_000)
        writer.append(UInt8(ascii: "."))
        var rest = hundredThousandths % 100_000
        var unit: UInt64 = 10_000
        while unit > 0 {
            writer.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest / unit))
            rest %= unit
            unit /= 10
        }
    }
}
