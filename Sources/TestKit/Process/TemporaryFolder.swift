import Foundation

/// A new folder of its own for one test, removed with all that is in it when the last reference goes.
///
/// With `ITODENWA_KEEP=1` in the environment it stays, and its path is printed: for looking into a failure.
public final class TemporaryFolder: Sendable {
    /// The absolute path, without a slash at its end.
    public let path: String

    /// - Throws: ``PeerError`` when the system's temporary folder cannot be written.
    public init(_ purpose: String = "test") throws(PeerError) {
        let parent = FileManager.default.temporaryDirectory.path
        path = parent + "/itodenwa-\(purpose)-\(UInt32.random(in: 0 ... .max))"
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        } catch {
            throw PeerError(.startFailed, "cannot make the folder \(path): \(error.localizedDescription)")
        }
    }

    deinit {
        if ProcessInfo.processInfo.environment["ITODENWA_KEEP"] == "1" {
            FileHandle.standardError.write(Data("kept: \(path)\n".utf8))
        } else {
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// The path of a file or folder inside; it need not exist.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Makes a folder inside and returns its path.
    public func folder(_ name: String) throws(PeerError) -> String {
        do {
            try FileManager.default.createDirectory(atPath: file(name), withIntermediateDirectories: true)
        } catch {
            throw PeerError(.startFailed, "cannot make the folder \(file(name)): \(error.localizedDescription)")
        }
        return file(name)
    }

    /// Writes a text file inside and returns its path.
    @discardableResult
    public func write(_ text: String, to name: String) throws(PeerError) -> String {
        guard FileManager.default.createFile(atPath: file(name), contents: Data(text.utf8)) else {
            throw PeerError(.startFailed, "cannot write \(file(name))")
        }
        return file(name)
    }
}
