import Foundation
import Media
import TestKit
import Testing

@testable import UserAgent

/// Recordings of calls on real sockets, begun and ended while the call goes on.
@Suite(.serialized) struct CallRecordingTests {
    /// How strong a tone is in one channel of a recording.
    private func strength(_ hertz: Double, in channel: Int, of samples: [Int16]) -> Double {
        var sums = (0.0, 0.0)
        let count = samples.count / 2
        for index in 0..<count {
            let turn = 2 * Double.pi * hertz * Double(index) / 16_000
            sums.0 += Double(samples[2 * index + channel]) * cos(turn)
            sums.1 += Double(samples[2 * index + channel]) * sin(turn)
        }
        return (sums.0 * sums.0 + sums.1 * sums.1).squareRoot() / Double(max(1, count))
    }

    private func samples(of path: String) throws -> [Int16] {
        var reader = try WAVReader(path: path)
        let format = reader.format
        #expect(format.channels == 2 && format.sampleRate == .wideband)
        var samples = [Int16](repeating: 0, count: 2 * Int(reader.frameCount))
        var span = samples.mutableSpan
        _ = try reader.read(into: &span)
        return samples
    }

    @Test(.timeLimit(.minutes(1))) func aRecordingBeginsAndEndsInTheCall() async throws {
        let folder = try TemporaryFolder("recording")
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let ear = SoundRecorder()
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                return try await invitation.answer(with: AudioEnds(source: { ToneSource(.sine(1000)) }, sink: { ear }))
            }
            return nil
        }
        let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: .tone(.sine(440)))
        let answered = try #require(try await answering.value)
        await ear.heard(4000)

        let first = call.record(with: try CallRecorder(path: folder.file("first.wav")))
        await ear.heard(ear.samples.count + 16_000)
        try await first.end()
        try await first.end()
        let sound = try samples(of: folder.file("first.wav"))
        // Two seconds: no more than the time between.
        #expect((24_000...64_000).contains(sound.count / 2))
        // What was heard is left, what was said is right.
        #expect(strength(1000, in: 0, of: sound) > 50 * strength(440, in: 0, of: sound))
        #expect(strength(440, in: 1, of: sound) > 50 * strength(1000, in: 1, of: sound))
        #expect(first.lostFrames == 0)

        // Another one takes the place of the second, and ends with the call.
        let second = try call.record(to: folder.file("second.opus"))
        await ear.heard(ear.samples.count + 4000)
        let third = try call.record(to: folder.file("third.wav"))
        try await second.saved()
        await ear.heard(ear.samples.count + 8000)
        await call.hangUp()
        try await third.saved()
        #expect(try samples(of: folder.file("third.wav")).count / 2 > 8000)
        _ = await answered.ended()

        // A call that is over has nothing to record.
        let late = try call.record(to: folder.file("late.wav"))
        try await late.saved()
        #expect(try samples(of: folder.file("late.wav")).isEmpty)
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func aFileThatCannotBeMadeIsRefused() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let answering = Task { () -> Call in
            for await invitation in bob.invitations { return try await invitation.answer() }
            throw CancellationError()
        }
        let call = try await alice.call("sip:bob@\(bob.localAddress)")
        _ = try await answering.value
        let error = #expect(throws: RecordingError.self) { try call.record(to: "/nowhere/at/all.opus") }
        #expect(error?.code == .unwritable)
        await call.hangUp()
        await alice.shutDown()
        await bob.shutDown()
    }
}
