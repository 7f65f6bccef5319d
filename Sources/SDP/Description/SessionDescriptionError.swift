/// Why bytes are not a session description, and in which line.
public struct SessionDescriptionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Kind of error; more may be added.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// Stable name for logs and tests.
        public let rawValue: String

        /// Makes a code of a name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// There are no bytes.
        public static let empty = Code(rawValue: "empty")
        /// A limit of ``DescriptionLimits`` is exceeded.
        public static let limitExceeded = Code(rawValue: "limitExceeded")
        /// A line is not of the form `<type>=<value>`, or holds NUL or a lone CR.
        public static let malformedLine = Code(rawValue: "malformedLine")
        /// The value of a known line does not follow its grammar.
        public static let malformedField = Code(rawValue: "malformedField")
        /// The version is not 0.
        public static let unsupportedVersion = Code(rawValue: "unsupportedVersion")
        /// A line that must be there is missing.
        public static let missingLine = Code(rawValue: "missingLine")
        /// A line stands where it must not, or once too often.
        public static let misplacedLine = Code(rawValue: "misplacedLine")
        /// The letter of a line is not defined (strict parsing only).
        public static let unknownLine = Code(rawValue: "unknownLine")
    }

    /// Kind of error.
    public let code: Code

    /// Number of the line, the first being 1; 0 when the error is not of one line.
    public let line: Int

    /// What is wrong, for a person to read.
    public let reason: String

    init(_ code: Code, line: Int = 0, _ reason: String) {
        self.code = code
        self.line = line
        self.reason = reason
    }

    /// The line and the reason in one sentence.
    public var description: String {
        line > 0 ? "session description, line \(line): \(reason)" : "session description: \(reason)"
    }
}
