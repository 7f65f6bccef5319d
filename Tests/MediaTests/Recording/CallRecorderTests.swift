import Foundation
import Testing

@testable import Media

/// Says or hears a click of 1 ms at some moments, and silence else.
private struct Clicks {
    let moments: [Double]

    func frame(at time: Double, _ rate: SampleRate, milliseconds: Int = 20) -> [Int16] {
        (0..<rate.hertz * milliseconds / 1000).map { index in
            let now = time + Double(index) / Double(rate.hertz) + 1e-9
            return moments.contains { now >= $0 && now < $0 + 0.001 } ? 20_000 : 0
        }
    }

    /// Where the clicks are in a channel: the middle of each, in seconds.
    static func moments(in channel: [Int16], rate: Double) -> [Double] {
        var found: [Double] = []
        var index = 0
        while index < channel.count {
            guard channel[index] > 8000 else {
                index += 1
                continue
            }
            // A click and what the filter makes of its edges lie within 3 ms.
            let part = index..<min(channel.count, index + Int(rate * 0.003))
            let weights = part.map { Double(abs(Int(channel[$0]))) }
            let sum = zip(part, weights).reduce(0.0) { $0 + Double($1.0) * $1.1 }
            found.append(sum / weights.reduce(0.0, +) / rate)
            index = part.upperBound
        }
        return found
    }
}

@Suite struct CallRecorderTests {
    private let click = Clicks(moments: [0.5, 1, 2.5])

    private func mode(of path: String) throws -> Int {
        let value = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        return try #require((value as? NSNumber)?.intValue)
    }

    private func write(
        _ time: Double, to recorder: CallRecorder, heardAt: SampleRate = .narrowband, saidAt: SampleRate = .wideband,
        _ clicks: Clicks? = nil
    ) {
        let clicks = clicks ?? click
        let heard = clicks.frame(at: time, heardAt)
        let said = clicks.frame(at: time, saidAt)
        recorder.write(
            heard: heard.span, at: heardAt, said: said.span, at: saidAt,
            due: origin + .milliseconds(Int((time * 1000).rounded())))
    }

    /// A moment has the same place in both channels, and in the call, through frames that are missing and other rates.
    @Test func bothDirectionsKeepTheirTimes() throws {
        let path = temporaryPath()
        let recorder = try CallRecorder(path: path)
        for tick in 0..<150 {
            let time = Double(tick) * 0.02
            // The lane stood still, and then the far side changed its codec.
            if time > 1.31, time < 2.19 { continue }
            write(time, to: recorder, heardAt: time < 0.7 || time > 2.4 ? .narrowband : .wideband)
        }
        try recorder.finish()
        #expect(recorder.lostFrames == 0)
        let all = try readAll(path)
        #expect(all.count == 2 * 48_000)
        let left = Clicks.moments(in: channel(0, of: all), rate: 16_000)
        let right = Clicks.moments(in: channel(1, of: all), rate: 16_000)
        #expect(left.count == 3 && right.count == 3)
        for (moment, both) in zip(click.moments, zip(left, right)) {
            #expect(abs(both.0 - both.1) < 0.001, "\(moment)")
            #expect(abs(both.1 - moment - 0.0005) < 0.001, "\(moment)")
        }
    }

    /// A file that is blocked costs frames, which are counted, and not their time.
    @Test func whatTheRingCannotHoldIsCountedAndSilent() throws {
        let path = temporaryPath()
        let recorder = try CallRecorder(path: path)
        let clicks = Clicks(moments: [0.5, 5, 6.5])
        // The ring holds 4 s of 16 kHz both ways.
        for tick in 0..<300 { write(Double(tick) * 0.02, to: recorder, heardAt: .wideband, clicks) }
        #expect(recorder.lostFrames == 100)
        try recorder.drain()
        for tick in 300..<350 { write(Double(tick) * 0.02, to: recorder, heardAt: .wideband, clicks) }
        #expect(recorder.lostFrames == 100)
        try recorder.finish()
        let all = try readAll(path)
        #expect(all.count == 2 * 7 * 16_000)
        for number in 0...1 {
            let found = Clicks.moments(in: channel(number, of: all), rate: 16_000)
            #expect(found.count == 2)
            #expect(zip(found, [0.5, 6.5]).allSatisfy { abs($0 - $1 - 0.0005) < 0.001 })
        }
    }

    /// Ticks are bounded as samples are.
    @Test func shortFramesAreBoundedToo() throws {
        let recorder = try CallRecorder(path: temporaryPath())
        let frame: [Int16] = [1]
        for tick in 0..<CallRecorder.tickCapacity + 5 {
            recorder.write(
                heard: frame.span, at: .narrowband, said: frame.span, at: .narrowband,
                due: origin + .microseconds(125 * tick))
        }
        #expect(recorder.lostFrames == 5)
        try recorder.finish()
    }

