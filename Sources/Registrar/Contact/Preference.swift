import SIP

/// The `q` of a contact in thousandths (`qvalue`, RFC 3261 §25.1).
enum Preference {
    /// Stands for an absent `q` where a number is kept.
    static let absent: UInt16 = .max

    /// What an absent `q` counts as: 1.
    static let standard: UInt16 = 1_000

    /// Reads `0`, `0.5`, `1.000`; nil for everything that is no `qvalue`.
    static func parse(_ text: UnsafeRawBufferPointer) -> UInt16? {
        guard let first = text.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else { return nil }
        var value = UInt16(first &- UInt8(ascii: "0")) * 1_000
        guard text.count > 1 else { return value }
        guard text[1] == UInt8(ascii: "."), text.count <= 5 else { return nil }
        var unit: UInt16 = 100
        for byte in text.dropFirst(2) {
            guard byte &- UInt8(ascii: "0") < 10 else { return nil }
            value += UInt16(byte &- UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return value <= 1_000 ? value : nil
    }

    /// Writes it without zeros at the end.
    static func write(_ value: UInt16, into writer: inout ByteWriter) {
        QualityValue.write(Int(value), into: &writer)
    }
}
