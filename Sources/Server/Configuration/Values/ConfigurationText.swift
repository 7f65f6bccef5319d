/// How values are written in the configuration, and read from it.
enum ConfigurationText {
    /// Units of durations with their length in milliseconds, the longest first; the first of each length is the one
    /// written.
    private static let durations: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// Units of sizes with their length in bytes, the longest first.
    private static let sizes: [(name: String, bytes: Int64)] = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    /// The most digits of a number: so many always fit 64 bits, whatever the unit.
    private static let maximumDigits = 9

    /// Reads `500ms`, `1.5s`, `5 min`, `1h`; a bare 0 needs no unit.
    static func duration(_ text: String) -> Duration? {
        number(text, units: durations.map { ($0.name, $0.milliseconds) }).map { .milliseconds($0) }
    }

    /// Writes a duration of whole milliseconds in the longest unit that leaves no rest.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        // The last unit divides everything, so there always is one.
        let unit = durations.first { milliseconds % $0.milliseconds == 0 && milliseconds != 0 } ?? ("s", 1_000)
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    /// Reads `1300B`, `64KiB`, `1 MiB`.
    static func size(_ text: String) -> Int? {
        number(text, units: sizes.map { ($0.name, $0.bytes) }).map { Int($0) }
    }

    /// Writes a number of bytes in the longest unit that leaves no rest.
    static func text(size: Int) -> String {
        // The last unit divides everything, so there always is one.
        let unit = sizes.first { Int64(size) % $0.bytes == 0 && size != 0 } ?? ("B", 1)
        return "\(Int64(size) / unit.bytes)\(unit.name)"
    }

    /// Reads a whole number without sign.
    static func integer(_ text: String) -> Int? {
        guard (1...maximumDigits).contains(text.utf8.count), text.utf8.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    /// Reads the words that YAML uses for truth.
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    /// Reads `16384-32767`, in rising order.
    static func ports(_ text: String) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { trimmed($0) }
        guard ends.count == 2, let first = integer(ends[0]).flatMap(UInt16.init(exactly:)),
            let last = integer(ends[1]).flatMap(UInt16.init(exactly:)), first <= last
        else { return nil }
        return first...last
    }

    /// Without the blanks around it.
    static func trimmed(_ text: some StringProtocol) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let head = text.drop(while: isBlank)
        return String(head.reversed().drop(while: isBlank).reversed())
    }

    /// A decimal number and its unit as a multiple of the smallest unit; nil when there is a rest, or no unit.
    private static func number(_ text: String, units: [(String, Int64)]) -> Int64? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }),
            let whole = integer(String(parts[0]))
        else { return nil }
        let name = trimmed(text[digits.endIndex...])
        if name.isEmpty { return whole == 0 && parts.count == 1 ? 0 : nil }
        guard let unit = units.first(where: { $0.0.lowercased() == name.lowercased() })?.1 else { return nil }
        guard parts.count == 2 else { return Int64(whole) * unit }
        guard let fraction = integer(String(parts[1])) else { return nil }
        let scale = parts[1].utf8.reduce(Int64(1)) { scale, _ in scale * 10 }
        let (share, rest) = (Int64(fraction) * unit).quotientAndRemainder(dividingBy: scale)
        return rest == 0 ? Int64(whole) * unit + share : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
