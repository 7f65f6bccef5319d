extension DigestServer {
    /// What a request holds for this realm.
    public enum Search: Hashable, Sendable {
        /// No credentials for this realm: challenge.
        case none
        /// Credentials for this realm, and the header field value that they stand in.
        case found(DigestCredentials, value: ByteRange)
        /// No credentials that can be read for this realm, but a field that cannot be read: 400 (RFC 7616 §3.4).
        case malformed(DigestSyntaxError)
    }

    /// Looks for this realm's credentials among the fields of one name, Authorization or Proxy-Authorization. Those of other realms
    /// and other schemes are passed over (RFC 3261 §22.3). Allocates nothing.
    public func search(_ request: MessageView, _ name: HeaderName) -> Search {
        var defect: DigestSyntaxError?
        var next = request.firstIndex(of: name)
        while let index = next {
            let value = request.field(index).valueRange
            let bytes = request.bytes(value)
            do throws(DigestSyntaxError) {
                if let credentials = try DigestCredentials.parse(bytes), isAddressed(by: credentials, in: bytes) {
                    return .found(credentials, value: value)
                }
            } catch {
                defect = error
            }
            next = request.firstIndex(of: name, from: index + 1)
        }
        return defect.map { .malformed($0) } ?? .none
    }
}
