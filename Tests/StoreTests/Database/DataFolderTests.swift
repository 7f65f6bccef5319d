import Foundation
import Store
import Testing

@Suite struct DataFolderTests {
    @Test func folderAndFilesAreClosedToOthers() async throws {
        let folder = TemporaryFolder()
        // A permissive mask must not open the files.
        let mask = umask(0)
        defer { umask(mask) }
        let database = try Database(folder: folder.path + "/nested/data")
        try await database.addUser(UserRecord(name: "alice", domain: "example.com"), credentials: [])
        #expect(folder.mode() == 0o700)
        #expect(folder.mode(of: "nested") == 0o700)
        #expect(folder.mode(of: "nested/data") == 0o700)
        for suffix in ["", "-wal", "-shm"] {
            #expect(folder.mode(of: "nested/data/\(Database.fileName)\(suffix)") == 0o600, "\(suffix)")
        }
        #expect(!database.isFolderOpenToOthers)
        try database.close()
    }

    @Test func filesThatWereOpenAreClosed() throws {
        let folder = TemporaryFolder()
        let first = try Database(folder: folder.path)
        for suffix in ["", "-wal", "-shm"] {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o644], ofItemAtPath: "\(folder.path)/\(Database.fileName)\(suffix)")
        }
        let second = try Database(folder: folder.path)
        for suffix in ["", "-wal", "-shm"] {
            #expect(folder.mode(of: Database.fileName + suffix) == 0o600, "\(suffix)")
        }
        try second.close()
        try first.close()
    }

    @Test func aFolderThatWasThereIsLeftAsItIsAndNoticed() throws {
        let folder = TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        let database = try Database(folder: folder.path)
        #expect(folder.mode() == 0o755)
        #expect(database.isFolderOpenToOthers)
        #expect(folder.mode(of: Database.fileName) == 0o600)
        try database.close()
    }

    @Test func aFileInPlaceOfTheFolderIsAClearError() throws {
        let folder = TemporaryFolder()
        try Data("x".utf8).write(to: URL(filePath: folder.path))
        let error = try #require(throws: StoreError.self) { try Database(folder: folder.path) }
        #expect(error.code == .cannotOpen)
        #expect(error.description.contains(folder.path))
        #expect(error.description.contains("--data"))
    }

    @Test func aFolderThatCannotBeMadeIsAClearError() throws {
        let error = try #require(throws: StoreError.self) { try Database(folder: "/proc/itodenwa") }
        #expect(error.code == .cannotOpen)
        #expect(error.description.contains("/proc/itodenwa"))
        #expect(throws: StoreError(.cannotOpen, "")) { try Database(folder: "") }
    }
}
