import Glibc

/// The lock that keeps a second server off a data folder: `server.lock`, held until the process ends, however it ends.
final class FolderLock: Sendable {
    /// The name of the file in the data folder; it holds the process number of the server, for people.
    static let fileName = "server.lock"

    private let descriptor: Int32

    /// Takes the lock, and makes the folder when it is not there.
    ///
    /// - Throws: `ServerError` when another server has it, or the folder cannot be used.
    init(folder: String) throws(ServerError) {
        let path = folder + "/" + Self.fileName
        try Self.makeFolder(folder)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ServerError(
                .environment, "cannot open \(path): \(String(cString: strerror(errno)))",
                remedy: "let the server's user read and write the folder, or name another one with --data DIR")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let owner = Self.owner(descriptor)
            close(descriptor)
            throw ServerError(
                .environment, "a server\(owner) works with the data folder \(folder) already",
                remedy: "stop it, or name another folder with --data DIR")
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit { close(descriptor) }

    /// Whether a server works with the folder now.
    static func isHeld(in folder: String) -> Bool {
        let descriptor = open(folder + "/" + fileName, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0
    }

    private static func owner(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return "" }
        let text = String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
        return " (process \(text))"
    }

    /// Makes a data folder with those above it, for their owner only, unless it is there.
    static func makeFolder(_ path: String) throws(ServerError) {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
            let part = String(path[..<end])
            guard mkdir(part, 0o700) != 0, errno != EEXIST else { continue }
            let reason = String(cString: strerror(errno))
            var status = stat()
            guard stat(part, &status) == 0 else {
                throw ServerError(
                    .environment, "cannot make the data folder \(part): \(reason)",
                    remedy: "name a folder that the server's user may make with --data DIR")
            }
        }
    }
}
