import Foundation
import GRDB
import Testing

@testable import Store

@Suite struct DatabaseTests {
    @Test func commitsAreDurableAndLogged() throws {
        let folder = TemporaryFolder()
        let database = try Store.Database(folder: folder.path)
        // 2 is FULL (https://www.sqlite.org/pragma.html#pragma_synchronous).
        #expect(try database.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == 2)
        #expect(
            try database.pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
        // 5 s, in milliseconds.
        #expect(try database.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA busy_timeout") } == 5_000)
        try database.close()
    }

    @Test func aFreshFileHasThePresentSchemaAndReopens() async throws {
        let folder = TemporaryFolder()
        let first = try Store.Database(folder: folder.path)
        #expect(try await first.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == Schema.currentVersion)
        try await first.addUser(UserRecord(name: "alice", domain: "example.com"), credentials: [])
        try first.close()
        let second = try Store.Database(folder: folder.path)
        #expect(try await second.users().map(\.address) == ["alice@example.com"])
        try second.close()
    }

    @Test func aNewerSchemaIsRefused() throws {
        let folder = TemporaryFolder()
        let database = try Store.Database(folder: folder.path)
        try database.pool.write { try $0.execute(sql: "PRAGMA user_version = \(Schema.currentVersion + 1)") }
        try database.close()
        let error = try #require(throws: StoreError.self) { try Store.Database(folder: folder.path) }
        #expect(error.code == .schemaTooNew)
        #expect(error.reason.contains("\(Schema.currentVersion + 1)"))
        #expect(!error.remedy.isEmpty)
    }

    @Test func stepsRunOnceInOrderAndAFailedStepLeavesNoTrace() throws {
        let folder = TemporaryFolder()
        let database = try Store.Database(folder: folder.path)
        let more = Schema.steps + ["CREATE TABLE extra (a INTEGER)", "INSERT INTO extra VALUES (1)"]
        try database.pool.writeWithoutTransaction { connection in
            try Schema.migrate(connection, path: database.path, steps: more)
            try Schema.migrate(connection, path: database.path, steps: more)
            #expect(try Int.fetchOne(connection, sql: "SELECT count(*) FROM extra") == 1)
            #expect(try Int.fetchOne(connection, sql: "PRAGMA user_version") == more.count)
            #expect(throws: DatabaseError.self) {
                try Schema.migrate(
                    connection, path: database.path, steps: more + ["DROP TABLE extra; SELECT nonsense FROM nowhere"])
            }
            #expect(try Int.fetchOne(connection, sql: "SELECT count(*) FROM extra") == 1)
            #expect(try Int.fetchOne(connection, sql: "PRAGMA user_version") == more.count)
        }
        try database.close()
    }

    @Test func aDatabaseOfAnotherProgramIsRefusedAndUntouched() throws {
        let folder = TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
        let other = try DatabaseQueue(path: "\(folder.path)/\(Store.Database.fileName)")
        try other.write { try $0.execute(sql: "CREATE TABLE theirs (a INTEGER)") }
        let error = try #require(throws: StoreError.self) { try Store.Database(folder: folder.path) }
        #expect(error.code == .foreignDatabase)
        #expect(!error.remedy.isEmpty)
        let tables = try other.read { try String.fetchAll($0, sql: "SELECT name FROM sqlite_schema") }
        #expect(tables == ["theirs"])
        try other.close()
    }

    @Test func aFileThatIsNoDatabaseIsCalledDamaged() throws {
        let folder = TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
        try Data(repeating: 0x55, count: 8_192).write(to: URL(filePath: "\(folder.path)/\(Store.Database.fileName)"))
        let error = try #require(throws: StoreError.self) { try Store.Database(folder: folder.path) }
        #expect(error.code == .damaged)
        #expect(error.description.contains(Store.Database.fileName))
        #expect(error.remedy.contains("backup"))
    }

    @Test func damagedPagesAreFoundByTheCheck() async throws {
        let folder = TemporaryFolder()
        let sound = try Store.Database(folder: folder.path)
        for number in 0..<500 {
            try await sound.addUser(UserRecord(name: "user\(number)", domain: "example.com"), credentials: [])
        }
        try await sound.checkIntegrity()
        try sound.close()
        let path = "\(folder.path)/\(Store.Database.fileName)"
        #expect(try Data(contentsOf: URL(filePath: path + "-wal")).isEmpty, "closing empties the log")
        let file = try FileHandle(forUpdating: URL(filePath: path))
        let size = try file.seekToEnd()
        try #require(size > 4 * 4_096)
        // All but the first three pages, of 4 KiB each: the schema survives, the rows do not.
        try file.seek(toOffset: 3 * 4_096)
        try file.write(contentsOf: Data(repeating: 0xAA, count: Int(size) - 3 * 4_096))
        try file.close()
        let damaged = try Store.Database(folder: folder.path)
        let error = await #expect(throws: StoreError.self) { try await damaged.checkIntegrity() }
        #expect(error?.code == .damaged)
        try damaged.close()
    }

    @Test func aLockHeldByAnotherProcessIsAClearError() async throws {
        let folder = TemporaryFolder()
        var options = Store.Database.Options()
        options.busyTimeout = .milliseconds(1)
        let database = try Store.Database(folder: folder.path, options: options)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: database.path, configuration: configuration)
        try other.inDatabase { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        let error = await #expect(throws: StoreError.self) {
            try await database.addUser(UserRecord(name: "alice", domain: "example.com"), credentials: [])
        }
        #expect(error?.code == .busy)
        #expect(error?.remedy.isEmpty == false)
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        try await database.addUser(UserRecord(name: "alice", domain: "example.com"), credentials: [])
        try other.close()
        try database.close()
    }

    /// Result codes of SQLite and what they become (https://www.sqlite.org/rescode.html).
    @Test(
        arguments: [
            (13, StoreError.Code.full), (8, .readOnly), (264, .readOnly), (11, .damaged), (26, .damaged), (5, .busy),
            (6, .busy), (14, .cannotOpen), (10, .inputOutput), (778, .inputOutput), (9, .cancelled), (1, .failed),
        ] as [(Int32, StoreError.Code)])
    func resultCodesAreTranslated(code: Int32, expected: StoreError.Code) {
        let error = StoreError(DatabaseError(resultCode: ResultCode(rawValue: code), message: "why"), path: "/a/b")
        #expect(error.code == expected)
        #expect(error.reason == "/a/b: why")
    }
}
