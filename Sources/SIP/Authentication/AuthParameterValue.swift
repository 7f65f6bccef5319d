/// Where the value of an authentication parameter is, without its quotes.
public struct AuthParameterValue: Hashable, Sendable {
    /// The bytes of the value inside the header field value.
    public var range: ByteRange

    /// Whether the value contains quoted pairs (`\"`), whose backslashes do not belong to it.
    public var hasEscapes: Bool

    /// The value is not given.
    static let absent = AuthParameterValue(range: ByteRange(start: 0, count: 0), hasEscapes: false)

    /// Whether the parameter was given. An empty value counts; it has an offset behind the scheme.
    public var isPresent: Bool { range.start != 0 }

    /// Whether there is a value of at least one byte.
    public var isEmpty: Bool { range.isEmpty }

    /// The value's bytes in the header field value `field`, with the backslashes of quoted pairs.
    public func raw(in field: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard range.upperBound <= field.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: field[range.lowerBound..<range.upperBound])
    }

    /// The value's bytes in the header field value `field`, without the backslashes of quoted pairs: what RFC 7616 §3.3 calls
    /// `unq`.
    public func unquoted(in field: UnsafeRawBufferPointer) -> [UInt8] {
        let raw = raw(in: field)
        guard hasEscapes else { return Array(raw) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            if raw[index] == UInt8(ascii: "\\"), index + 1 < raw.count { index += 1 }
            bytes.append(raw[index])
            index += 1
        }
        return bytes
    }

    /// Whether the value is `text`, whatever the case of ASCII letters.
    func matches(_ text: StaticString, in field: UnsafeRawBufferPointer) -> Bool {
        range.matches(text, in: field)
    }

    /// Whether the value, unquoted, is `bytes`. Allocates only if there are quoted pairs.
    func equals(_ bytes: UnsafeRawBufferPointer, in field: UnsafeRawBufferPointer) -> Bool {
        if hasEscapes {
            let own = unquoted(in: field)
            return own.withUnsafeBytes { $0.elementsEqual(bytes) }
        }
        return raw(in: field).elementsEqual(bytes)
    }
}

extension ByteRange {
    /// Whether these bytes of `field` are `text`, whatever the case of ASCII letters.
    func matches(_ text: StaticString, in field: UnsafeRawBufferPointer) -> Bool {
        let length = text.utf8CodeUnitCount
        guard Int(count) == length, upperBound <= field.count else { return false }
        let wanted = UnsafeRawBufferPointer(start: text.utf8Start, count: length)
        for index in 0..<length where Ascii.lowercased(field[lowerBound + index]) != Ascii.lowercased(wanted[index]) {
            return false
        }
        return true
    }
}

/// Classes and forms of ASCII bytes.
enum Ascii {
    /// The lower-case form of a letter; other bytes are returned as they are.
    static func lowercased(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }

    /// The value of a hexadecimal digit of either case, or nil.
    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The lower-case hexadecimal digit of the low four bits.
    static func hexDigit(_ value: UInt8) -> UInt8 {
        let digit = value & 0x0F
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}
