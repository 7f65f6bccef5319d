/// The values of `a=ptime` and `a=maxptime`: milliseconds of media in a packet, as a whole or a decimal number.
/// RFC 8866 §6.4, §6.5.
enum PacketTime {
    /// Longest packet time that is read; a longer one is taken for nonsense and ignored.
    static let longest = Duration.milliseconds(longestMilliseconds)

    private static let longestMilliseconds: Int64 = 60_000

    /// Digits behind the point that count: nanoseconds.
    private static let precision = 6

    /// Reads a number of milliseconds; `nil` if it is not one, zero (RFC 3264 §5.1), or longer than ``longest``.
    static func parse(_ value: ByteString) -> Duration? {
        let (whole, fraction) = value.bytes.trimmed.cut(at: .dot)
        guard let milliseconds = whole.decimal(limit: UInt64(longestMilliseconds)) else { return nil }
        var nanoseconds: Int64 = 0
        if let fraction {
            guard !fraction.isEmpty, fraction.allSatisfy(\.isDigit) else { return nil }
            let digits = fraction.prefix(precision) + Array(repeating: 0x30, count: max(0, precision - fraction.count))
            nanoseconds = Int64(digits.decimal() ?? 0)
        }
        let time = Duration.milliseconds(Int64(milliseconds)) + .nanoseconds(nanoseconds)
        return time > .zero && time <= longest ? time : nil
    }

    /// Writes a number of milliseconds, at most those of ``longest``, with decimals only where they are needed.
    static func text(_ time: Duration) -> ByteString {
        let time = max(.zero, min(time, longest))
        let nanoseconds = time.components.seconds * 1_000_000_000 + time.components.attoseconds / 1_000_000_000
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        var text = "\(whole)"
        if rest != 0 {
            let digits = String(rest)
            text += "." + String(repeating: "0", count: precision - digits.count) + digits
            while text.last == "0" { text.removeLast() }
        }
        return ByteString(unchecked: ArraySlice(text.utf8))
    }
}
