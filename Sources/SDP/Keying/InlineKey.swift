/// A master key of `a=crypto`, by the method `inline`. RFC 4568 §6.1.
///
/// Its description tells lengths and shows no octet of the key.
public struct InlineKey: Hashable, Sendable {
    /// Master key and master salt, one behind the other.
    public let keyAndSalt: [UInt8]

    /// Most packets that the key may protect; `nil` for the bound of the suite.
    public let lifetime: UInt64?

    /// Master key identifier (MKI) as packets carry it; empty when they carry none.
    public let identifier: [UInt8]

    /// Most octets of an identifier.
    public static let maximumIdentifierLength = 128

    /// Makes a key.
    ///
    /// - Returns: `nil` when the octets have not the length of the suite, the lifetime is zero or beyond that of the suite, or the
    ///   identifier is longer than ``maximumIdentifierLength``, or a number beyond 64 bits or zero, which cannot be written.
    public init?(_ suite: CryptoSuite, keyAndSalt: [UInt8], lifetime: UInt64? = nil, identifier: [UInt8] = []) {
        guard keyAndSalt.count == suite.keyLength + suite.saltLength, identifier.count <= Self.maximumIdentifierLength,
            lifetime.map({ $0 > 0 && $0 <= CryptoSuite.maximumLifetime }) ?? true,
            identifier.isEmpty || InlineKey.number(of: identifier) != nil
        else { return nil }
        self.keyAndSalt = keyAndSalt
        self.lifetime = lifetime
        self.identifier = identifier
    }

    /// Reads `inline:<key||salt>["|" lifetime]["|" MKI ":" length]`; `nil` if it does not follow the grammar or the suite.
    init?(_ text: ArraySlice<UInt8>, suite: CryptoSuite) {
        let (method, info) = text.cut(at: .colon)
        guard let info, ByteString(unchecked: method).equalsIgnoringCase(Self.method) else { return nil }
        let parts = info.split(separator: .bar, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count <= 3, let octets = KeyText.decode(parts[0]) else { return nil }
        var rest = parts.dropFirst()
        var lifetime: UInt64?
        var identifier: [UInt8] = []
        // The lifetime has never a colon, and the identifier always (RFC 4568 §6.1).
        if let first = rest.first, !first.contains(.colon) {
            guard let packets = Self.lifetime(first) else { return nil }
            lifetime = packets
            rest = rest.dropFirst()
        }
        if let last = rest.first {
            guard rest.count == 1, let named = Self.identifier(last) else { return nil }
            identifier = named
        }
        self.init(suite, keyAndSalt: octets, lifetime: lifetime, identifier: identifier)
    }

    private static let method: ByteString = "inline"

    /// A number of packets, or `2^` and an exponent.
    private static func lifetime(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard text.starts(with: power) else { return text.plainDecimal() }
        guard let exponent = text.dropFirst(power.count).plainDecimal(limit: 48) else { return nil }
        return 1 << exponent
    }

    private static let power = Array("2^".utf8)

    /// The octets of an identifier in packets, from its number and its length.
    private static func identifier(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let (value, length) = text.cut(at: .colon)
        guard let number = value.plainDecimal(), number > 0,
            let count = length?.plainDecimal(limit: UInt64(maximumIdentifierLength)).map(Int.init), count > 0,
            count >= 8 || number >> UInt64(8 * count) == 0
        else { return nil }
        return (0..<count).map { place in
            let shift = 8 * (count - 1 - place)
            return shift < 64 ? UInt8(truncatingIfNeeded: number >> UInt64(shift)) : 0
        }
    }

    /// The number that an identifier is; `nil` for zero, and when it exceeds 64 bits.
    private static func number(of identifier: [UInt8]) -> UInt64? {
        guard identifier.dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
        let number = identifier.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return number > 0 ? number : nil
    }

    /// The key as it stands in the line.
    var text: [UInt8] {
        var text = Array(Self.method.bytes)
        text.append(.colon)
        text += KeyText.encode(keyAndSalt)
        if let lifetime {
            let isPower = lifetime.nonzeroBitCount == 1 && lifetime > 1
            text += Array((isPower ? "|2^\(lifetime.trailingZeroBitCount)" : "|\(lifetime)").utf8)
        }
        if let number = Self.number(of: identifier) { text += Array("|\(number):\(identifier.count)".utf8) }
        return text
    }
}

extension InlineKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        "inline:redacted(\(keyAndSalt.count) octets)" + (identifier.isEmpty ? "" : ", MKI of \(identifier.count)")
    }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension UInt8 {
    /// What parts the fields of an inline key.
    static let bar: UInt8 = 0x7C
}

extension ArraySlice<UInt8> {
    /// The number that decimal digits without leading zeros spell.
    func plainDecimal(limit: UInt64 = .max) -> UInt64? {
        guard first != 0x30 || count == 1 else { return nil }
        return decimal(limit: limit)
    }
}
