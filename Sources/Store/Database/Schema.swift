import GRDB

/// The tables of the database and the steps that lead from each version to the next.
///
/// The version is `PRAGMA user_version`; steps only go forward. A step that was released is never edited: a change is a
/// further step.
enum Schema {
    /// Marks the file as ours (`PRAGMA application_id`): "ITOD" in ASCII.
    static let applicationID: Int32 = 0x4954_4F44

    /// The steps; the first makes version 1.
    static let steps: [String] = [version1]

    /// The version that this program reads and writes.
    static var currentVersion: Int { steps.count }

    /// `binding` is clustered by its key: a refresh touches one tree, the bindings of an address lie side by side, and
    /// its index costs no room of its own. There is no index by expiry: it would be rewritten by every refresh.
    private static let version1 = """
        CREATE TABLE user (
            id           INTEGER PRIMARY KEY,
            name         TEXT NOT NULL,
            domain       TEXT NOT NULL,
            display_name TEXT NOT NULL,
            enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
            created_at   INTEGER NOT NULL,
            UNIQUE (domain, name)
        ) STRICT;
        CREATE TABLE credential (
            username  TEXT NOT NULL,
            realm     TEXT NOT NULL,
            algorithm TEXT NOT NULL CHECK (algorithm IN ('MD5', 'SHA-256')),
            ha1       BLOB NOT NULL,
            user_id   INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
            PRIMARY KEY (username, realm, algorithm)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX credential_by_user ON credential (user_id);
        CREATE TABLE binding (
            aor         BLOB NOT NULL,
            contact_key BLOB NOT NULL,
            contact     BLOB NOT NULL,
            call_id     BLOB NOT NULL,
            cseq        INTEGER NOT NULL,
            q           INTEGER NOT NULL,
            expires_at  INTEGER NOT NULL,
            instance    BLOB NOT NULL,
            reg_id      INTEGER,
            path        BLOB NOT NULL,
            user_agent  BLOB NOT NULL,
            parameters  BLOB NOT NULL,
            flow        BLOB NOT NULL,
            PRIMARY KEY (aor, contact_key)
        ) STRICT, WITHOUT ROWID;
        """

    /// Brings the database to `currentVersion`, each step in a transaction of its own.
    ///
    /// - Throws: `StoreError` with `schemaTooNew` or `foreignDatabase`, or what SQLite throws.
    static func migrate(_ database: GRDB.Database, path: String, steps: [String] = steps) throws {
        var version = try readVersion(database, path: path, known: steps.count)
        while version < steps.count {
            try database.inTransaction(.immediate) {
                // Another process may have taken the step while this one waited for the lock.
                version = try readVersion(database, path: path, known: steps.count)
                guard version < steps.count else { return .rollback }
                try database.execute(sql: steps[version])
                version += 1
                try database.execute(sql: "PRAGMA application_id = \(applicationID)")
                try database.execute(sql: "PRAGMA user_version = \(version)")
                return .commit
            }
        }
    }

    private static func readVersion(_ database: GRDB.Database, path: String, known: Int) throws -> Int {
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let application = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        guard application == applicationID || (application == 0 && version == 0 && tables == 0) else {
            throw StoreError(
                .foreignDatabase, "\(path) is a database of another program",
                remedy: "name another data folder with --data DIR, or move the file away")
        }
        guard version <= known else {
            throw StoreError(
                .schemaTooNew,
                "\(path) was written by a newer version (its schema is \(version), this program knows up to \(known))",
                remedy: "run the newer version, or restore the backup made before it was upgraded")
        }
        return version
    }
}
