/// Why an operation on the store failed, and what a person can do about it.
///
/// Two errors are equal when their codes are: reasons are for reading, codes for deciding.
public struct StoreError: Error, Sendable {
    /// The kinds of failure; more may come, so a `switch` over them needs a `default`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the code, as shown in logs.
        public let description: String

        /// The data folder or a file in it cannot be made, opened or given its access mode.
        public static let cannotOpen = Code(description: "cannotOpen")
        /// The file is a database, but not one of this program.
        public static let foreignDatabase = Code(description: "foreignDatabase")
        /// The database was written by a newer version of this program.
        public static let schemaTooNew = Code(description: "schemaTooNew")
        /// The file is damaged, or no database at all.
        public static let damaged = Code(description: "damaged")
        /// The disk, the quota or the permitted size is used up.
        public static let full = Code(description: "full")
        /// The file, or the file system it is on, cannot be written.
        public static let readOnly = Code(description: "readOnly")
        /// Another process held the database for longer than the busy time-out.
        public static let busy = Code(description: "busy")
        /// The disk reported an error.
        public static let inputOutput = Code(description: "inputOutput")
        /// A record cannot be stored because of what it holds.
        public static let invalidRecord = Code(description: "invalidRecord")
        /// A record with this key is there already.
        public static let alreadyExists = Code(description: "alreadyExists")
        /// There is no record with this key.
        public static let notFound = Code(description: "notFound")
        /// The task that waited was cancelled.
        public static let cancelled = Code(description: "cancelled")
        /// The database answered with an error that has no code of its own here.
        public static let failed = Code(description: "failed")
    }

    /// The kind of failure.
    public let code: Code

    /// What happened, for a person, with the path or key it is about.
    public let reason: String

    /// What to do about it, for a person; empty when there is nothing to advise.
    public let remedy: String

    /// The source file that made the error.
    public let file: String

    /// The line in `file`.
    public let line: Int

    /// Makes an error.
    public init(
        _ code: Code, _ reason: String, remedy: String = "", file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.reason = reason
        self.remedy = remedy
        self.file = file
        self.line = line
    }
}

extension StoreError: Hashable {
    public static func == (left: StoreError, right: StoreError) -> Bool { left.code == right.code }

    public func hash(into hasher: inout Hasher) { hasher.combine(code) }
}

extension StoreError: CustomStringConvertible {
    /// The reason, and the remedy when there is one.
    public var description: String { remedy.isEmpty ? reason : "\(reason); \(remedy)" }
}
