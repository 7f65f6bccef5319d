/// What is wrong with a WAV file, or with reading or writing it.
///
/// Two errors are equal when their codes are.
public struct WAVError: Error, Sendable {
    /// The kind of trouble; more may be added.
    public struct Code: Hashable, Sendable {
        private let name: StaticName

        private enum StaticName {
            case unreadable, unwritable, notWAV, truncated, unsupported, inconsistent, tooLarge
        }

        /// The file cannot be opened or read.
        public static let unreadable = Code(name: .unreadable)

        /// The file cannot be made or written.
        public static let unwritable = Code(name: .unwritable)

        /// The file is of another kind.
        public static let notWAV = Code(name: .notWAV)

        /// The file ends before its sound begins.
        public static let truncated = Code(name: .truncated)

        /// The encoding, or the number of channels, is none of those that are read here.
        public static let unsupported = Code(name: .unsupported)

        /// The fields of the format contradict each other.
        public static let inconsistent = Code(name: .inconsistent)

        /// More sound than a WAV file, or the reader, holds.
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
}

extension WAVError: Equatable {
    public static func == (left: WAVError, right: WAVError) -> Bool { left.code == right.code }
}

extension WAVError: CustomStringConvertible {
    public var description: String { "\(path): \(reason)" }
}
