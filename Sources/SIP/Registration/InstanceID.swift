/// What names a device and stays the same over restarts, addresses and accounts: a URN (RFC 5626 §4.1).
public struct InstanceID: Hashable, Sendable {
    /// The URN, such as `urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6`.
    public let urn: String

    /// Takes a URN; nil when it is none, or has characters that cannot stand in a Contact.
    public init?(_ urn: String) {
        let parts = urn.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "urn", !parts[1].isEmpty, !parts[2].isEmpty,
            urn.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !urn.contains(where: { "<>\"\\".contains($0) })
        else { return nil }
        self.urn = urn
    }

    private init(bits: (UInt64, UInt64)) {
        func digits(_ value: UInt64, _ count: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: count - text.count) + text
        }
        // Version 4, variant 1 (RFC 9562 §5.4).
        let high = bits.0 & ~0xF000 | 0x4000
        let low = bits.1 & ~(3 << 62) | 2 << 62
        urn =
            "urn:uuid:\(digits(high >> 32, 8))-\(digits(high >> 16 & 0xFFFF, 4))-\(digits(high & 0xFFFF, 4))"
            + "-\(digits(low >> 48, 4))-\(digits(low & 0xFFFF_FFFF_FFFF, 12))"
    }

    /// A new one, to be kept by the device.
    public static func random() -> InstanceID {
        var generator = SystemRandomNumberGenerator()
        return InstanceID(bits: (generator.next(), generator.next()))
    }

    /// The value of `+sip.instance`.
    public var parameterValue: String { "\"<\(urn)>\"" }
}

extension InstanceID: CustomStringConvertible {
    public var description: String { urn }
}
