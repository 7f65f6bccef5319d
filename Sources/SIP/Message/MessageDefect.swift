/// What is wrong with a message, with the status that an element should answer and a reason for people.
///
/// Equality looks at the code alone.
public struct MessageDefect: Error, Hashable, Sendable, CustomStringConvertible {
    /// Kinds of defects; new ones may come.
    ///
    /// A code is one byte, so that a defect is plain memory and nothing is counted or freed where one passes.
    public struct Code: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
        public var rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The start line is neither a Request-Line nor a Status-Line; such bytes cannot be answered.
        public static var notSIP: Code { Code(rawValue: 1) }
        /// The blank line behind the headers is missing.
        public static var incomplete: Code { Code(rawValue: 2) }
        /// The start line breaks the grammar, but it can be seen that it is one.
        public static var startLine: Code { Code(rawValue: 3) }
        /// The version is not SIP/2.0.
        public static var version: Code { Code(rawValue: 4) }
        /// A header line has no name, no colon, or a name that is no token.
        public static var headerLine: Code { Code(rawValue: 5) }
        /// A mandatory header field is missing.
        public static var missingHeader: Code { Code(rawValue: 6) }
        /// A header field that may stand once is there again.
        public static var repeatedHeader: Code { Code(rawValue: 7) }
        /// A header field's value breaks its grammar or range.
        public static var headerValue: Code { Code(rawValue: 8) }
        /// The method of CSeq is not that of the start line.
        public static var methodMismatch: Code { Code(rawValue: 9) }
        /// Content-Length says more than there is.
        public static var truncatedBody: Code { Code(rawValue: 10) }
        /// A limit of `MessageLimits` is passed.
        public static var tooLarge: Code { Code(rawValue: 11) }
        /// A URI breaks its grammar.
        public static var uri: Code { Code(rawValue: 12) }

        public var description: String {
            switch self {
            case .notSIP: "not SIP"
            case .incomplete: "incomplete"
            case .startLine: "start line"
            case .version: "version"
            case .headerLine: "header line"
            case .missingHeader: "missing header"
            case .repeatedHeader: "repeated header"
            case .headerValue: "header value"
            case .methodMismatch: "method mismatch"
            case .truncatedBody: "truncated body"
            case .tooLarge: "too large"
            case .uri: "URI"
            default: "defect \(rawValue)"
            }
        }
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

    /// The same defect, said of that header field.
    func located(in header: HeaderName) -> MessageDefect {
        var located = self
        located.header = header
        return located
    }

    public static func == (a: MessageDefect, b: MessageDefect) -> Bool { a.code == b.code }

    public func hash(into hasher: inout Hasher) { hasher.combine(code) }

    public var description: String {
        header == .other ? String(describing: reason) : "\(header): \(reason)"
    }
}
