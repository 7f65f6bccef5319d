import Foundation
import Testing

@testable import Store

/// What survives a process that is killed without warning: real processes, ended by SIGKILL.
@Suite(.timeLimit(.minutes(5))) struct DurabilityTests {
    /// The change at a position, the same in the process that dies and in the one that looks.
    static func change(_ position: Int) -> BindingChange {
        let user = position % 97
        return switch position % 11 {
        case 10: .removeAll(addressOfRecord: Array(binding(user).addressOfRecord))
        case 7, 8, 9: .remove(binding(user, contact: position % 3).key)
        default: .upsert(binding(user, contact: position % 3, sequence: UInt32(position)))
        }
    }

    /// The last "committed N" line that a process wrote.
    private static func committed(_ output: [UInt8]) throws -> Int {
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("committed ") }
        return try #require(lines.last.flatMap { Int($0.dropFirst("committed ".count)) }, "no line in the output")
    }

    private static func write(_ line: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data("\(line)\n".utf8))
    }

    /// Killed at an arbitrary moment with changes on their way: what is stored is the outcome of the first so many
    /// changes, no fewer than the process knew to be committed; never half a transaction.
    @Test(arguments: [1, 5_000, 60_000]) func aKilledWriterLeavesAPrefix(atLeast: Int) async throws {
        let folder = TemporaryFolder()
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            [path = folder.path as String, atLeast = atLeast as Int] in
            var options = WriteBehind.Options()
            options.commitInterval = .milliseconds(5)
            let queue = WriteBehind(database: try Database(folder: path), options: options)
            let writer = Thread {
                var position = 0
                while true {
                    if queue.enqueue(DurabilityTests.change(position)) { position += 1 }
                }
            }
            writer.start()
            while queue.status.committed < atLeast { await Task.yield() }
            DurabilityTests.write("committed \(queue.status.committed)")
            kill(getpid(), SIGKILL)
        }
        let committed = try Self.committed(result.standardOutputContent)
        #expect(committed >= atLeast)
        let database = try Database(folder: folder.path)
        try await database.checkIntegrity()
        let stored = try await database.storedBindings()
        var model: Model = [:]
        for position in 0..<committed { apply(Self.change(position), to: &model) }
        var position = committed
        while model != stored, position < committed + 2_000_000 {
            apply(Self.change(position), to: &model)
            position += 1
        }
        #expect(model == stored)
        try database.close()
    }

    /// Killed right after the committer's own interval has passed, without a flush: everything queued is found, removals
    /// and the removal of a whole address too.
    @Test func whatWasQueuedBeforeTheIntervalIsFound() async throws {
        let folder = TemporaryFolder()
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            [path = folder.path as String] in
            let queue = WriteBehind(database: try Database(folder: path))
            for position in 0..<1_000 { _ = queue.enqueue(DurabilityTests.change(position)) }
            while queue.status.committed < 1_000 { await Task.yield() }
            DurabilityTests.write("committed \(queue.status.committed)")
            kill(getpid(), SIGKILL)
        }
        #expect(try Self.committed(result.standardOutputContent) == 1_000)
        var model: Model = [:]
        for position in 0..<1_000 { apply(Self.change(position), to: &model) }
        let database = try Database(folder: folder.path)
        #expect(try await database.storedBindings() == model)
        try database.close()
    }

    /// Users and their secrets are committed when the call returns.
    @Test func anAddedUserIsFound() async throws {
        let folder = TemporaryFolder()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = folder.path as String] in
            let database = try Database(folder: path)
            try await database.addUser(
                UserRecord(name: "alice", domain: "example.com"),
                credentials: Credential.all(username: "alice", realm: "example.com", password: "pass"))
            kill(getpid(), SIGKILL)
        }
        let database = try Database(folder: folder.path)
        #expect(try await database.user("alice", at: "example.com")?.credentials.count == 2)
        try database.close()
    }
}
