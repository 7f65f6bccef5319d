/// Answers that were got, each for a time; without a clock of its own.
struct HostCache: Sendable {
    typealias Key = DNSQuestion
    typealias Answer = Result<DNSReply, HostResolutionError>

    private struct Entry {
        let answer: Answer
        let expires: ContinuousClock.Instant
        let number: UInt64
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    /// Keys in the order in which they came; one whose number differs has been replaced since.
    private var order: [(key: Key, number: UInt64)] = []
    private var firstInOrder = 0
    private var lastNumber: UInt64 = 0

    /// A cache of at most `limit` answers; the oldest makes room.
    init(limit: Int) { self.limit = max(limit, 0) }

    var count: Int { entries.count }

    /// The answer, if there is one that has not expired.
    mutating func answer(_ key: Key, at now: ContinuousClock.Instant) -> Answer? {
        guard let entry = entries[key] else { return nil }
        guard now < entry.expires else {
            entries[key] = nil
            return nil
        }
        return entry.answer
    }

    mutating func store(_ answer: Answer, for key: Key, until expires: ContinuousClock.Instant) {
        guard limit > 0 else { return }
        lastNumber += 1
        entries[key] = Entry(answer: answer, expires: expires, number: lastNumber)
        order.append((key, lastNumber))
        while entries.count > limit || order.count - firstInOrder > 2 * limit { dropOldest() }
        if firstInOrder > limit {
            order.removeSubrange(..<firstInOrder)
            firstInOrder = 0
        }
    }

    private mutating func dropOldest() {
        let (key, number) = order[firstInOrder]
        firstInOrder += 1
        if entries[key]?.number == number { entries[key] = nil }
    }
}
