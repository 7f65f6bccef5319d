/// What a network does to packets, from a seed: the same seed does the same.
struct Impairment: Codable {
    /// Part of the packets that are lost.
    var loss = 0.0
    /// Packets that are lost in a row, on average; 1 for losses that know nothing of each other.
    var burst = 1.0
    /// Greatest delay of a packet beyond that of the fastest, in ms; all between are as likely.
    var jitter = 0.0
    /// Time between two stalls, in ms, in which nothing arrives, and their length: what was sent in them comes at once behind. The
    /// first comes at any time of such an interval.
    var spikeInterval = 0.0
    var spike = 0.0
    /// When the only stall begins at the earliest, in ms; it does so within an interval from then on. Nil where they go on.
    var onlySpike: Double?
    /// Part of the packets that come 50 ms late, behind those that were sent after them.
    var reordered = 0.0
    /// Part of the packets that come twice.
    var duplicated = 0.0
    /// By how much the receiver's clock is faster than the sender's, in parts of a million.
    var drift = 0.0

    /// The fastest way, in ms.
    static let base = 20.0
}

/// Two states of Gilbert and Elliott: in the good one nothing is lost, in the bad one everything.
struct Network {
    private let impairment: Impairment
    private var generator: SeededGenerator
    private var isBad = false
    private let toBad: Double
    private let toGood: Double
    /// When the first stall comes, in ms.
    let firstStall: Double

    init(_ impairment: Impairment, seed: UInt64) {
        self.impairment = impairment
        generator = SeededGenerator(state: seed)
        var other = SeededGenerator(state: seed &* 1009)
        firstStall = (impairment.onlySpike ?? 0) + Double.random(in: 0..<1, using: &other) * impairment.spikeInterval
        let burst = max(1, impairment.burst)
        // Losses in a row are so long on average, and so much is lost over all. At a burst of 1 every packet draws anew.
        toGood = 1 / burst
        toBad = impairment.loss >= 1 ? 1 : impairment.loss / (burst * (1 - impairment.loss))
    }

    /// When the last stall began, in ms; nil where there was none.
    func lastStall(_ time: Double) -> Double? {
        guard impairment.spike > 0, time >= firstStall else { return nil }
        if impairment.onlySpike != nil { return firstStall }
        return firstStall + ((time - firstStall) / impairment.spikeInterval).rounded(.down) * impairment.spikeInterval
    }

    /// When the copies of a packet arrive that is sent at a time, in ms: none, one or two.
    mutating func arrivals(sentAt time: Double) -> [Double] {
        let draw = Double.random(in: 0..<1, using: &generator)
        if impairment.burst <= 1 {
            isBad = draw < impairment.loss
        } else {
            isBad = isBad ? draw >= toGood : draw < toBad
        }
        let jitter = Double.random(in: 0...1, using: &generator) * impairment.jitter
        let isLate = Double.random(in: 0..<1, using: &generator) < impairment.reordered
        let isTwice = Double.random(in: 0..<1, using: &generator) < impairment.duplicated
        if isBad { return [] }
        var arrival = time + Impairment.base + jitter + (isLate ? 50 : 0)
        if let stall = lastStall(arrival) { arrival = max(arrival, stall + impairment.spike) }
        return isTwice ? [arrival, arrival + 5] : [arrival]
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
