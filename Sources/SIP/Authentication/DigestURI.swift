/// The rule by which a server compares the `uri` parameter of credentials with the Request-URI.
///
/// RFC 8760 §2.6 item 6 lets the two differ, since a proxy on the way may have rewritten the Request-URI.
public enum DigestURIRule: UInt8, Hashable, Sendable {
    /// They must be the same bytes.
    case identical
    /// Scheme, host and port must be the same, and the user part if both have one; parameters may differ.
    case sameResource
    /// They are not compared.
    case any

    /// Whether the URIs may stand for each other under this rule.
    public func allows(_ uri: UnsafeRawBufferPointer, _ requestURI: UnsafeRawBufferPointer) -> Bool {
        if self == .any || uri.elementsEqual(requestURI) { return true }
        guard self == .sameResource, let first = Self.parse(uri), let second = Self.parse(requestURI),
            first.scheme == second.scheme, first.isSIP
        else { return false }
        let standard: UInt16 = first.scheme == .sips ? 5061 : 5060
        guard (first.hasPort ? first.port : standard) == (second.hasPort ? second.port : standard),
            equalIgnoringCase(Self.part(uri, first.host), Self.part(requestURI, second.host))
        else { return false }
        return first.user.isEmpty || second.user.isEmpty
            || Self.part(uri, first.user).elementsEqual(Self.part(requestURI, second.user))
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) -> URIIndex? {
        guard let base = bytes.baseAddress else { return nil }
        return try? URIIndex(base.assumingMemoryBound(to: UInt8.self), ByteRange(0, bytes.count))
    }

    private static func part(_ bytes: UnsafeRawBufferPointer, _ range: ByteRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound..<range.upperBound])
    }
}
