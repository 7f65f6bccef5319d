import Foundation
import GRDB
import Testing

@testable import Store

@Suite struct BindingStoreTests {
    let folder = TemporaryFolder()
    let database: Store.Database

    init() throws { database = try Store.Database(folder: folder.path) }

    private func commit(_ changes: [BindingChange]) throws {
        var pending = PendingChanges()
        for change in changes { pending.add(change) }
        try database.commit(pending)
    }

    @Test func everyFieldComesBack() async throws {
        let full = try #require(
            BindingRecord(
                addressOfRecord: [0, 255, 39], contactKey: bytes("key"), contact: bytes("sip:a@b"), callID: bytes("id"),
                sequenceNumber: .max, preference: 700, expires: UnixTime(milliseconds: 1_700_000_000_000),
                instance: bytes("<urn:uuid:1>"), registrationID: .max, path: bytes("<sip:p;lr>"),
                userAgent: bytes("phone"), parameters: bytes(";q=0.7"), flow: [0, 0, 1]))
        let sparse = try #require(
            BindingRecord(
                addressOfRecord: bytes("a"), contactKey: bytes("k"), contact: bytes("k"), callID: [], sequenceNumber: 0,
                preference: 0, expires: UnixTime(milliseconds: -1)))
        try commit([.upsert(full), .upsert(sparse)])
        #expect(try await database.storedBindings() == [full.key: full, sparse.key: sparse])
    }

    @Test func changesAreCarriedOutInOrder() async throws {
        try commit((0..<3).flatMap { user in (0..<3).map { .upsert(binding(user, contact: $0)) } })
        try commit([
            .upsert(binding(0, contact: 0, sequence: 2)), .remove(binding(0, contact: 1).key),
            .removeAll(addressOfRecord: Array(binding(1).addressOfRecord)), .upsert(binding(1, contact: 7)),
            .remove(binding(9).key),
        ])
        let expected = [
            binding(0, contact: 0, sequence: 2), binding(0, contact: 2), binding(1, contact: 7),
            binding(2, contact: 0), binding(2, contact: 1), binding(2, contact: 2),
        ]
        #expect(
            try await database.storedBindings() == Model(uniqueKeysWithValues: expected.map { ($0.key, $0) }))
    }

    @Test(arguments: [1, 2, 7, 1_000]) func loadingGivesBatchesWithoutTheExpired(batchSize: Int) async throws {
        let now = UnixTime(milliseconds: 1_000)
        try commit(
            (0..<10).map {
                .upsert(binding($0, expires: $0 < 4 ? now : UnixTime(milliseconds: now.milliseconds + 1)))
            })
        let batches = Collector<[BindingRecord]>()
        let load = try await database.loadBindings(validAt: now, batchSize: batchSize) { batches.append($0) }
        #expect(load == BindingLoad(loaded: 6, expired: 4, malformed: 0))
        #expect(batches.values.allSatisfy { !$0.isEmpty && $0.count <= batchSize })
        let expected = (4..<10).map { binding($0, expires: UnixTime(milliseconds: 1_001)) }
        #expect(Set(batches.values.flatMap(\.self)) == Set(expected))
    }

    @Test func rowsEditedBeyondTheirRangeArePassedOver() async throws {
        try commit((0..<5).map { .upsert(binding($0)) })
        try await database.write { connection in
            for (user, edit) in [(0, "q = 1001"), (1, "cseq = -1"), (2, "reg_id = 4294967296"), (3, "aor = x''")] {
                try connection.execute(
                    sql: "UPDATE binding SET \(edit) WHERE aor = ?",
                    arguments: [Data(binding(user).addressOfRecord)])
            }
        }
        let batches = Collector<[BindingRecord]>()
        let load = try await database.loadBindings(validAt: UnixTime(milliseconds: 0)) { batches.append($0) }
        #expect(load == BindingLoad(loaded: 1, expired: 0, malformed: 4))
        #expect(batches.values == [[binding(4)]])
    }

    @Test func purgingRemovesTheExpiredOnlyInSteps() async throws {
        let total = 2 * Store.Database.purgeStep + 10
        try commit(
            (0..<total).map { .upsert(binding($0, expires: UnixTime(milliseconds: $0 % 3 == 0 ? 1_000 : 2_000))) })
        let expired = (total + 2) / 3
        #expect(try await database.purgeExpiredBindings(at: UnixTime(milliseconds: 999)) == 0)
        #expect(try await database.purgeExpiredBindings(at: UnixTime(milliseconds: 1_000)) == expired)
        #expect(try await database.purgeExpiredBindings(at: UnixTime(milliseconds: 1_000)) == 0)
        let load = try await database.loadBindings(validAt: UnixTime(milliseconds: 0)) { _ in }
        #expect(load == BindingLoad(loaded: total - expired, expired: 0, malformed: 0))
        #expect(try await database.purgeExpiredBindings(at: UnixTime(milliseconds: .max)) == total - expired)
    }
}
