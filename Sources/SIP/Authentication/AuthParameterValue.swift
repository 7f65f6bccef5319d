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

    /// Whether the value is `text`, which is in small letters, whatever its case.
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
    /// Whether these bytes of `field` are `text`, which is in small letters, whatever their case.
    @inline(__always)
    func matches(_ text: StaticString, in field: UnsafeRawBufferPointer) -> Bool {
        guard let base = field.baseAddress, upperBound <= field.count else { return false }
        return equalIgnoringCase(base.assumingMemoryBound(to: UInt8.self), self, text)
    }
}
