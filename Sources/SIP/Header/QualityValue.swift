/// `qvalue`, the weight of a choice, in thousandths from 0 to 1000 (RFC 3261 §25.1).
public enum QualityValue {
    /// The weight of what states none.
    public static let highest = 1_000

    /// Writes a weight without zeros at its end; what is above 1 is 1, and what is below 0 is 0.
    public static func write(_ thousandths: Int, into writer: inout ByteWriter) {
        guard thousandths < highest else { return writer.append(UInt8(ascii: "1")) }
        writer.append(UInt8(ascii: "0"))
        var rest = max(0, thousandths)
        var unit = 100
        if rest > 0 { writer.append(UInt8(ascii: ".")) }
        while rest > 0 {
            writer.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest / unit))
            rest %= unit
            unit /= 10
        }
    }

    /// The weight written in a run; nil when it is no number or above 1.
    ///
    /// Tolerated are a missing zero before the point, and more than three digits behind it, which are cut off.
    static func parse(_ base: UnsafePointer<UInt8>, _ range: ByteRange) -> Int? {
        var cursor = Cursor(base, range)
        let whole = cursor.takeNumber(maximum: 1)
        if whole == nil, cursor.peek != UInt8(ascii: ".") { return nil }
        var thousandths = Int(whole ?? 0) * 1_000
        if cursor.skip(UInt8(ascii: ".")) {
            var weight = 100
            while !cursor.isAtEnd, cursor.peek.isDigit {
                thousandths += Int(cursor.peek &- 0x30) * weight
                weight /= 10
                cursor.at &+= 1
            }
        }
        guard cursor.isAtEnd, thousandths <= highest, range.count > 0 else { return nil }
        return thousandths
    }
}
