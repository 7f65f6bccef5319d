import Foundation
import GRDB

/// A user together with the credentials that answer challenges for it.
public struct StoredUser: Hashable, Sendable {
    /// The user.
    public var user: UserRecord

    /// One for each realm and algorithm.
    public var credentials: [Credential]

    /// Puts both together.
    public init(user: UserRecord, credentials: [Credential]) {
        self.user = user
        self.credentials = credentials
    }
}

extension Database {
    /// Adds a user with its credentials.
    ///
    /// - Throws: `StoreError` with `alreadyExists` when the address, or a credential's user name in its realm, is taken,
    ///   or `invalidRecord`.
    public func addUser(_ user: UserRecord, credentials: [Credential]) async throws(StoreError) {
        try user.validate()
        try await write { database in
            guard try Self.identifier(of: user.name, at: user.domain, in: database) == nil else {
                throw StoreError(
                    .alreadyExists, "\(user.address) is there already",
                    remedy: "to change the password: ito user password \(user.address)")
            }
            try database.execute(
                sql: "INSERT INTO user (name, domain, display_name, enabled, created_at) VALUES (?, ?, ?, ?, ?)",
                arguments: [user.name, user.domain, user.displayName, user.isEnabled, user.created.milliseconds])
            try Self.insert(credentials, user: database.lastInsertedRowID, address: user.address, in: database)
        }
    }

    /// Replaces the credentials of a user: a new password.
    ///
    /// - Throws: `StoreError` with `notFound`, or `alreadyExists` when a credential belongs to another user.
    public func setCredentials(
        _ credentials: [Credential], of name: String, at domain: String
    ) async throws(StoreError) {
        let domain = domain.lowercased()
        try await write { database in
            let user = try Self.requiredIdentifier(of: name, at: domain, in: database)
            try database.execute(sql: "DELETE FROM credential WHERE user_id = ?", arguments: [user])
            try Self.insert(credentials, user: user, address: "\(name)@\(domain)", in: database)
        }
    }

    /// Changes the display name of a user and whether it is enabled; name, domain and creation time stay.
    ///
    /// - Throws: `StoreError` with `notFound` or `invalidRecord`.
    public func updateUser(_ user: UserRecord) async throws(StoreError) {
        try user.validate()
        try await write { database in
            let identifier = try Self.requiredIdentifier(of: user.name, at: user.domain, in: database)
            try database.execute(
                sql: "UPDATE user SET display_name = ?, enabled = ? WHERE id = ?",
                arguments: [user.displayName, user.isEnabled, identifier])
        }
    }

    /// Removes a user and its credentials. Its bindings are the registrar's, who drops them with
    /// `WriteBehind.enqueue(.removeAll)`.
    ///
    /// - Throws: `StoreError` with `notFound`.
    public func removeUser(_ name: String, at domain: String) async throws(StoreError) {
        let domain = domain.lowercased()
        try await write { database in
            let user = try Self.requiredIdentifier(of: name, at: domain, in: database)
            try database.execute(sql: "DELETE FROM user WHERE id = ?", arguments: [user])
        }
    }

    /// The user with this address, or nil.
    public func user(_ name: String, at domain: String) async throws(StoreError) -> StoredUser? {
        let domain = domain.lowercased()
        return try await read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM user WHERE domain = ? AND name = ?", arguments: [domain, name])
            else { return nil }
            let credentials = try Row.fetchAll(
                database, sql: "SELECT * FROM credential WHERE user_id = ?", arguments: [row["id"] as Int64]
            ).map(Self.credential)
            return StoredUser(user: Self.user(row), credentials: credentials)
        }
    }

    /// All users without their secrets, by domain and name; `domain` narrows them to one.
    public func users(of domain: String? = nil) async throws(StoreError) -> [UserRecord] {
        let domain = domain?.lowercased()
        return try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM user WHERE ?1 IS NULL OR domain = ?1 ORDER BY domain, name",
                arguments: [domain]
            ).map(Self.user)
        }
    }

    /// Reads all users with their credentials from one snapshot, at start, in batches.
    ///
    /// - Parameters:
    ///   - batchSize: The most users in a batch.
    ///   - receive: Called with each batch, on a thread of the database.
    /// - Returns: how many users there were.
    @discardableResult
    public func loadUsers(
        batchSize: Int = 1_024, _ receive: @Sendable ([StoredUser]) -> Void
    ) async throws(StoreError) -> Int {
        try await read { database in
            var total = 0
            var batch: [StoredUser] = []
            var last: Int64?
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT * FROM user LEFT JOIN credential ON credential.user_id = user.id ORDER BY user.id")
            while let row = try rows.next() {
                let identifier: Int64 = row["id"]
                if identifier != last {
                    if batch.count >= max(batchSize, 1) {
                        receive(batch)
                        batch.removeAll(keepingCapacity: true)
                    }
                    batch.append(StoredUser(user: Self.user(row), credentials: []))
                    total += 1
                    last = identifier
                }
                // Null in every column of the credential: a user without one.
                if (row["algorithm"] as String?) != nil {
                    batch[batch.count - 1].credentials.append(try Self.credential(row))
                }
            }
            if !batch.isEmpty { receive(batch) }
            return total
        }
    }
}

extension Database {
    private static func identifier(
        of name: String, at domain: String, in database: GRDB.Database
    ) throws -> Int64? {
        try Int64.fetchOne(
            database, sql: "SELECT id FROM user WHERE domain = ? AND name = ?", arguments: [domain, name])
    }

    private static func requiredIdentifier(
        of name: String, at domain: String, in database: GRDB.Database
    ) throws -> Int64 {
        guard let identifier = try identifier(of: name, at: domain, in: database) else {
            throw StoreError(
                .notFound, "there is no user \(name)@\(domain)", remedy: "ito user list shows the users there are")
        }
        return identifier
    }

    private static func insert(
        _ credentials: [Credential], user: Int64, address: String, in database: GRDB.Database
    ) throws {
        for credential in credentials {
            do {
                try database.execute(
                    sql: "INSERT INTO credential (username, realm, algorithm, ha1, user_id) VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        credential.username, credential.realm, credential.algorithm.rawValue, Data(credential.ha1),
                        user,
                    ])
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw StoreError(
                    .alreadyExists,
                    """
                    the user name \(credential.username) is taken in the realm \(credential.realm), \
                    so \(address) cannot have it too
                    """, remedy: "choose another user name, or give the domain a realm of its own")
            }
        }
    }

    private static func user(_ row: Row) -> UserRecord {
        UserRecord(
            name: row["name"], domain: row["domain"], displayName: row["display_name"], isEnabled: row["enabled"],
            created: UnixTime(milliseconds: row["created_at"]))
    }

    private static func credential(_ row: Row) throws -> Credential {
        guard let algorithm = Credential.Algorithm(rawValue: row["algorithm"]) else {
            throw StoreError(.invalidRecord, "the algorithm \(row["algorithm"] as String) of a credential is unknown")
        }
        return try Credential(
            username: row["username"], realm: row["realm"], algorithm: algorithm, ha1: Array(row["ha1"] as Data))
    }
}
