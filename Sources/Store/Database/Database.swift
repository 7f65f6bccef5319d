import Dispatch
import GRDB

/// The records of a server in one SQLite file, `itodenwa.sqlite` in its data folder.
///
/// All writes go through one connection with a dispatch queue of its own; reads have connections beside it and see the
/// last commit (write-ahead log). Every access may wait for the disk, so none is ever made from a lane: what the SIP
/// path needs is read ahead (`loadUsers`, `loadBindings`) and written behind (`WriteBehind`).
public final class Database: Sendable {
    /// The name of the file in the data folder.
    public static let fileName = "itodenwa.sqlite"

    /// Limits of a database connection.
    public struct Options: Sendable, Hashable {
        /// How long an access waits for another process that holds the database.
        public var busyTimeout: Duration = .seconds(5)

        /// Connections for reading beside the one for writing.
        public var readers = 2

        /// Pages that each connection keeps in memory, in bytes.
        public var pageCacheSize = 32 << 20

        /// Pages in the write-ahead log after which a commit copies them into the main file (of 4 KiB each).
        public var checkpointPages = 4_096

        /// The defaults.
        public init() {}
    }

    /// The path of the database file.
    public let path: String

    /// Whether others than the owner can look into the data folder; worth a warning. (The files in it are closed to them.)
    public let isFolderOpenToOthers: Bool

    let pool: DatabasePool

    /// Opens the database in `folder`; makes both when they are not there (folder 0700, files 0600), and brings an
    /// older schema to the present one.
    ///
    /// - Throws: `StoreError` with `cannotOpen`, `foreignDatabase`, `schemaTooNew`, `damaged`, `readOnly` or `busy`.
    public init(folder: String, options: Options = Options()) throws(StoreError) {
        let folder = try DataFolder(path: folder)
        let path = try folder.secureFile(Self.fileName)
        self.path = path
        isFolderOpenToOthers = folder.isOpenToOthers
        do {
            pool = try DatabasePool(path: path, configuration: Self.configuration(options))
            try pool.writeWithoutTransaction { database in
                // The pool has set NORMAL, which loses the last commits when power fails.
                try database.execute(sql: "PRAGMA synchronous = FULL")
                try database.execute(sql: "PRAGMA wal_autocheckpoint = \(options.checkpointPages)")
                try Schema.migrate(database, path: path)
            }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// Empties the write-ahead log into the file and closes all connections; later accesses fail.
    ///
    /// - Throws: `StoreError` with `busy` when an access is under way.
    public func close() throws(StoreError) {
        // Closing readers last would leave it to the next start. What cannot be copied now is safe in the log.
        _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        do { try pool.close() } catch { throw StoreError(error, path: path) }
    }

    /// Reads the whole file and checks that it is sound. Takes about a second for each million bindings.
    ///
    /// - Throws: `StoreError` with `damaged` and the first faults found.
    public func checkIntegrity() async throws(StoreError) {
        let faults = try await read { database in
            try String.fetchAll(database, sql: "PRAGMA integrity_check(3)")
        }
        guard faults == ["ok"] else {
            throw StoreError(
                resultCode: .SQLITE_CORRUPT, message: faults.joined(separator: ", "), path: path)
        }
    }

    private static func configuration(_ options: Options) -> Configuration {
        var configuration = Configuration()
        configuration.label = "itodenwa.store"
        configuration.maximumReaderCount = max(options.readers, 1)
        let (seconds, attoseconds) = options.busyTimeout.components
        configuration.busyMode = .timeout(Double(seconds) + Double(attoseconds) / 1e18)
        // A commit must not wait behind the lanes' threads for a processor.
        configuration.qos = .userInitiated
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA cache_size = -\(options.pageCacheSize / 1_024)")
            // Removed secrets are overwritten where that needs no further write.
            _ = try Int.fetchOne(database, sql: "PRAGMA secure_delete = FAST")
        }
        return configuration
    }
}

extension Database {
    /// Reads in one snapshot, off the caller's thread.
    func read<Value: Sendable>(
        _ body: @Sendable (GRDB.Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do { return try await pool.read(body) } catch { throw StoreError(error, path: path) }
    }

    /// Writes in one transaction on the writer's queue, off the caller's thread.
    func write<Value: Sendable>(
        _ body: @Sendable (GRDB.Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do { return try await pool.write(body) } catch { throw StoreError(error, path: path) }
    }

    /// Writes in one transaction while the calling thread waits. For the committer's own queue only.
    func writeAndWait(_ body: (GRDB.Database) throws -> Void) throws(StoreError) {
        do {
            try pool.writeInTransaction(.immediate) { database in
                try body(database)
                return .commit
            }
        } catch {
            throw StoreError(error, path: path)
        }
    }
}
