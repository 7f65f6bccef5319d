/// Bytes of the grammar of RFC 8866 §9.
extension UInt8 {
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
    static let cr: UInt8 = 0x0D
    static let lf: UInt8 = 0x0A
    static let colon: UInt8 = 0x3A
    static let slash: UInt8 = 0x2F
    static let dot: UInt8 = 0x2E
    static let equals: UInt8 = 0x3D
    static let semicolon: UInt8 = 0x3B
    static let comma: UInt8 = 0x2C
    static let hyphen: UInt8 = 0x2D

    var isDigit: Bool { self &- 0x30 < 10 }
    var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    var isBlank: Bool { self == .space || self == .tab }

    /// The letter in lower case; any other byte unchanged.
    var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// Value of a hexadecimal digit.
    var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x37
        case 0x61...0x66: self - 0x57
        default: nil
        }
    }

    /// `token-char`.
    var isTokenCharacter: Bool {
        switch self {
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x30...0x39, 0x41...0x5A, 0x5E...0x7E: true
        default: false
        }
    }

    /// A byte of `non-ws-string`.
    var isVisible: Bool { self > 0x20 && self != 0x7F }
}

extension ArraySlice<UInt8> {
    /// Whether the bytes are a `token`.
    var isToken: Bool { !isEmpty && allSatisfy(\.isTokenCharacter) }

    /// Whether the bytes are a `non-ws-string`.
    var isVisible: Bool { !isEmpty && allSatisfy(\.isVisible) }

    /// The subfields between runs of blanks; blanks at either end are dropped. Senders that pad with more than the one
    /// space of the grammar are common.
    var fields: [ArraySlice<UInt8>] {
        split(omittingEmptySubsequences: true, whereSeparator: \.isBlank)
    }

    /// Whether subfields are parted by exactly one space, as the grammar wants.
    var isSingleSpaced: Bool {
        !contains(.tab) && split(separator: .space, omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
    }

    /// The bytes without blanks at either end.
    var trimmed: ArraySlice<UInt8> {
        guard let first = firstIndex(where: { !$0.isBlank }), let last = lastIndex(where: { !$0.isBlank }) else {
            return self[startIndex..<startIndex]
        }
        return self[first...last]
    }

    /// The bytes before and behind the first `separator`; the second is `nil` when there is none.
    func cut(at separator: UInt8) -> (head: ArraySlice<UInt8>, tail: ArraySlice<UInt8>?) {
        guard let place = firstIndex(of: separator) else { return (self, nil) }
        return (self[..<place], self[(place + 1)...])
    }

    /// The number that the bytes spell in decimal digits; `nil` if there is any other byte, none, or it exceeds `limit`.
    func decimal(limit: UInt64 = .max) -> UInt64? {
        guard !isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in self {
            guard byte.isDigit else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte &- 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value <= limit ? value : nil
    }
}
