import Foundation
import Media
import Testing

func pull(_ source: any AudioSource, _ count: Int) -> (own: Int, samples: [Int16]) {
    var frame = [Int16](repeating: 99, count: count)
    var span = frame.mutableSpan
    let own = source.read(into: &span)
    return (own, frame)
}

/// Keeps all that is written to it.
final class CollectingSink: AudioSink {
    let sampleRate: SampleRate
    let channels: Int
    var samples: [Int16] = []

    init(_ rate: SampleRate = .narrowband, channels: Int = 1) {
        sampleRate = rate
        self.channels = channels
    }

    /// What was heard in one channel.
    func samples(of channel: Int) -> [Int16] {
        stride(from: channel, to: samples.count, by: channels).map { samples[$0] }
    }

    func write(_ frame: Span<Int16>) {
        for index in frame.indices { samples.append(frame[index]) }
    }
}

@Suite struct PortTests {
    @Test func aClipEndsOrLoops() {
        let clip = AudioClip(samples: [1, 2, 3, 4, 5], sampleRate: .narrowband)
        let once = ClipPlayer(clip)
        #expect(pull(once, 3) == (3, [1, 2, 3]))
        #expect(pull(once, 3) == (2, [4, 5, 0]))
        #expect(pull(once, 3) == (0, [0, 0, 0]))
        let forever = ClipPlayer(clip, loops: true)
        #expect(pull(forever, 12) == (12, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2]))
        let empty = ClipPlayer(AudioClip(samples: [], sampleRate: .narrowband), loops: true)
        #expect(pull(empty, 2) == (0, [0, 0]))
    }

    @Test func silenceAndTonesOfADuration() {
        #expect(pull(SilenceSource(), 4) == (4, [0, 0, 0, 0]))
        let tone = ToneSource(.sine(1000), duration: .milliseconds(30))
        #expect(pull(tone, 160).own == 160)
        let rest = pull(tone, 160)
        #expect(rest.own == 80)
        #expect(rest.samples[80...].allSatisfy { $0 == 0 })
        #expect(pull(tone, 160).own == 0)
    }

    /// 600 ms at 8 kHz: frame by frame, what is written comes out 4,800 samples later.
    @Test func anEchoComesAfterItsDelay() {
        let echo = EchoLine(delay: .milliseconds(600))
        var heard: [Int16] = []
        for tick in 0..<50 {
            let frame = (0..<160).map { Int16(tick * 160 + $0 + 1) }
            echo.write(frame.span)
            heard += pull(echo, 160).samples
        }
        #expect(heard[..<4800].allSatisfy { $0 == 0 })
        #expect(Array(heard[4800...]) == (1...3200).map { Int16($0) })
    }

    @Test func anEchoThatIsNotReadLosesTheOldest() {
        let echo = EchoLine(delay: .zero)
        let frame = (0..<2000).map { Int16($0) }
        echo.write(frame.span)
        // The slack of 200 ms is 1,600 samples.
        #expect(pull(echo, 2).samples == [400, 401])
        #expect(pull(echo, 2000).samples.suffix(402).first == 0)
        #expect(EchoLine(delay: .seconds(1000)).delay == EchoLine.maximumDelay)
    }

    @Test func aSourceOfAnotherRateIsConverted() {
        let clip = AudioClip(
            samples: generate(.sine(440, level: .dBFS(-6)), seconds: 0.5, rate: .fullband), sampleRate: .fullband)
        let source = ResamplingSource(ClipPlayer(clip), to: .narrowband)
        var heard: [Int16] = []
        var own = 0
        while true {
            let frame = pull(source, 160)
            heard += frame.samples
            own += frame.own
            if frame.own < 160 { break }
        }
        // Half a second and the filter's delay of about 7 ms.
        #expect((4000...4000 + 70).contains(own))
        #expect(abs(AudioLevel.peak(peak(of: 440, in: heard[200..<3800], rate: 8000)).decibels + 6) < 0.05)
        #expect(pull(source, 160).own == 0)
    }

    @Test func aSinkOfAnotherRateGetsConvertedSound() {
        let sink = CollectingSink(.fullband)
        let converter = ResamplingSink(sink, from: .narrowband)
        let sound = generate(.sine(440, level: .dBFS(-6)), seconds: 0.5)
        for start in stride(from: 0, to: 4000, by: 160) {
            let frame = Array(sound[start..<start + 160])
            converter.write(frame.span)
        }
        #expect(abs(sink.samples.count - 24000) < 400)
        #expect(abs(AudioLevel.peak(peak(of: 440, in: sink.samples[2000..<22000], rate: 48000)).decibels + 6) < 0.05)
    }
}

/// Ports of two channels.
@Suite struct StereoPortTests {
    /// Left 1 to 5, right a hundred times as much.
    private static let clip = AudioClip(
        samples: (1...5).flatMap { [Int16($0), 100 * Int16($0)] }, sampleRate: .wideband, channels: 2)

