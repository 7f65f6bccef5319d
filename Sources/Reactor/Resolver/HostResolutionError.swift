/// Why a host name has no addresses.
public struct HostResolutionError: Error, Hashable, Sendable {
    /// The kinds of failure that callers tell apart.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A stable word for logs.
        public let description: String

        /// It is not a host name at all.
        public static let notAName = Code(description: "not a host name")
        /// The name does not exist, or has no address of the families that were asked for.
        public static let notFound = Code(description: "not found")
        /// The name service did not answer, or could not; a later question may succeed.
        public static let unavailable = Code(description: "unavailable")
        /// Too many questions are waiting already.
        public static let overloaded = Code(description: "overloaded")
    }

    /// The kind of failure.
    public let code: Code

    /// The name that was asked for.
    public let host: String

    /// The system's own words, if there are any.
    public let detail: String

    /// For how long it holds that there is nothing, in seconds, as the name's zone says (RFC 2308 §5); nil when nobody says.
    public let lifetime: UInt32?

    /// An error about a name.
    public init(_ code: Code, _ host: String, detail: String = "", lifetime: UInt32? = nil) {
        self.code = code
        self.host = host
        self.detail = detail
        self.lifetime = lifetime
    }
}

extension HostResolutionError: CustomStringConvertible {
    /// The error for a person.
    public var description: String {
        "host \(host): \(code)\(detail.isEmpty ? "" : " (\(detail))")"
    }
}