    /// Sound of the recording's own rate is recorded sample for sample.
    @Test func equalRatesAreLeftAsTheyAre() async throws {
        let path = temporaryPath()
        let recorder = try CallRecorder(path: path, sampleRate: .narrowband)
        let heard = voice(seconds: 2)
        let said = Array(heard.reversed())
        let saving = Task { try await recorder.run() }
        for tick in 0..<100 {
            recorder.write(
                heard: heard.span.extracting(tick * 160..<tick * 160 + 160), at: .narrowband,
                said: said.span.extracting(tick * 160..<tick * 160 + 160), at: .narrowband,
                due: origin + .milliseconds(20 * tick))
        }
        recorder.close()
        try await saving.value
        write(2, to: recorder)
        let all = try readAll(path)
        #expect(channel(0, of: all) == heard)
        #expect(channel(1, of: all) == said)
    }

    /// Only the owner reads a recording, also one in the place of a file that all could read.
    @Test(arguments: ["sound.wav", "sound.opus", "sound.ogg"])
    func filesArePrivate(_ name: String) throws {
        let path = temporaryPath(name)
        #expect(FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o644]))
        try CallRecorder(path: path).finish()
        #expect(try mode(of: path) == 0o600)
        let other = temporaryPath(name)
        try CallRecorder(path: other).finish()
        #expect(try mode(of: other) == 0o600)
    }

    @Test func whatCannotBeRecordedIsRefused() {
        #expect(throws: RecordingError(.unsupported, "", "")) { try CallRecorder(path: temporaryPath("sound.mp3")) }
        #expect(throws: RecordingError(.unwritable, "", "")) { try CallRecorder(path: "/nowhere/at/all.wav") }
    }

    /// At any moment a file without an end has all but the last half second.
    @Test func anAbandonedFileIsReadable() throws {
        let path = temporaryPath()
        let recorder = try CallRecorder(path: path)
        for tick in 0..<200 {
            write(Double(tick) * 0.02, to: recorder)
            try recorder.drain()
            let frames = try WAVReader(path: path).frameCount
            // The filter holds some milliseconds, too.
            #expect(frames > Int64(tick + 1) * 320 - 8000 - 320)
        }
    }

    /// A machine that slept for hours does not fill the disk with silence.
    @Test func theLongestGapIsBounded() throws {
        var timeline = RecordingTimeline(sampleRate: .narrowband)
        let frame = [Int16](repeating: 1, count: 160)
        var count = 0
        for due in [origin, origin + .seconds(7200), origin + .seconds(7200) + .milliseconds(20)] {
            while timeline.fill(upTo: due) {
                #expect(timeline.ready.count <= 2 * 8000)
                count += timeline.ready.count
                timeline.clear()
            }
            timeline.take(heard: frame.span, at: .narrowband, said: frame.span, at: .narrowband, due: due)
            count += timeline.ready.count
            timeline.clear()
        }
        timeline.finish()
        #expect(count + timeline.ready.count == 2 * (600 * 8000 + 3 * 160))
    }

    /// In a stream: what was heard and what was said, of the same ticks; nothing while what is said is not sent.
    @Test func aStreamIsRecordedBothWays() throws {
        let call = Call()
        call.a.play(ClipPlayer(AudioClip(samples: AudioStreamTests.speech, sampleRate: .narrowband)))
        call.b.play(ClipPlayer(AudioClip(samples: AudioStreamTests.other, sampleRate: .narrowband)))
        let path = temporaryPath()
        let recorder = try CallRecorder(path: path, sampleRate: .narrowband)
        call.a.record(with: recorder)
        // A second stream would write beside the first.
        call.b.record(with: recorder)
        // A second without a packet, and one on hold.
        call.network = { $0.time > .seconds(2) && $0.time < .seconds(3) ? nil : .milliseconds(1) }
        call.run(for: .seconds(4))
        var held = call.a.negotiation
        held.direction = .receiveOnly
        call.a.renegotiate(held, remote: "b", remoteControl: "b+1")
        call.run(for: .seconds(1))
        try recorder.finish()
        #expect(recorder.lostFrames == 0)
        let all = try readAll(path)
        let said = channel(1, of: all)
        #expect(channel(0, of: all) == call.heardByA.samples)
        #expect(Array(said[..<32_000]) == Array(AudioStreamTests.speech[..<32_000]))
        #expect(said[32_160...].allSatisfy { $0 == 0 })
        #expect(said.count == call.heardByA.samples.count)
    }
}
