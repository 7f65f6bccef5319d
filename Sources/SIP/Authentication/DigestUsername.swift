/// A username from credentials in the forms that phones send: `alice`, `alice@example.com`, `sip:alice@example.com`.
///
/// The user to look up is the same for all three, but each is hashed as it was sent: with ``domain`` the secret must be one that was
/// made for the long form.
public struct DigestUsername: Hashable, Sendable {
    /// The user's name alone, percent escapes resolved.
    public var user: [UInt8]

    /// The domain that the name came with, in lower case, or nil.
    public var domain: [UInt8]?

    /// Splits a username as ``DigestCredentials/decodedUsername(in:)`` returns it; nil if no name is left.
    public init?(_ username: [UInt8]) {
        var rest = username[...]
        for scheme in ["sip:", "sips:"] where rest.count > scheme.utf8.count {
            let prefix = rest.prefix(scheme.utf8.count).map(\.lowercased)
            if prefix.elementsEqual(scheme.utf8) {
                rest = rest.dropFirst(scheme.utf8.count)
                break
            }
        }
        if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
            let host = rest[(at + 1)...]
            domain = host.isEmpty ? nil : host.map(\.lowercased)
            rest = rest[..<at]
        }
        user = Self.unescaped(rest)
        guard !user.isEmpty else { return nil }
    }

    /// Resolves `%41`; what is no escape stays as it is.
    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
                let high = bytes[index + 1].hexValue, let low = bytes[index + 2].hexValue
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
