/// The numbers by which a stream spreads its reports in time: SplitMix64, seeded by the stream's owner. Not for secrets.
struct StreamGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The last events of a stream, in order; what does not fit is refused.
struct EventRing: Sendable {
    private var slots = InlineArray<32, AudioStreamEvent>(repeating: .moved)
    private var head = 0
    private var count = 0

    mutating func append(_ event: AudioStreamEvent) -> Bool {
        guard count < slots.count else { return false }
        slots[(head + count) % slots.count] = event
        count += 1
        return true
    }

    mutating func next() -> AudioStreamEvent? {
        guard count > 0 else { return nil }
        let event = slots[head]
        head = (head + 1) % slots.count
        count -= 1
        return event
    }
}

/// Memory for one frame of samples, or one payload, as long as its owner lives.
final class FrameMemory<Element: BitwiseCopyable & ExpressibleByIntegerLiteral> {
    /// Elements that it holds.
    let elements: UnsafeMutableBufferPointer<Element>

    var count: Int { elements.count }

    init(_ count: Int) {
        elements = .allocate(capacity: max(1, count))
        elements.initialize(repeating: 0)
    }

    deinit { elements.deallocate() }
}
