import AllocationCounter
import Media
import RTP

// What a tick of a stream costs that sends and hears 20 ms of sound with each codec: processor time, and blocks taken from the
// allocator, which shall be none.
//
//   swift run --package-path Benchmarks -c release MediaBenchmark

/// Two streams that hear each other without a network between.
struct Line {
    let streams: [AudioStream<Int>]
    var memory = [UInt8](repeating: 0, count: AudioStream<Int>.tickCapacity)
    var now: ContinuousClock.Instant

    init(_ negotiation: AudioNegotiation, configuration: AudioStreamConfiguration) {
        let start = ContinuousClock.now
        now = start
        var generator = SystemRandomNumberGenerator()
        let wallclock = WallclockReference(instant: start, wallclock: NTPTimestamp(seconds: 1, fraction: 0))
        streams = (0...1).map { number in
            let stream = AudioStream<Int>(
                negotiation, remote: 1 - number, remoteControl: nil, configuration: configuration, at: start,
                wallclock: wallclock, using: &generator)
            stream.play(Self.source(negotiation.codec))
            return stream
        }
    }

    /// A tone, in as many channels as are coded.
    private static func source(_ codec: AudioCodec) -> any AudioSource {
        let tone = ToneSource(.sine(440), sampleRate: codec.sampleRate)
        guard codec.codedChannels > 1 else { return tone }
        var mono = [Int16](repeating: 0, count: codec.sampleRate.hertz)
        var span = mono.mutableSpan
        _ = tone.read(into: &span)
        // Half a period apart.
        let stereo = mono.flatMap { [$0, -$0] }
        return ClipPlayer(AudioClip(samples: stereo, sampleRate: codec.sampleRate, channels: 2), loops: true)
    }

    /// Where in the memory the packet of a stream's next frame lies.
    private mutating func tick(_ stream: AudioStream<Int>) -> Range<Int>? {
        let time = now
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        return stream.tick(at: time, into: &bytes).media?.octets
    }

    /// Plays so many frames, both ways.
    mutating func run(_ frames: Int) {
        for _ in 0..<frames {
            for number in 0...1 {
                let (stream, other, time) = (streams[number], streams[1 - number], now)
                guard let packet = tick(stream) else { continue }
                other.receive(memory.span.bytes.extracting(packet), from: number, at: time)
            }
            now += streams[0].negotiation.packetTime
        }
    }
}

var codecs: [AudioCodec] = [
    .pcmu, .pcma, .g722, .g726(.lowerFirst), .l16(.narrowband), .l16(.fullband), .opus(.wideband), .opus(.fullband),
    .opus(.fullband, channels: 2),
]
if G729.isAvailable { codecs.append(.g729(describesSilence: false)) }
let frames = 2000
print("codec, redundancy: µs and allocations for each frame that is sent and heard")
for codec in codecs {
    for redundancy in [0, 1] {
        var negotiation = AudioNegotiation(codec: codec)
        negotiation.redundantPayloadType = redundancy > 0 ? 97 : nil
        negotiation.acceptedRedundantPayloadType = negotiation.redundantPayloadType
        var configuration = AudioStreamConfiguration(canonicalName: "benchmark")
        configuration.redundancy = redundancy
        var line = Line(negotiation, configuration: configuration)
        line.run(200)
        let before = allocation_count()
        let start = ContinuousClock.now
        line.run(frames)
        let time = start.duration(to: .now) / (2 * frames)
        let allocations = Double(allocation_count() - before) / Double(2 * frames)
        let rate = codec.sampleRate.hertz
        print(
            "\(codec.name)/\(rate)/\(codec.codedChannels), \(redundancy): \(time / .microseconds(1)) µs, \(allocations) allocations"
        )
    }
}

var transcoding = try Transcoding()
_ = transcoding.measure(frames: 200)
let (time, allocations) = transcoding.measure(frames: 3000)
print(
    "Opus at 16 kHz to G.711 and back, complexity \(OpusSettings().complexity): \(time / .microseconds(1)) µs and \(allocations) "
        + "allocations for 20 ms both ways, \(Int(.milliseconds(20) / time)) calls for each processor")
