import GRDB

extension StoreError {
    /// Translates whatever a database access threw; an error of the store passes unchanged.
    init(_ error: any Error, path: String, file: String = #fileID, line: Int = #line) {
        if let error = error as? StoreError {
            self = error
        } else if error is CancellationError {
            self.init(.cancelled, "the access to \(path) was cancelled", file: file, line: line)
        } else if let error = error as? DatabaseError {
            self.init(
                resultCode: error.resultCode, message: error.message ?? "no details", path: path, file: file, line: line
            )
        } else {
            self.init(.failed, "\(path): \(error)", file: file, line: line)
        }
    }

    /// Translates a result code of SQLite (https://www.sqlite.org/rescode.html).
    init(resultCode: ResultCode, message: String, path: String, file: String = #fileID, line: Int = #line) {
        let (code, remedy): (Code, String) =
            switch resultCode.primaryResultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                (
                    .damaged,
                    """
                    stop the server, move the file and its -wal and -shm away, then restore a backup, or save what is \
                    left with: sqlite3 OLD .recover | sqlite3 NEW
                    """
                )
            case .SQLITE_FULL: (.full, "free space on the disk (or raise the quota); pending writes are kept meanwhile")
            case .SQLITE_READONLY:
                (.readOnly, "let the server's user write the file and its folder, on a file system mounted read-write")
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                (.busy, "end the other process that holds the database (for example an open sqlite3 shell)")
            case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
                (.cannotOpen, "let the server's user read and write the folder and the file")
            case .SQLITE_IOERR: (.inputOutput, "check the disk and the kernel's log")
            case .SQLITE_CONSTRAINT: (.alreadyExists, "")
            case .SQLITE_INTERRUPT: (.cancelled, "")
            default: (.failed, "")
            }
        self.init(code, "\(path): \(message)", remedy: remedy, file: file, line: line)
    }
}
