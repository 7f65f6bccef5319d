import Foundation
import GRDB
import Testing

@testable import Store

@Suite struct UserTests {
    let folder = TemporaryFolder()
    let database: Store.Database

    init() throws { database = try Store.Database(folder: folder.path) }

    private func add(_ name: String, at domain: String = "example.com", password: String = "pass") async throws {
        try await database.addUser(
            UserRecord(name: name, domain: domain, displayName: "The \(name)", created: UnixTime(milliseconds: 7)),
            credentials: Credential.all(username: name, realm: domain, password: password))
    }

    @Test func aUserIsFoundAsItWasAdded() async throws {
        try await add("alice", at: "Example.COM")
        let stored = try #require(try await database.user("alice", at: "EXAMPLE.com"))
        #expect(
            stored.user
                == UserRecord(
                    name: "alice", domain: "example.com", displayName: "The alice", isEnabled: true,
                    created: UnixTime(milliseconds: 7)))
        #expect(
            Set(stored.credentials)
                == Set(try Credential.all(username: "alice", realm: "Example.COM", password: "pass")))
        // The user part keeps its case (RFC 3261 §19.1.4).
        #expect(try await database.user("Alice", at: "example.com") == nil)
    }

    @Test func usersAreListedByDomainAndName() async throws {
        for (name, domain) in [("bob", "b.example"), ("alice", "b.example"), ("zoe", "a.example")] {
            try await add(name, at: domain)
        }
        #expect(try await database.users().map(\.address) == ["zoe@a.example", "alice@b.example", "bob@b.example"])
        #expect(try await database.users(of: "A.example").map(\.address) == ["zoe@a.example"])
        #expect(try await database.users(of: "c.example").isEmpty)
    }

    @Test func aPasswordIsReplaced() async throws {
        try await add("alice", password: "old")
        let new = try Credential.all(username: "alice", realm: "example.com", password: "new")
        try await database.setCredentials(new, of: "alice", at: "example.com")
        #expect(Set(try #require(try await database.user("alice", at: "example.com")).credentials) == Set(new))
    }

    @Test func aUserIsChangedAndRemoved() async throws {
        try await add("alice")
        var user = try #require(try await database.user("alice", at: "example.com")).user
        user.isEnabled = false
        user.displayName = "Alice Liddell"
        try await database.updateUser(user)
        #expect(try await database.user("alice", at: "example.com")?.user == user)
        try await database.removeUser("alice", at: "example.com")
        #expect(try await database.user("alice", at: "example.com") == nil)
        #expect(try await database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM credential") } == 0)
    }

    @Test func addressesAndLoginsAreUnique() async throws {
        try await add("alice")
        await #expect(throws: StoreError(.alreadyExists, "")) { try await add("alice") }
        // Another domain with the same realm: the login would be ambiguous, and nothing of the user remains.
        await #expect(throws: StoreError(.alreadyExists, "")) {
            try await database.addUser(
                UserRecord(name: "alice", domain: "example.net"),
                credentials: Credential.all(username: "alice", realm: "example.com", password: "pass"))
        }
        #expect(try await database.users().count == 1)
    }

    @Test func whatIsNotThereCannotBeChanged() async throws {
        let nobody = UserRecord(name: "nobody", domain: "example.com")
        await #expect(throws: StoreError(.notFound, "")) { try await database.updateUser(nobody) }
        await #expect(throws: StoreError(.notFound, "")) {
            try await database.removeUser("nobody", at: "example.com")
        }
        await #expect(throws: StoreError(.notFound, "")) {
            try await database.setCredentials([], of: "nobody", at: "example.com")
        }
    }

    @Test(arguments: ["", "a@b", "a:b", "a\u{0}", String(repeating: "x", count: UserRecord.maximumByteCount + 1)])
    func namesThatCannotBeUsedAreRefused(name: String) async {
        await #expect(throws: StoreError(.invalidRecord, "")) {
            try await database.addUser(UserRecord(name: name, domain: "example.com"), credentials: [])
        }
    }

    @Test func theLongestNameIsAccepted() async throws {
        let name = String(repeating: "x", count: UserRecord.maximumByteCount)
        try await database.addUser(UserRecord(name: name, domain: "example.com", displayName: name), credentials: [])
        #expect(try await database.users().count == 1)
    }

    @Test(arguments: [1, 2, 3, 100]) func allUsersAreLoadedWithTheirSecrets(batchSize: Int) async throws {
        for name in ["alice", "bob", "carol"] { try await add(name) }
        try await database.addUser(UserRecord(name: "dave", domain: "example.com"), credentials: [])
        let loaded = Collector<[StoredUser]>()
        #expect(try await database.loadUsers(batchSize: batchSize) { loaded.append($0) } == 4)
        #expect(loaded.values.allSatisfy { $0.count <= batchSize })
        let users = loaded.values.flatMap(\.self)
        #expect(users.map(\.user.name) == ["alice", "bob", "carol", "dave"])
        #expect(users.map(\.credentials.count) == [2, 2, 2, 0])
        for user in users { #expect(user.credentials.allSatisfy { $0.username == user.user.name }) }
    }

    @Test func thePasswordIsNowhereInTheFiles() async throws {
        try await add("alice", password: "correct horse battery staple")
        for suffix in ["", "-wal"] {
            let bytes = try Data(contentsOf: URL(filePath: database.path + suffix))
            #expect(bytes.range(of: Data("battery".utf8)) == nil)
        }
        let log = try Data(contentsOf: URL(filePath: database.path + "-wal"))
        #expect(log.range(of: Data("alice".utf8)) != nil)
    }
}
