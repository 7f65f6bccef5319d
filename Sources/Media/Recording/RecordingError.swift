/// Why a recording cannot be made, or goes no further.
///
/// Two errors are equal when their codes are.
public struct RecordingError: Error, Sendable {
    /// The kind of trouble; more may be added.
    public struct Code: Hashable, Sendable {
        private let name: StaticName

        private enum StaticName {
            case unwritable, unsupported, tooLarge
        }

        /// The file cannot be made or written.
        public static let unwritable = Code(name: .unwritable)

        /// The rate, or the kind of file, is none that can be recorded.
        public static let unsupported = Code(name: .unsupported)

        /// The file has reached the size that its kind has at most.
        public static let tooLarge = Code(name: .tooLarge)
    }

    /// The kind of trouble.
    public let code: Code

    /// The file.
    public let path: String

    /// What is wrong, in a sentence part for a person.
    public let reason: String

    init(_ code: Code, _ path: String, _ reason: String) {
        self.code = code
        self.path = path
        self.reason = reason
    }

    init(_ error: WAVError) {
        self.init(error.code == .tooLarge ? .tooLarge : .unwritable, error.path, error.reason)
    }
}

extension RecordingError: Equatable {
    public static func == (left: RecordingError, right: RecordingError) -> Bool { left.code == right.code }
}

extension RecordingError: CustomStringConvertible {
    public var description: String { "\(path): \(reason)" }
}
