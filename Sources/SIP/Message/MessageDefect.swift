/// What is wrong with a message, with the status that an element should answer and a reason for people.
///
/// Equality looks at the code alone.
public struct MessageDefect: Error, Hashable, Sendable, CustomStringConvertible {
    /// Kinds of defects; new ones may come.
    public struct Code: Hashable, Sendable, RawRepresentable {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The start line is neither a Request-Line nor a Status-Line; such bytes cannot be answered.
        public static let notSIP = Code(rawValue: "not SIP")
        /// The blank line behind the headers is missing.
        public static let incomplete = Code(rawValue: "incomplete")
        /// The start line breaks the grammar, but it can be seen that it is one.
        public static let startLine = Code(rawValue: "start line")
        /// The version is not SIP/2.0.
        public static let version = Code(rawValue: "version")
        /// A header line has no name, no colon, or a name that is no token.
        public static let headerLine = Code(rawValue: "header line")
        /// A mandatory header field is missing.
        public static let missingHeader = Code(rawValue: "missing header")
        /// A header field that may stand once is there again.
        public static let repeatedHeader = Code(rawValue: "repeated header")
        /// A header field's value breaks its grammar or range.
        public static let headerValue = Code(rawValue: "header value")
        /// The method of CSeq is not that of the start line.
        public static let methodMismatch = Code(rawValue: "method mismatch")
        /// Content-Length says more than there is.
        public static let truncatedBody = Code(rawValue: "truncated body")
        /// A limit of `MessageLimits` is passed.
        public static let tooLarge = Code(rawValue: "too large")
        /// A URI breaks its grammar.
        public static let uri = Code(rawValue: "URI")
    }

    /// The kind.
    public var code: Code

    /// What to answer, when the message is a request that can be answered.
    public var status: StatusCode

    /// One sentence for the log and the reason phrase; ASCII without line ends.
    public var reason: StaticString

    /// The header field concerned, or `other`.
    public var header: HeaderName

    public init(_ code: Code, _ reason: StaticString, header: HeaderName = .other, status: StatusCode = 400) {
        self.code = code
        self.reason = reason
        self.header = header
        self.status = status
    }

    public static func == (a: MessageDefect, b: MessageDefect) -> Bool { a.code == b.code }

    public func hash(into hasher: inout Hasher) { hasher.combine(code) }

    public var description: String {
        header == .other ? String(describing: reason) : "\(header): \(reason)"
    }
}
