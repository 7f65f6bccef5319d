import RTP

/// Sounds keys one after the other in place of what is said, for peers that take no telephone events (ITU-T Q.23).
struct KeyTones {
    /// How long a key sounds, and is silent after it: ITU-T Q.24 asks for 40 ms of each at least.
    static let duration = Duration.milliseconds(100)
    static let pause = Duration.milliseconds(100)

    /// Most keys that wait.
    static let capacity = 32

    /// Rate of the samples. A key that sounds begins anew when it changes.
    var sampleRate: SampleRate {
        didSet { if sampleRate != oldValue, let key { begin(key) } }
    }

    private var queue = InlineArray<32, TelephoneEvent.Code>(repeating: .star)
    private var head = 0
    private var count = 0
    private var key: TelephoneEvent.Code?
    private var generator: ToneGenerator?
    /// Samples of sound and pause that are left.
    private var left = 0

    init(sampleRate: SampleRate) { self.sampleRate = sampleRate }

    /// Whether a key sounds or waits.
    var isBusy: Bool { key != nil || count > 0 }

    /// Queues a key.
    ///
    /// - Returns: false when the queue is full, or the event has no tones.
    mutating func enqueue(_ key: TelephoneEvent.Code) -> Bool {
        guard key.isDTMF, count < Self.capacity else { return false }
        queue[(head + count) % Self.capacity] = key
        count += 1
        return true
    }

    /// Puts the key that is due in place of what a frame has. A key begins with a frame; its beginning allocates.
    ///
    /// - Returns: whether there is one.
    mutating func fill(_ frame: inout MutableSpan<Int16>) -> Bool {
        if key == nil {
            guard count > 0 else { return false }
            let next = queue[head]
            head = (head + 1) % Self.capacity
            count -= 1
            begin(next)
        }
        generator?.fill(&frame)
        frame.silence(from: min(left, frame.count))
        left -= min(left, frame.count)
        if left == 0 {
            key = nil
            generator = nil
        }
        return true
    }

    private mutating func begin(_ key: TelephoneEvent.Code) {
        self.key = key
        guard let digit = key.key, var tone = Tone.dtmf(digit) else { return }
        tone.cadence = [Self.duration, Self.pause]
        generator = ToneGenerator(tone, sampleRate: sampleRate)
        left = sampleRate.samples(in: Self.duration + Self.pause)
    }
}
