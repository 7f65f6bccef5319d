import Glibc

/// The folder that holds everything a server keeps, and the access modes of what is in it.
///
/// The database holds HA1 secrets, which are worth as much as passwords (RFC 7616 §5.2): files are readable by their owner only.
struct DataFolder {
    /// Access mode of a folder that the server makes.
    static let folderMode: mode_t = 0o700

    /// Access mode of the database and of the files SQLite keeps beside it.
    static let fileMode: mode_t = 0o600

    /// The folder's path.
    let path: String

    /// Whether others than the owner have access to the folder itself. A folder that was there before is left as it
    /// is (it may be anyone's), so that this deserves a word to the operator.
    let isOpenToOthers: Bool

    /// Opens the folder at `path`, or makes it with all that is missing above it.
    ///
    /// - Throws: `StoreError` with `cannotOpen`.
    init(path: String) throws(StoreError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StoreError(.cannotOpen, "the data folder has no valid name", remedy: "name one with --data DIR")
        }
        self.path = path
        try Self.make(path)
        var status = stat()
        guard stat(path, &status) == 0 else { throw Self.failure("cannot open the data folder", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(
                .cannotOpen, "the data folder \(path) is not a folder", remedy: "name another one with --data DIR")
        }
        isOpenToOthers = status.st_mode & 0o077 != 0
    }

    /// Makes sure that `name` exists in the folder and that it, and SQLite's files beside it, have `fileMode`.
    ///
    /// SQLite gives its -wal and -shm files the mode of the main file, so the main file must have it before it is
    /// opened.
    ///
    /// - Returns: the path of the file.
    /// - Throws: `StoreError` with `cannotOpen`.
    func secureFile(_ name: String) throws(StoreError) -> String {
        let file = path.hasSuffix("/") ? path + name : path + "/" + name
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, Self.fileMode)
        guard descriptor >= 0 else { throw Self.failure("cannot open", file) }
        defer { close(descriptor) }
        guard fchmod(descriptor, Self.fileMode) == 0 else { throw Self.failure("cannot set the mode of", file) }
        for suffix in ["-wal", "-shm"] {
            guard chmod(file + suffix, Self.fileMode) == 0 || errno == ENOENT else {
                throw Self.failure("cannot set the mode of", file + suffix)
            }
        }
        return file
    }

    /// Makes the folder, parents first; those that are there already are no error.
    private static func make(_ path: String) throws(StoreError) {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
            let part = String(path[..<end])
            if mkdir(part, folderMode) != 0, errno != EEXIST {
                // A parent above ours may refuse us and yet hold the folder (EACCES, EROFS): opening will tell.
                var status = stat()
                guard stat(part, &status) == 0 else { throw failure("cannot make the data folder", part) }
            }
        }
    }

    private static func failure(_ what: String, _ path: String) -> StoreError {
        StoreError(
            .cannotOpen, "\(what) \(path): \(String(cString: strerror(errno)))",
            remedy: "let the server's user read and write it, or name another folder with --data DIR")
    }
}
