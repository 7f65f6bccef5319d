import Media
import SDP
import TestKit
import Testing

@testable import UserAgent

/// Two user agents on real sockets talk in each codec.
@Suite(.serialized) struct CodecCallTests {
    private func uri(_ user: String, _ agent: UserAgent) -> String { "sip:\(user)@\(agent.localAddress)" }

    /// The level of the last half second that was heard.
    private func level(at ear: SoundRecorder) -> AudioLevel {
        let last = Array(ear.samples.suffix(4000))
        var meter = LevelMeter()
        meter.update(last.span)
        return meter.reading.level
    }

    @Test(.timeLimit(.minutes(1)), arguments: AudioCodecName.available)
    func aToneIsHeard(_ name: AudioCodecName) async throws {
        let alice = try await phone("alice") { $0.codecs = [name] }
        let bob = try await phone("bob") { $0.codecs = AudioCodecName.available }
        let ear = SoundRecorder()
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                return try await invitation.answer(with: AudioEnds(source: { nil }, sink: { ear }))
            }
            return nil
        }
        let call = try await alice.call(uri("bob", bob), audio: .tone(.sine(440)))
        let answered = try #require(try await answering.value)
        await ear.heard(12_000)
        let sent = try #require(await call.statistics())
        let received = try #require(await answered.statistics())
        #expect(sent.codec == name.codec)
        #expect(received.codec.name == name.codec.name)
        // The tone is at -10 dBm0.
        #expect(abs(level(at: ear).dBm0 + 10) < 3)
        await call.hangUp()
        _ = await answered.ended()
        await alice.shutDown()
        await bob.shutDown()
    }

    /// A change of codec in the call, to one of another clock.
    @Test(.timeLimit(.minutes(1))) func theCodecChanges() async throws {
        let names: [AudioCodecName] = [.pcmu, .opus]
        let alice = try await phone("alice") { $0.codecs = names }
        let bob = try await phone("bob") { $0.codecs = names }
        let ear = SoundRecorder()
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                return try await invitation.answer(with: AudioEnds(source: { nil }, sink: { ear }))
            }
            return nil
        }
        let call = try await alice.call(uri("bob", bob), audio: .tone(.sine(440)))
        let answered = try #require(try await answering.value)
        await ear.heard(4000)
        #expect(await call.statistics()?.codec == .pcmu)
        try await call.renegotiate(codecs: [.opus])
        #expect(await call.statistics()?.codec == .opus(.wideband))
        await ear.heard(ear.samples.count + 12_000)
        #expect(abs(level(at: ear).dBm0 + 10) < 3)
        await call.hangUp()
        _ = await answered.ended()
        await alice.shutDown()
        await bob.shutDown()
    }

    /// What is offered: one format for each encoding, and telephone events with each clock.
    @Test func formatsHaveTheirEvents() {
        let formats = [AudioCodecName.opus, .opusFullband, .g722, .pcma].formats(noise: true, redundancy: true)
        let texts = formats.map { "\($0.codec)" }
        #expect(
            texts == [
                "opus/48000/2", "G722/8000", "PCMA/8000", "CN/8000", "telephone-event/48000", "telephone-event/8000",
            ])
        #expect(formats.first?.parameters == "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1")
        let redundant = [AudioCodecName.pcmu].formats(redundancy: true).first { $0.codec.name == "red" }
        #expect(redundant?.parameters == "0/0")
        #expect([AudioCodecName.pcmu, .pcma].formats().map(\.codec) == [.pcmu, .pcma, .telephoneEvent])
    }
}