    @Test func aClipHasTwoChannels() {
        let player = ClipPlayer(Self.clip)
        #expect(player.channels == 2)
        #expect(pull(player, 6) == (6, [1, 100, 2, 200, 3, 300]))
        #expect(pull(player, 6) == (4, [4, 400, 5, 500, 0, 0]))
        #expect(Self.clip.duration == SampleRate.wideband.duration(of: 5))
        #expect(AudioClip(samples: [], sampleRate: .wideband, channels: 7).channels == 2)
    }

    @Test func aWAVFileKeepsItsChannels() throws {
        let path = temporaryPath("stereo.wav")
        try Self.clip.write(wavFile: path)
        #expect(try AudioClip(wavFile: path, keepsStereo: true) == Self.clip)
        let mean = try AudioClip(wavFile: path)
        #expect(mean.channels == 1)
        #expect(mean.samples == [50, 101, 151, 202, 252])
        let other = try AudioClip(wavFile: path, rate: .fullband, keepsStereo: true)
        #expect(other.channels == 2 && other.samples.count == 30)
    }

    /// Each channel is converted as if it were alone.
    @Test(arguments: [(48_000, 16_000), (8000, 48_000), (44_100, 16_000), (16_000, 16_000)])
    func theChannelsAreConvertedApart(_ from: Int, _ to: Int) {
        let (from, to) = (SampleRate(from), SampleRate(to))
        let tones = TwoTones.samples(from, seconds: 0.5)
        func channel(_ index: Int, of samples: [Int16]) -> [Int16] {
            stride(from: index, to: samples.count, by: 2).map { samples[$0] }
        }
        let whole = Resampler.convert(tones, from: from, to: to, channels: 2)
        let source = ResamplingSource(
            ClipPlayer(AudioClip(samples: tones, sampleRate: from, channels: 2)), to: to)
        #expect(source.channels == 2)
        let pulled = pull(source, to.hertz / 2)
        let sink = CollectingSink(to, channels: 2)
        let converter = ResamplingSink(sink, from: from)
        #expect(converter.channels == 2)
        // Frames of any length.
        for start in stride(from: 0, to: tones.count, by: 334) {
            converter.write(tones.span.extracting(start..<min(start + 334, tones.count)))
        }
        for index in 0..<2 {
            let mono = channel(index, of: tones)
            #expect(channel(index, of: whole) == Resampler.convert(mono, from: from, to: to))
            let other = pull(
                ResamplingSource(ClipPlayer(AudioClip(samples: mono, sampleRate: from)), to: to), to.hertz / 4)
            #expect(channel(index, of: pulled.samples) == other.samples)
            #expect(pulled.own == 2 * other.own)
            let single = CollectingSink(to)
            ResamplingSink(single, from: from).write(mono.span)
            #expect(sink.samples(of: index) == single.samples)
        }
    }

    @Test func aRecorderHasTwoChannels() async throws {
        let path = temporaryPath("recorded.wav")
        let recorder = try WAVRecorder(path: path, sampleRate: .wideband, channels: 2)
        #expect(recorder.channels == 2)
        let samples = Self.clip.samples
        for _ in 0..<2 { recorder.write(samples.span) }
        try recorder.finish()
        let read = try AudioClip(wavFile: path, keepsStereo: true)
        #expect(read.channels == 2 && read.sampleRate == .wideband)
        #expect(read.samples == samples + samples)
    }
}

@Suite struct WAVRecorderTests {
    @Test func recordsWhatWasWritten() async throws {
        let path = temporaryPath()
        let recorder = try WAVRecorder(path: path)
        let sound = (0..<16000).map { Int16(truncatingIfNeeded: $0) }
        let saving = Task { try await recorder.run() }
        for start in stride(from: 0, to: sound.count, by: 160) {
            let frame = Array(sound[start..<start + 160])
            recorder.write(frame.span)
        }
        recorder.close()
        try await saving.value
        #expect(try readAll(path) == sound)
        #expect(recorder.lostSamples == 0)
    }

    @Test func isCompleteWhenItsTaskIsCancelled() async throws {
        let path = temporaryPath()
        let recorder = try WAVRecorder(path: path)
        let frame: [Int16] = [1, 2, 3]
        recorder.write(frame.span)
        let saving = Task { try await recorder.run() }
        saving.cancel()
        try await saving.value
        recorder.write(frame.span)
        #expect(try readAll(path) == [1, 2, 3])
    }

    @Test func countsWhatTheRingCannotHold() throws {
        let path = temporaryPath()
        let recorder = try WAVRecorder(path: path)
        let frame = [Int16](repeating: 5, count: 20000)
        recorder.write(frame.span)
        recorder.write(frame.span)
        #expect(recorder.lostSamples == 8000)
        try recorder.drain()
        recorder.write(frame.span)
        #expect(recorder.lostSamples == 8000)
        try recorder.finish()
        try recorder.finish()
        #expect(try readAll(path).count == 52000)
    }
}
