/// One value of a feature tag, as capabilities and preferences state them (RFC 3840 §9, RFC 3841 §8).
enum FeatureValue: Hashable, Sendable {
    /// A token, or TRUE and FALSE; in small letters, since case is put aside.
    case token([UInt8])
    /// A text in angle brackets, of which case counts.
    case text([UInt8])
    /// All numbers from one to another, both included.
    case range(Double, Double)
    /// All values but this one.
    indirect case not(FeatureValue)

    /// What a tag without a value means.
    static let yes = FeatureValue.token(Array("true".utf8))

    /// The values of a `feature-param`: any of them will do.
    ///
    /// - Parameter text: the value with its quotes; nil when the tag stands alone.
    static func list(_ text: UnsafeRawBufferPointer?) -> [FeatureValue] {
        guard var bytes = text.map({ $0[...] }) else { return [.yes] }
        if bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") {
            bytes = bytes.dropFirst().dropLast()
        }
        if bytes.count >= 2, bytes.first == UInt8(ascii: "<"), bytes.last == UInt8(ascii: ">") {
            return [.text(Array(bytes.dropFirst().dropLast()))]
        }
        return bytes.split(separator: UInt8(ascii: ",")).map(FeatureValue.init)
    }

    /// Reads a `tag-value`; numbers that are none are tokens.
    private init(_ text: Slice<UnsafeRawBufferPointer>) {
        var bytes = text.drop { $0 <= 0x20 }
        while let last = bytes.last, last <= 0x20 { bytes = bytes.dropLast() }
        guard bytes.first != UInt8(ascii: "!") else {
            self = .not(FeatureValue(bytes.dropFirst()))
            return
        }
        if bytes.first == UInt8(ascii: "#"), let range = Self.numbers(bytes.dropFirst()) {
            self = .range(range.lowerBound, range.upperBound)
        } else {
            self = .token(bytes.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 })
        }
    }

    /// `>=4`, `<=4`, `=4`, `1:4`.
    private static func numbers(_ bytes: Slice<UnsafeRawBufferPointer>) -> ClosedRange<Double>? {
        let text = String(decoding: bytes, as: UTF8.self)
        func number(_ text: some StringProtocol) -> Double? {
            // Numbers of the grammar only: neither exponents nor names.
            text.utf8.allSatisfy { "+-.0123456789".utf8.contains($0) }
                ? Double(text.hasSuffix(".") ? text + "0" : text + "") : nil
        }
        if text.hasPrefix(">=") { return number(text.dropFirst(2)).map { $0...Double.infinity } }
        if text.hasPrefix("<=") { return number(text.dropFirst(2)).map { -Double.infinity...$0 } }
        if text.hasPrefix("=") { return number(text.dropFirst()).map { $0...$0 } }
        let ends = text.split(separator: ":", omittingEmptySubsequences: false)
        guard ends.count == 2, let lower = number(ends[0]), let upper = number(ends[1]), lower <= upper else {
            return nil
        }
        return lower...upper
    }

    /// Whether something is meant by both (RFC 2533 §4: their conjunction can be fulfilled).
    func meets(_ other: FeatureValue) -> Bool {
        switch (self, other) {
        case (.not, .not): true
        case (.not(let no), let some): !some.isWithin(no)
        case (let some, .not(let no)): !some.isWithin(no)
        case (.range(let low, let high), .range(let otherLow, let otherHigh)): low <= otherHigh && otherLow <= high
        default: self == other
        }
    }

    /// Whether all that is meant here is meant there; neither is negated.
    private func isWithin(_ other: FeatureValue) -> Bool {
        if case .range(let low, let high) = self, case .range(let otherLow, let otherHigh) = other {
            return otherLow <= low && high <= otherHigh
        }
        return self == other
    }
}
