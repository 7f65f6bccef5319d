/// Numbers that spread what many elements do at the same time, such as refreshes: SplitMix64, seeded by the owner. Not for secrets.
package struct SplitMix64: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// The next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The next number from 0 to 1, 1 left out.
    package mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
