import Glibc

/// Files of the data folder that hold secrets.
enum PrivateFile {
    /// Writes a file for its owner only. It is written aside and renamed, so that a crash leaves the old one or the new one.
    ///
    /// - Throws: `ServerError` when it cannot be written.
    static func write(_ bytes: [UInt8], to path: String) throws(ServerError) {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            sent += count
        }
        let synced = fsync(descriptor)
        close(descriptor)
        guard sent == bytes.count, synced == 0, rename(draft, path) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String) -> ServerError {
        ServerError(
            .environment, "cannot write \(path): \(String(cString: strerror(errno)))",
            remedy: "let the server's user write the data folder, and see whether its disk is full")
    }
}
