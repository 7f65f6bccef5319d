import GRDB
import GRDBSQLite

/// A prepared statement that takes and gives bytes where they lie, without copying them into values first: what makes a
/// million bindings load in about a second. Valid inside the database access it was made in.
struct PreparedStatement {
    /// Kept so that the SQLite statement lives.
    private let owner: Statement

    private let handle: SQLiteStatement

    /// Compiles `sql`, or takes it from the connection's cache.
    init(_ sql: String, in database: GRDB.Database) throws {
        owner = try database.cachedStatement(sql: sql)
        handle = owner.sqliteStatement
    }

    /// Binds bytes to the parameter `index` (from 1). They must stay where they are until `run` has returned.
    func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32) {
        // A null pointer would bind NULL rather than no bytes.
        if bytes.isEmpty {
            sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            sqlite3_bind_blob(handle, index, bytes.baseAddress, Int32(truncatingIfNeeded: bytes.count), nil)
        }
    }

    /// Binds an integer to the parameter `index` (from 1).
    func bind(_ integer: Int64, at index: Int32) {
        sqlite3_bind_int64(handle, index, integer)
    }

    /// Binds NULL to the parameter `index` (from 1).
    func bindNull(at index: Int32) {
        sqlite3_bind_null(handle, index)
    }

    /// Runs a statement that gives no rows, and makes it ready for the next time.
    func run() throws {
        let stepped = sqlite3_step(handle)
        let reset = sqlite3_reset(handle)
        guard stepped == SQLITE_DONE else { throw error(reset == SQLITE_OK ? stepped : reset) }
    }

    /// Moves to the next row; false when there is none, and then the statement is ready for the next time.
    func next() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            sqlite3_reset(handle)
            return false
        case let code:
            let reset = sqlite3_reset(handle)
            throw error(reset == SQLITE_OK ? code : reset)
        }
    }

    /// Ends a query before its last row.
    func reset() {
        sqlite3_reset(handle)
    }

    /// The bytes of a column (from 0) of the present row, valid until the next row.
    func bytes(_ column: Int32) -> UnsafeBufferPointer<UInt8> {
        // The pointer comes first: sqlite3_column_blob may convert, after which the count is right.
        let start = sqlite3_column_blob(handle, column)?.assumingMemoryBound(to: UInt8.self)
        return UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
    }

    /// An integer column (from 0) of the present row.
    func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(handle, column)
    }

    /// Whether a column (from 0) of the present row is NULL.
    func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    private func error(_ code: Int32) -> DatabaseError {
        let message = sqlite3_db_handle(handle).flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) }
        return DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }
}
