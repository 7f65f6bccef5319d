import Foundation
import Media
import SDP
import TestKit
import Testing

@testable import UserAgent

/// Opus in two channels: what is said of it, what is agreed on, and a call.
@Suite(.serialized) struct StereoCallTests {
    private static let both = StereoWays(sends: true, hears: true)

    /// What a side says of Opus.
    private func parameters(_ stereo: StereoWays) -> String? {
        [AudioCodecName.opusFullband].formats(stereo: stereo).first?.parameters?.string
    }

    @Test("RFC 7587 §6.1: each side says what it prefers, and what it sends") func eachSideSaysItsOwn() {
        #expect(parameters(StereoWays()) == "useinbandfec=1")
        #expect(parameters(StereoWays(hears: true)) == "stereo=1;useinbandfec=1")
        #expect(parameters(StereoWays(sends: true)) == "sprop-stereo=1;useinbandfec=1")
        #expect(parameters(Self.both) == "stereo=1;sprop-stereo=1;useinbandfec=1")
        #expect(AudioSettings().stereo == StereoWays())
        #expect([AudioCodecName.pcmu].formats(stereo: Self.both) == [AudioCodecName.pcmu].formats())
    }

    /// Two channels are sent where we have them and the other side prefers them, and heard where we said so.
    @Test("RFC 7587 §7.1: what one side says does not depend on the other", arguments: 0..<16)
    func bothWaysAreAgreedOnApart(_ bits: Int) throws {
        let ways = [
            StereoWays(sends: bits & 1 != 0, hears: bits & 2 != 0),
            StereoWays(sends: bits & 4 != 0, hears: bits & 8 != 0),
        ]
        let names: [AudioCodecName] = [.opusFullband, .pcmu]
        var alice = OfferAnswer(username: "-", sessionID: 1, version: 1, address: .ip4(1))
        var bob = OfferAnswer(username: "-", sessionID: 2, version: 1, address: .ip4(2))
        let offer = try alice.makeOffer(
            .audio(address: .ip4(1), port: 4000, formats: names.formats(stereo: ways[0])))
        try bob.receiveOffer(offer)
        let answer = try bob.makeAnswer(
            .audio(address: .ip4(2), port: 4002, formats: names.formats(stereo: ways[1])))
        try alice.receiveAnswer(answer)
        for (description, own) in [(offer, ways[0]), (answer, ways[1])] {
            let said = OpusParameters(description.media[0].rtpFormats.first { $0.codec == .opus }?.parameters)
            #expect(said.prefersStereo == own.hears && said.sendsStereo == own.sends)
        }
        for (side, own, other) in [(alice, ways[0], ways[1]), (bob, ways[1], ways[0])] {
            let negotiation = try #require(AudioNegotiation(side.streams[0], codecs: names, stereo: own))
            #expect(negotiation.codec == .opus(.fullband, channels: own.sends && other.hears ? 2 : 1))
            let heard = negotiation.accepted.values.filter { $0.name == "opus" }
            #expect(heard == [.opus(.fullband, channels: own.hears ? 2 : 1)])
            #expect(negotiation.accepted.values.contains(.pcmu))
        }
    }

    /// A second of a tone in each channel.
    private static let clip = AudioClip(
        samples: (0..<48_000).flatMap { (index: Int) -> [Int16] in
            [440.0, 1000].map { (hertz: Double) -> Int16 in
                let turn = 2 * Double.pi * hertz * Double(index) / 48_000
                return Int16(12_000 * sin(turn))
            }
        }, sampleRate: .fullband, channels: 2)

    /// How strong each tone is in one channel of a recording, in parts of what was said.
    private func strengths(in channel: Int, of clip: AudioClip) -> [Double] {
        let count = clip.samples.count / 2
        // Behind the playout's delay.
        return strengths(in: channel, of: clip, count / 4..<count * 3 / 4)
    }

    /// The median of pieces of 50 ms: where the machine is busy, time is stretched in some of them.
    private func strengths(in channel: Int, of clip: AudioClip, _ range: Range<Int>) -> [Double] {
        let piece = clip.sampleRate.hertz / 20
        let all = stride(from: range.lowerBound, through: range.upperBound - piece, by: piece).map {
            strengths(in: channel, of: clip, piece: $0..<$0 + piece)
        }
        return (0..<2).map { tone in all.map { $0[tone] }.sorted()[all.count / 2] }
    }

    private func strengths(in channel: Int, of clip: AudioClip, piece range: Range<Int>) -> [Double] {
        [440.0, 1000].map { hertz in
            var sums = (0.0, 0.0)
            for index in range {
                let turn = 2 * Double.pi * hertz * Double(index) / Double(clip.sampleRate.hertz)
                sums.0 += Double(clip.samples[2 * index + channel]) * cos(turn)
                sums.1 += Double(clip.samples[2 * index + channel]) * sin(turn)
            }
            return 2 * (sums.0 * sums.0 + sums.1 * sums.1).squareRoot() / Double(range.count) / 12_000
        }
    }

