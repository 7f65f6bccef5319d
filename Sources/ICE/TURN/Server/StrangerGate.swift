/// How often sources are answered that have not proven who they are, so that nobody has the server flood another with answers.
///
/// A source is an IPv4 address, or the first 64 bits of an IPv6 address. Sources share the places of a table of fixed size; who shares
/// one with whom nobody can know who does not know the seed.
struct StrangerGate: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Places of the table, a power of two: 4,096.
    static let places = 4_096

    private struct Place {
        var answers = 0.0
        var since: Instant
    }

    private let rate: Double
    private let seed: UInt64
    private var table: [Place]

    /// - Parameter rate: answers in a second; ten times as many at once.
    init(rate: Int, seed: UInt64, now: Instant) {
        self.rate = Double(max(rate, 1))
        self.seed = seed
        table = Array(repeating: Place(since: now), count: Self.places)
    }

    /// Whether a source may be answered now; counts the answer.
    mutating func admits(_ source: STUNAddress, now: Instant) -> Bool {
        let word = source.isIPv6 ? source.upper : source.lower
        let mixed = (word ^ seed).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        let index = Int((mixed.high ^ mixed.low) & UInt64(Self.places - 1))
        let passed = max(0, (now - table[index].since) / .seconds(1))
        let answers = max(0, table[index].answers - passed * rate)
        guard answers + 1 <= 10 * rate else { return false }
        table[index] = Place(answers: answers + 1, since: max(now, table[index].since))
        return true
    }
}
