import Registrar
import Routing
import Synchronization

/// Users that a test names; all others are unknown. Without names everybody is a user.
final class NamedUsers: Directory {
    private let names: Set<String>
    private let blocked = Atomic<Bool>(false)

    init(_ names: Set<String> = []) { self.names = names }

    /// Stops every user from being known, as while users are loaded.
    func forgetAll(_ value: Bool) { blocked.store(value, ordering: .relaxed) }

    func isUser(_ user: UnsafeRawBufferPointer, domain: Int) -> Bool {
        guard !blocked.load(ordering: .relaxed) else { return false }
        return names.isEmpty || names.contains(String(decoding: user, as: UTF8.self))
    }

    func secret(user: UnsafeRawBufferPointer, domain: Int, algorithm: DigestAlgorithmName) -> [UInt8]? { nil }
}

/// A wall clock that stands still until it is moved.
final class ManualClock: Sendable {
    private let seconds: Atomic<UInt32>

    init(_ start: UInt32 = 1_289_690_940) { seconds = Atomic(start) }

    var now: WallTime { WallTime(seconds: seconds.load(ordering: .relaxed)) }
    func advance(_ by: UInt32) { seconds.add(by, ordering: .relaxed) }
}

/// A journal in memory: the bindings that a restart would find.
final class MemoryJournal: BindingJournal {
    struct Row: Equatable, Sendable {
        var contact = ""
        var parameters = ""
        var callID = ""
        var sequenceNumber: UInt32 = 0
        var preference: UInt16?
        var expires = WallTime(seconds: 0)
        var path = ""
        var flow: [UInt8] = []
    }

    struct Key: Hashable, Sendable {
        var address: String
        var contact: String
    }

    struct State: Sendable {
        var rows: [Key: Row] = [:]
        var calls = 0
        var isLagging = false
        var isFull = false
    }

    private let state = Mutex(State())

    var rows: [Key: Row] { state.withLock { $0.rows } }
    var calls: Int { state.withLock { $0.calls } }
    /// What is there, as `address contact`.
    var keys: Set<String> { Set(rows.keys.map { "\($0.address) \($0.contact)" }) }
    func set(lagging: Bool) { state.withLock { $0.isLagging = lagging } }
    func set(full: Bool) { state.withLock { $0.isFull = full } }

    var isLagging: Bool { state.withLock { $0.isLagging } }
    var lag: Duration { isLagging ? .seconds(3) : .zero }

    private func change(_ body: (inout sending [Key: Row]) -> Void) -> Bool {
        state.withLock { state in
            guard !state.isFull else { return false }
            state.calls += 1
            body(&state.rows)
            return true
        }
    }

    func upsert(_ record: JournalRecord) -> Bool {
        let key = Key(address: text(record.addressOfRecord), contact: text(record.key))
        let row = Row(
            contact: text(record.contact), parameters: text(record.parameters), callID: text(record.callID),
            sequenceNumber: record.sequenceNumber,
            preference: record.preference, expires: record.expires, path: text(record.path),
            flow: Array(record.flow))
        return change { $0[key] = row }
    }

    func remove(addressOfRecord: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Bool {
        let key = Key(address: text(addressOfRecord), contact: text(key))
        return change { $0[key] = nil }
    }

    func removeAll(addressOfRecord: UnsafeRawBufferPointer) -> Bool {
        let address = text(addressOfRecord)
        return change { rows in rows = rows.filter { $0.key.address != address } }
    }

    private func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
}