    /// Calls, with a tone in each channel of what the caller plays.
    ///
    /// - Returns: what the one who is called has recorded in two channels.
    private func recorded(
        caller: (inout UserAgent.Options) -> Void, called: (inout UserAgent.Options) -> Void
    ) async throws -> AudioClip {
        let folder = try TemporaryFolder("stereo")
        let alice = try await phone("alice", caller)
        let bob = try await phone("bob", called)
        let ear = SoundRecorder()
        let recorder = try WAVRecorder(path: folder.file("heard.wav"), sampleRate: .fullband, channels: 2)
        let recording = Task { try await recorder.run() }
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                return try await invitation.answer(
                    with: AudioEnds(source: { nil }, sink: { ForkedSink(recorder, counter: ear) }))
            }
            return nil
        }
        let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: .clip(Self.clip, loops: true))
        let answered = try #require(try await answering.value)
        await ear.heard(4 * 48_000)
        await call.hangUp()
        _ = await answered.ended()
        recorder.close()
        try await recording.value
        await alice.shutDown()
        await bob.shutDown()
        return try AudioClip(wavFile: folder.file("heard.wav"), keepsStereo: true)
    }

    /// What a busy machine holds up is waited for: sound that is made up or stretched has other tones.
    @Test(.timeLimit(.minutes(1)), arguments: [AudioCodecName.opus, .opusFullband])
    func eachToneIsHeardInItsChannel(_ name: AudioCodecName) async throws {
        let clip = try await recorded {
            $0.codecs = [name]
            $0.audio.sendsStereo = true
        } called: {
            $0.codecs = [name]
            $0.audio.hearsStereo = true
            $0.audio.playoutDepth = .milliseconds(300)
            $0.audio.isPlayoutAdaptive = false
        }
        #expect(clip.channels == 2)
        for channel in 0..<2 {
            let both = strengths(in: channel, of: clip)
            #expect(both[channel] > 0.7 && both[1 - channel] < 0.15, "\(both)")
        }
    }

    /// A call that begins with G.711, goes on in stereo, and back, without another wish.
    @Test(.timeLimit(.minutes(1))) func theCodecChangesInTheCall() async throws {
        let names: [AudioCodecName] = [.pcmu, .opusFullband]
        let alice = try await phone("alice") {
            $0.codecs = names
            $0.audio.sendsStereo = true
        }
        let bob = try await phone("bob") {
            $0.codecs = names
            $0.audio.hearsStereo = true
        }
        let ear = SoundRecorder(sampleRate: .fullband, channels: 2)
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                return try await invitation.answer(with: AudioEnds(source: { nil }, sink: { ear }))
            }
            return nil
        }
        let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: .clip(Self.clip, loops: true))
        let answered = try #require(try await answering.value)
        for (codec, coded) in [
            (AudioCodecName.pcmu, AudioCodec.pcmu), (.opusFullband, .opus(.fullband, channels: 2)), (.pcmu, .pcmu),
        ] {
            if await call.statistics()?.codec != coded { try await call.renegotiate(codecs: [codec]) }
            #expect(await call.statistics()?.codec == coded)
            // What was said before is heard for a while.
            await ear.heard(ear.samples.count + 2 * 48_000)
            let heard = AudioClip(samples: ear.samples, sampleRate: .fullband, channels: 2)
            let count = heard.samples.count / 2
            for channel in 0..<2 {
                let both = strengths(in: channel, of: heard, count - 9600..<count)
                if codec == .pcmu {
                    #expect(both.allSatisfy { (0.3...0.65).contains($0) }, "\(both)")
                } else {
                    #expect(both[channel] > 0.65 && both[1 - channel] < 0.2, "\(both)")
                }
            }
        }
        await call.hangUp()
        _ = await answered.ended()
        await alice.shutDown()
        await bob.shutDown()
    }

    /// By default calls have one channel, as before.
    @Test(.timeLimit(.minutes(1))) func withoutTheWishTheMeanIsHeard() async throws {
        let clip = try await recorded {
            $0.codecs = [.opusFullband]
        } called: {
            $0.codecs = [.opusFullband]
            $0.audio.hearsStereo = true
        }
        for channel in 0..<2 {
            let both = strengths(in: channel, of: clip)
            #expect(both.allSatisfy { (0.3...0.6).contains($0) }, "\(both)")
        }
    }
}

/// Gives what is heard to a recorder, and to one who counts it.
private final class ForkedSink: AudioSink {
    private let recorder: WAVRecorder
    private let counter: SoundRecorder

    init(_ recorder: WAVRecorder, counter: SoundRecorder) {
        self.recorder = recorder
        self.counter = counter
    }

    var sampleRate: SampleRate { recorder.sampleRate }
    var channels: Int { recorder.channels }

    func write(_ frame: Span<Int16>) {
        recorder.write(frame)
        counter.write(frame)
    }
}
