/// Why a codec cannot be had.
public struct CodecError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public struct Code: Hashable, Sendable {
        private let name: String

        init(_ name: String) { self.name = name }

        /// The library that holds the codec is not installed.
        public static let missingLibrary = Code("missing library")
        /// The codec cannot work so: a sample rate, a number of channels.
        public static let unsupported = Code("unsupported")
        /// The library has refused to make the codec.
        public static let failed = Code("failed")
    }

    /// What kind of failure it is.
    public let code: Code

    /// What cannot be had, and why.
    public let reason: String

    /// Makes an error of its parts.
    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    public static func == (left: CodecError, right: CodecError) -> Bool { left.code == right.code }

    public func hash(into hasher: inout Hasher) { hasher.combine(code) }
}

extension CodecError: CustomStringConvertible {
    public var description: String { reason }
}
