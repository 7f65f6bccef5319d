/// Extends 16-bit sequence numbers and remembers which of the last 64 have come, and which of these carry no audio.
struct SequenceWindow: Sendable {
    /// Highest number received, extended.
    private(set) var highest: Int64

    private var highestOnWire: UInt16
    /// Bit n stands for the number n below the highest.
    private var received: UInt64 = 0
    private var silent: UInt64 = 0

    /// Numbers that are remembered.
    static let size: Int64 = 64

    /// A window whose first packet will have the number `sequence` on the wire and `extended` inside.
    init(next sequence: UInt16, extended: Int64) {
        highest = extended - 1
        highestOnWire = sequence &- 1
    }

    /// The extended number that is nearest to the highest one.
    func extended(_ sequence: UInt16) -> Int64 {
        highest + Int64(Int16(bitPattern: sequence &- highestOnWire))
    }

    /// Takes note of a packet; false when it is known already.
    mutating func insert(_ number: Int64, isAudio: Bool) -> Bool {
        if number > highest {
            let step = number - highest
            received = step < Self.size ? received << UInt64(step) : 0
            silent = step < Self.size ? silent << UInt64(step) : 0
            highest = number
            highestOnWire &+= UInt16(truncatingIfNeeded: step)
        }
        let age = highest - number
        // What is older than the window is too old to be played; it is left to be found late.
        guard age < Self.size else { return true }
        let bit = UInt64(1) << UInt64(age)
        guard received & bit == 0 else { return false }
        received |= bit
        if !isAudio { silent |= bit }
        return true
    }

    /// Whether a packet has come, or is older than what is remembered.
    func contains(_ number: Int64) -> Bool {
        guard number <= highest else { return false }
        let age = highest - number
        return age >= Self.size || received & (UInt64(1) << UInt64(age)) != 0
    }

    /// Packets between two numbers, both excluded, that have not come, as far as they are remembered.
    func missing(between first: Int64, and last: Int64) -> Int {
        count(between: first, and: last, in: ~received)
    }

    /// Whether every packet between two numbers, both excluded, has come and carries no audio; so when there is none.
    func isSilent(between first: Int64, and last: Int64) -> Bool {
        guard last - first - 1 > 0 else { return last > first }
        return last - first <= Self.size && count(between: first, and: last, in: silent) == Int(last - first - 1)
    }

    private func count(between first: Int64, and last: Int64, in bits: UInt64) -> Int {
        let youngest = highest - last + 1
        let oldest = min(highest - first - 1, Self.size - 1)
        guard youngest >= 0, oldest >= youngest else { return 0 }
        let width = UInt64(oldest - youngest + 1)
        let mask = width == 64 ? UInt64.max : (UInt64(1) << width) - 1
        return ((bits >> UInt64(youngest)) & mask).nonzeroBitCount
    }
}
