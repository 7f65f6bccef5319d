import Foundation

/// A folder of its own for a test, removed with everything in it at the end.
final class TemporaryFolder: Sendable {
    /// The folder's path; the folder is not made.
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appending(path: "itodenwa-\(UUID().uuidString)").path()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The access mode bits of a file, or of the folder itself; nil when it is not there.
    func mode(of name: String = "") -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: name.isEmpty ? path : "\(path)/\(name)")
        return (attributes?[.posixPermissions] as? NSNumber)?.intValue
    }
}
