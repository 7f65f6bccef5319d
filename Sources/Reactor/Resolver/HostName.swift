/// Which addresses of a host are wanted.
public enum AddressFamilies: Hashable, Sendable {
    case both, ipv4, ipv6
}

/// A host name that may be asked for, in lower case and without a dot at its end.
struct HostName: Hashable, Sendable {
    let text: String

    /// Longest name in bytes, and longest label (RFC 1035 §2.3.4).
    static let longest = 253
    static let longestLabel = 63

    /// Nil for what is no name by RFC 1123 §2.1 (with the underscores that DNS has seen since). The last label must not be a number: the
    /// system would take `127.1` and `0x7f000001` for addresses, which nobody else does.
    init?(_ text: String) {
        var bytes = Array(text.utf8)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        guard !bytes.isEmpty && bytes.count <= Self.longest else { return nil }
        for index in bytes.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index]) {
            bytes[index] |= 0x20
        }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.allSatisfy(Self.isLabel), let last = labels.last, !Self.isNumber(last) else { return nil }
        self.text = String(decoding: bytes, as: UTF8.self)
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard let first = label.first, let last = label.last, label.count <= longestLabel else { return false }
        let hyphen = UInt8(ascii: "-")
        guard first != hyphen && last != hyphen else { return false }
        return label.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen,
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// Decimal or hexadecimal, as inet_aton(3) reads it.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return true }
        guard label.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")]) else { return false }
        return label.dropFirst(2).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
            default: false
            }
        }
    }
}
