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
        guard self == .sameResource, let first = Parts(uri), let second = Parts(requestURI) else { return false }
        return first.isSameResource(as: second)
    }

    /// The parts of a SIP or SIPS URI that decide which resource it names.
    private struct Parts {
        let isSecure: Bool
        let user: UnsafeRawBufferPointer?
        let host: UnsafeRawBufferPointer
        let port: Int

        init?(_ uri: UnsafeRawBufferPointer) {
            guard let colon = uri.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            if ByteRange(0, colon).matches("sip", in: uri) {
                isSecure = false
            } else if ByteRange(0, colon).matches("sips", in: uri) {
                isSecure = true
            } else {
                return nil
            }
            var start = colon + 1
            // The user part may contain ';' and '?', the rest cannot contain '@' (RFC 3261 §25.1).
            if let at = uri[start...].lastIndex(of: UInt8(ascii: "@")) {
                let end = uri[start..<at].firstIndex(of: UInt8(ascii: ":")) ?? at
                user = UnsafeRawBufferPointer(rebasing: uri[start..<end])
                start = at + 1
            } else {
                user = nil
            }
            let isEnd = { (byte: UInt8) in byte == UInt8(ascii: ";") || byte == UInt8(ascii: "?") }
            let end = uri[start...].firstIndex(where: isEnd) ?? uri.count
            let bracket = uri[start..<end].lastIndex(of: UInt8(ascii: "]")) ?? start
            let hostEnd = uri[bracket..<end].firstIndex(of: UInt8(ascii: ":")) ?? end
            host = UnsafeRawBufferPointer(rebasing: uri[start..<hostEnd])
            guard let port = Self.port(uri[hostEnd..<end], isSecure: isSecure), !host.isEmpty else { return nil }
            self.port = port
        }

        /// The port of `:5060`, or the scheme's if there is none.
        private static func port(_ text: Slice<UnsafeRawBufferPointer>, isSecure: Bool) -> Int? {
            guard !text.isEmpty else { return isSecure ? 5061 : 5060 }
            guard text.count <= 6 else { return nil }
            var port = 0
            for digit in text.dropFirst() {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                port = port * 10 + Int(digit - UInt8(ascii: "0"))
            }
            return port
        }

        func isSameResource(as other: Parts) -> Bool {
            guard isSecure == other.isSecure, port == other.port, host.count == other.host.count else { return false }
            for index in 0..<host.count
            where Ascii.lowercased(host[index]) != Ascii.lowercased(other.host[index]) { return false }
            guard let user, let theirs = other.user else { return true }
            return user.elementsEqual(theirs)
        }
    }
}
