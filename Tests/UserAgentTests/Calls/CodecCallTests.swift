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

    /// Redundant data of a codec with a dynamic number: offer and answer name that number, and both sides repeat.
    @Test func redundantDataNameTheirCodec() throws {
        let names: [AudioCodecName] = [.opus, .pcmu]
        let formats = names.formats(redundancy: 1)
        var alice = OfferAnswer(username: "-", sessionID: 1, version: 1, address: .ip4(1))
        var bob = OfferAnswer(username: "-", sessionID: 2, version: 1, address: .ip4(2))
        let offer = try alice.makeOffer(.audio(address: .ip4(1), port: 4000, formats: formats))
        let opus = try #require(offer.media[0].rtpFormats.first { $0.codec == .opus })
        let red = try #require(offer.media[0].rtpFormats.first { $0.codec.name == "red" })
        #expect(red.codec.channels == 2)
        #expect(red.parameters?.string == "\(opus.payloadType)/\(opus.payloadType)")
        try bob.receiveOffer(offer)
        let answer = try bob.makeAnswer(.audio(address: .ip4(2), port: 4002, formats: formats))
        #expect(answer.media[0].rtpFormats.first { $0.codec.name == "red" }?.parameters == red.parameters)
        try alice.receiveAnswer(answer)
        for side in [alice, bob] {
            let negotiation = try #require(AudioNegotiation(side.streams[0], codecs: names))
            #expect(negotiation.codec == .opus(.wideband))
            #expect(negotiation.redundantPayloadType == red.payloadType)
            #expect(negotiation.acceptedRedundantPayloadType == red.payloadType)
        }
    }

    /// Redundant data of another codec than the one that is sent are not sent, and not answered where that codec is not there.
    @Test func redundantDataOfAnotherCodecAreLeftOut() throws {
        let names: [AudioCodecName] = [.opus, .pcmu]
        var bob = OfferAnswer(username: "-", sessionID: 2, version: 1, address: .ip4(2))
        let text = """
            v=0
            o=- 1 1 IN IP4 192.0.2.1
            s=-
            c=IN IP4 192.0.2.1
            t=0 0
            m=audio 4000 RTP/AVP 0 99
            a=rtpmap:99 red/8000
            a=fmtp:99 8/8

            """.replacing("\n", with: "\r\n")
        try bob.receiveOffer(SessionDescription(parsing: Array(text.utf8)))
        let formats = [AudioCodecName.pcmu, .pcma].formats(redundancy: 1)
        _ = try bob.makeAnswer(.audio(address: .ip4(2), port: 4002, formats: formats))
        let negotiation = try #require(AudioNegotiation(bob.streams[0], codecs: names))
        #expect(negotiation.codec == .pcmu)
        #expect(negotiation.redundantPayloadType == nil)
        var carol = OfferAnswer(username: "-", sessionID: 3, version: 1, address: .ip4(3))
        try carol.receiveOffer(SessionDescription(parsing: Array(text.utf8)))
        let other = [AudioCodecName.pcma, .pcmu].formats(redundancy: 1)
        let answer = try carol.makeAnswer(.audio(address: .ip4(3), port: 4002, formats: other))
        #expect(answer.media[0].field.formats == ["0"])
    }

    /// What is offered: one format for each encoding, and telephone events with each clock.
    @Test func formatsHaveTheirEvents() {
        let formats = [AudioCodecName.opus, .opusFullband, .g722, .pcma].formats(noise: true, redundancy: 1)
        let texts = formats.map { "\($0.codec)" }
        #expect(
            texts == [
                "opus/48000/2", "G722/8000", "PCMA/8000", "CN/8000", "red/48000/2", "telephone-event/48000",
                "telephone-event/8000",
            ])
        #expect(formats.first?.parameters == "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1")
        let redundant = [AudioCodecName.pcmu].formats(redundancy: 2).first { $0.codec.name == "red" }
        #expect(redundant?.redundancy == .init(of: .pcmu, blocks: 3))
        #expect([AudioCodecName.pcmu, .pcma].formats().map(\.codec) == [.pcmu, .pcma, .telephoneEvent])
    }
}
