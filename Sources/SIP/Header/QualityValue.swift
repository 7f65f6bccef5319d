/// `qvalue`, the weight of a choice, in thousandths from 0 to 1000 (RFC 3261 §25.1).
enum QualityValue {
    /// The weight of what states none.
    static let highest = 1_000

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
