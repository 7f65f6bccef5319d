import AllocationCounter
import Media
import RTP

/// One call between a phone with Opus at 16 kHz and one with G.711: a frame of 20 ms each way, by codecs and resampling alone.
struct Transcoding {
    private static let wide = SampleRate.wideband
    private static let narrow = SampleRate.narrowband

    private let voice: [Int16]
    private let opusEncoder: AudioEncoder
    private let opusDecoder: AudioDecoder
    private let lawEncoder: AudioEncoder
    private let lawDecoder: AudioDecoder
    private let opusPhone: AudioEncoder
    private var down = Resampler(from: wide, to: narrow)
    private var up = Resampler(from: narrow, to: wide)
    // As long as the program.
    private let packet = UnsafeMutableRawBufferPointer.allocate(byteCount: 1500, alignment: 16)
    private let law = UnsafeMutableRawBufferPointer.allocate(byteCount: 160, alignment: 16)
    private let wideFrame = UnsafeMutableBufferPointer<Int16>.allocate(capacity: 320)
    private let narrowFrame = UnsafeMutableBufferPointer<Int16>.allocate(capacity: 160)

    init() throws {
        // A voice of sorts: tones that come and go.
        var generator = ToneGenerator(
            Tone([.init(frequency: 180, level: .dBFS(-16)), .init(frequency: 720, level: .dBFS(-20))]),
            sampleRate: Self.wide)
        var samples = [Int16](repeating: 0, count: 320 * 50)
        var span = samples.mutableSpan
        generator.fill(&span)
        for index in samples.indices where index / 4_800 % 3 == 2 { samples[index] = 0 }
        voice = samples
        let opus = AudioCodec.opus(Self.wide)
        (opusEncoder, opusDecoder) = (try AudioEncoder(opus), try AudioDecoder(opus))
        opusPhone = try AudioEncoder(opus)
        (lawEncoder, lawDecoder) = (try AudioEncoder(.pcmu), try AudioDecoder(.pcmu))
        wideFrame.initialize(repeating: 0)
        narrowFrame.initialize(repeating: 0)
    }

    /// Processor time of one frame both ways, and blocks of memory that it takes.
    mutating func measure(frames: Int) -> (time: Duration, allocations: Double) {
        var spent = Duration.zero
        var allocations: UInt64 = 0
        for number in 0..<frames {
            let place = number % 50 * 320
            // What the phones have said is theirs to encode.
            var bytes = MutableRawSpan(_unsafeBytes: packet)
            let length = opusPhone.encode(voice.span.extracting(place..<place + 320), into: &bytes)
            let (before, start) = (allocation_count(), ContinuousClock.now)
            toLaw(length)
            toOpus()
            spent += start.duration(to: .now)
            allocations += allocation_count() - before
        }
        return (spent / frames, Double(allocations) / Double(frames))
    }

    private mutating func toLaw(_ length: Int) {
        let (wideFrame, narrowFrame) = (wideFrame, narrowFrame)
        var wide = wideFrame.mutableSpan
        _ = opusDecoder.decode(RawSpan(_unsafeBytes: packet[..<length]), into: &wide)
        var narrow = narrowFrame.mutableSpan
        _ = down.convert(wideFrame.span, into: &narrow)
        var bytes = MutableRawSpan(_unsafeBytes: law)
        _ = lawEncoder.encode(narrowFrame.span, into: &bytes)
    }

    private mutating func toOpus() {
        let (wideFrame, narrowFrame) = (wideFrame, narrowFrame)
        var narrow = narrowFrame.mutableSpan
        _ = lawDecoder.decode(RawSpan(_unsafeBytes: law), into: &narrow)
        var wide = wideFrame.mutableSpan
        _ = up.convert(narrowFrame.span, into: &wide)
        var bytes = MutableRawSpan(_unsafeBytes: packet)
        _ = opusEncoder.encode(wideFrame.span, into: &bytes)
    }
}
