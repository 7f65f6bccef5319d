import Foundation

/// The folder that this package was built from: tests find their scenarios and tools there.
public enum Repository {
    private static let root = URL(filePath: #filePath).appending(path: "../../../..").standardizedFileURL

    /// The absolute path of a file of the repository.
    public static func file(_ path: String) -> String { root.appending(path: path).path(percentEncoded: false) }
}
