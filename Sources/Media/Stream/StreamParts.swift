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

/// A frame of sound of a stream, and the mean of its channels for those who take one.
final class SoundFrame {
    /// What the samples are.
    let layout: SampleLayout
    /// Samples of each channel.
    let count: Int
    private let both: FrameMemory<Int16>
    private let one: FrameMemory<Int16>

    /// Memory for sound of a duration.
    init(_ layout: SampleLayout, _ duration: Duration) {
        self.layout = layout
        count = layout.sampleRate.samples(in: duration)
        both = FrameMemory(count * layout.channels)
        one = layout.channels > 1 ? FrameMemory(count) : both
    }

    /// Samples of all channels, interleaved.
    var elements: UnsafeMutableBufferPointer<Int16> { both.elements }

    /// The mean of the channels since ``mix()`` or what was put here; where there is one channel, its samples.
    var mean: UnsafeMutableBufferPointer<Int16> { one.elements }

    /// Makes the mean of what the channels hold.
    func mix() {
        guard one !== both else { return }
        let (samples, mean) = (both.elements, one.elements)
        for index in 0..<count { mean[index] = Channels.mean(samples[2 * index], samples[2 * index + 1]) }
    }

    /// Puts the mean into each channel.
    func spread() {
        guard one !== both else { return }
        let (samples, mean) = (both.elements, one.elements)
        for index in 0..<count {
            samples[2 * index] = mean[index]
            samples[2 * index + 1] = mean[index]
        }
    }
}
