import Foundation
import Media
import RTP
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

    /// What a peer asks for of Opus, in its offer or in its answer, is what it gets (RFC 7587 §6.1, §7.1): constant packets of its bit
    /// rate, the bandwidth that it can play, and no packets of silence. Without a wish nothing of it is so.
    @Test(arguments: [true, false], [true, false]) func opusIsAsThePeerWishes(answers: Bool, wishes: Bool) throws {
        let names: [AudioCodecName] = [.opus]
        var us = OfferAnswer(username: "-", sessionID: 1, version: 1, address: .ip4(1))
        let mine = MediaCapabilities.audio(address: .ip4(1), port: 4000, formats: names.formats())
        let wish = "a=fmtp:96 maxaveragebitrate=12000;cbr=1;usedtx=1;maxplaybackrate=8000\r\n"
        let text = """
            v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\n\
            a=rtpmap:96 opus/48000/2\r\na=maxptime:40\r\n\(wishes ? wish : "")
            """
        if answers {
            let offer = try us.makeOffer(mine)
            let type = try #require(offer.media[0].rtpFormats.first { $0.codec == .opus }).payloadType
            let answer = text.replacing("96", with: "\(type)")
            try us.receiveAnswer(SessionDescription(parsing: Array(answer.utf8)))
        } else {
            try us.receiveOffer(SessionDescription(parsing: Array(text.utf8)))
            _ = try us.makeAnswer(mine)
        }
        let negotiation = try #require(AudioNegotiation(us.streams[0], codecs: names))
        #expect(negotiation.codec == .opus(.wideband))
        #expect(negotiation.longestPacketTime == .milliseconds(40))
        let packets = try opusPackets(negotiation)
        let (talk, pause) = (packets.prefix(100), packets.suffix(150))
        // Bandwidth by the configuration in the first five bits (RFC 6716 §3.1, table 2): 0 to 3 and 16 to 19 are narrowband.
        let configurations = Set(talk.map { $0[12] >> 3 })
        #expect(configurations.isSubset(of: [0, 1, 2, 3, 16, 17, 18, 19]) == wishes, "\(configurations)")
        let sizes = Set(talk.map { $0.count - 12 })
        if wishes {
            // 12 kbit/s in 20 ms.
            #expect(sizes == [30])
            #expect(pause.count { !$0.isEmpty } < 30)
        } else {
            #expect(sizes.count > 5 && sizes.contains { $0 > 30 })
            #expect(pause.allSatisfy { !$0.isEmpty })
        }
    }

    /// The packets of each 20 ms of a stream, empty where there is none: 2 s of a voice, 1 s to come to rest and 3 s of silence.
    private func opusPackets(_ negotiation: AudioNegotiation) throws -> [[UInt8]] {
        var generator = SystemRandomNumberGenerator()
        let now = ContinuousClock.now
        let stream = AudioStream<String>(
            negotiation, remote: "b", remoteControl: nil, configuration: .init(canonicalName: "a"), at: now,
            wallclock: WallclockReference(instant: now, wallclock: NTPTimestamp(seconds: 1, fraction: 0)),
            using: &generator)
        var phase = 0.0
        let voice = (0..<32_000).map { index -> Int16 in
            phase += (130 + 30 * sin(Double(index) / 4_000)) / 16_000
            let loudness = 3_000 * (1.1 + sin(Double(index) / 1_500))
            return Int16((1...25).reduce(0.0) { $0 + sin(2 * .pi * Double($1) * phase) / Double($1) } * loudness)
        }
        stream.play(ClipPlayer(AudioClip(samples: voice, sampleRate: .wideband)))
        var memory = [UInt8](repeating: 0, count: AudioStream<String>.tickCapacity)
        return (0..<300).map { number in
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            let tick = stream.tick(at: now + .milliseconds(20 * number), into: &bytes)
            return tick.media.map { Array(memory[$0.octets]) } ?? []
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
