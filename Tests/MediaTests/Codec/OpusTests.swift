import Foundation
import Media
import Testing

@Suite struct OpusTests {
    @Test(arguments: OpusEncoder.sampleRates, [1, 2])
    func aToneComesThrough(_ rate: SampleRate, _ channels: Int) throws {
        let encoder = try OpusEncoder(sampleRate: rate, channels: channels, application: .audio)
        encoder.settings.bitrate = 64_000 * channels
        let decoder = try OpusDecoder(sampleRate: rate, channels: channels)
        let mono = CodecSignal.sine(1000, at: rate, seconds: 1)
        let said = mono.flatMap { Array(repeating: $0, count: channels) }
        let heard = heard(frames(of: said, rate.samples(in: .milliseconds(20)) * channels).map(encoder.packet), decoder)
        let start = said.count / 2
        let ratio = CodecSignal.ratio(
            of: Array(heard[start...]), to: Array(said[start...]), delay: encoder.lookahead * channels)
        #expect(ratio > 15)
    }

    /// Every frame of the codec (RFC 7587 §4.2), and none besides.
    @Test func everyFrameHasItsPacket() throws {
        let encoder = try OpusEncoder(sampleRate: .fullband)
        for samples in [120, 240, 480, 960, 1920, 2880] {
            let packet = encoder.packet(CodecSignal.noise(samples))
            #expect(OpusDecoder.sampleCount(of: packet, at: .fullband) == samples)
            #expect(OpusDecoder.sampleCount(of: packet, at: .narrowband) == samples / 6)
        }
        #expect(encoder.packet(CodecSignal.noise(100)) == [])
    }

    /// A decoder of any rate and number of channels decodes whatever comes.
    @Test func packetsOfAnotherRateAreDecoded() throws {
        let encoder = try OpusEncoder(sampleRate: .fullband, channels: 2)
        let decoder = try OpusDecoder(sampleRate: .narrowband)
        let said = CodecSignal.noise(19_200)
        #expect(heard(frames(of: said, 1920).map(encoder.packet), decoder).count == 1600)
    }

    /// There are one channel and two: a codec of others cannot be had, and whoever asks for its samples is told of two.
    @Test func thereAreNoMoreThanTwoChannels() throws {
        let codec = AudioCodec.opus(.wideband, channels: 3)
        #expect(codec.codedChannels == 2 && codec.channels == 2)
        #expect(throws: CodecError.self) { try AudioEncoder(codec) }
        #expect(throws: CodecError.self) { try AudioDecoder(codec) }
        #expect(AudioCodec.opus(.wideband, channels: 2) != .opus(.wideband))
        #expect(AudioCodec.opus(.wideband, channels: 2).coded(channels: 1) == .opus(.wideband))
        #expect(AudioCodec.pcmu.coded(channels: 2) == .pcmu && AudioCodec.pcmu.codedChannels == 1)
        let call = Call(AudioNegotiation(codec: codec))
        call.run(for: .milliseconds(200))
        #expect(call.media(from: "a").count >= 9)
    }

    /// What a peer sends in two channels, whoever asked for it, is heard as their mean: both tones are there, each half as strong.
    @Test func twoChannelsAreHeardAsOne() throws {
        let encoder = try OpusEncoder(sampleRate: .fullband, channels: 2, application: .audio)
        encoder.settings.bitrate = 128_000
        let left = CodecSignal.sine(500, at: .fullband, seconds: 1)
        let right = CodecSignal.sine(1500, at: .fullband, seconds: 1)
        let said = zip(left, right).flatMap { [$0, $1] }
        let decoder = try AudioDecoder(.opus(.wideband))
        let heard = CodecSignal.samples(of: frames(of: said, 1920).map(encoder.packet), by: decoder)
        #expect(heard.count == 16_000)
        func strength(_ hertz: Double, _ samples: [Int16], _ rate: Double) -> Double {
            var sums = (0.0, 0.0)
            for (index, sample) in samples.enumerated() {
                let turn = 2 * Double.pi * hertz * Double(index) / rate
                sums.0 += Double(sample) * cos(turn)
                sums.1 += Double(sample) * sin(turn)
            }
            return (sums.0 * sums.0 + sums.1 * sums.1).squareRoot() / Double(samples.count)
        }
        for (tone, channel) in [(500.0, left), (1500.0, right)] {
            let before = strength(tone, Array(channel[4800...]), 48_000)
            let after = strength(tone, Array(heard[1600...]), 16_000)
            #expect(abs(after / before - 0.5) < 0.05, "\(tone) Hz")
        }
    }

    /// Whether there is a copy of the frame before is told from the packet, for all frames of the speech part.
    @Test(arguments: [10, 20, 40, 60], [1, 2])
    func copiesAreKnown(_ milliseconds: Int, _ channels: Int) throws {
        let length = 16 * milliseconds * channels
        let said = voice(seconds: 3, rate: 16_000).flatMap { Array(repeating: $0, count: channels) }
        for copies in [true, false] {
            let encoder = try OpusEncoder(sampleRate: .wideband, channels: channels)
            encoder.settings.bitrate = 32_000 * channels
            encoder.settings.hasForwardCorrection = copies
            encoder.settings.expectedLoss = 0.2
            let packets = frames(of: said, length).map(encoder.packet).dropFirst()
            let known = packets.filter { OpusDecoder.hasCopy(in: $0.span.bytes) }.count
            #expect(copies ? known > packets.count / 2 : known == 0)
        }
        let music = try OpusEncoder(sampleRate: .fullband, application: .lowDelay)
        let none = [music.packet(CodecSignal.noise(960)), [], [0]].map { OpusDecoder.hasCopy(in: $0.span.bytes) }
        #expect(none == [false, false, false])
    }

    @Test func settingsHoldWhileItRuns() throws {
        let encoder = try OpusEncoder(sampleRate: .fullband, application: .audio)
        let said = CodecSignal.noise(48_000)
        func octets() -> Int { frames(of: said, 960).map { encoder.packet($0).count }.reduce(0, +) }
        encoder.settings.bitrate = 64_000
        let many = octets()
        encoder.settings.bitrate = 12_000
        let few = octets()
        #expect((6000...10_000).contains(many))
        #expect((1000...2500).contains(few))
        encoder.settings.bitrate = 24_000
        encoder.settings.hasConstantBitrate = true
        let lengths = Set(frames(of: said, 960).map { encoder.packet($0).count })
        #expect(lengths == [60])
        // Values out of range are brought to the next that is allowed.
        encoder.settings.bitrate = 1
        encoder.settings.complexity = 99
        encoder.settings.expectedLoss = .nan
        #expect(encoder.packet(Array(said[..<960])).count == 15)
    }

    /// A receiver of narrow band gets nothing above 4 kHz: a tone of 6 kHz is gone.
    @Test func theBandwidthIsLimited() throws {
        let encoder = try OpusEncoder(sampleRate: .fullband, application: .audio)
        encoder.settings.bitrate = 64_000
        let decoder = try OpusDecoder(sampleRate: .fullband)
        let tone = frames(of: CodecSignal.sine(6000, at: .fullband, seconds: 1), 960)
        func power() -> Double {
            let sound = heard(tone.map(encoder.packet), decoder)[24_000...]
            return sound.reduce(0) { $0 + Double($1) * Double($1) } / Double(sound.count)
        }
        let wide = power()
        encoder.settings.maximumBandwidth = .narrowband
        #expect(power() < wide / 100)
        encoder.settings.maximumBandwidth = .fullband
        #expect(power() > wide / 4)
    }

    @Test func ratesHaveTheirBandwidth() {
        let expected: [(Int, OpusSettings.Bandwidth)] = [
            (8000, .narrowband), (12_000, .mediumband), (16_000, .wideband), (24_000, .superWideband),
            (44_100, .superWideband), (48_000, .fullband),
        ]
        for (hertz, bandwidth) in expected { #expect(OpusSettings.Bandwidth(upTo: SampleRate(hertz)) == bandwidth) }
    }

    /// Each fifth packet is lost: with what the next one knows of it more of the voice is there than with what is made up.
    @Test func lostFramesAreRecovered() throws {
        let said = voice(seconds: 6, rate: 16_000)
        func ratio(recovering: Bool) throws -> Double {
            let encoder = try OpusEncoder(sampleRate: .wideband)
            encoder.settings.bitrate = 32_000
            encoder.settings.hasForwardCorrection = true
            encoder.settings.expectedLoss = 0.2
            let packets = frames(of: said, 320).map(encoder.packet)
            let perfect = heard(packets, try OpusDecoder(sampleRate: .wideband))
            let decoder = try OpusDecoder(sampleRate: .wideband)
            var sound: [Int16] = []
            for index in packets.indices {
                guard index % 5 == 4 else {
                    sound += decoder.samples(packets[index])
                    continue
                }
                let next = index + 1 < packets.count && recovering ? packets[index + 1] : nil
                let copy = next.map { decoder.recovered(from: $0, 320) } ?? []
                sound += copy.isEmpty ? decoder.concealed(320) : copy
            }
            #expect(sound.count == perfect.count)
            return CodecSignal.ratio(of: sound, to: perfect, delay: 0)
        }
        let concealed = try ratio(recovering: false)
        let recovered = try ratio(recovering: true)
        #expect(recovered > concealed + 2)
    }

    /// Silence is not sent, but for a packet now and then, and the decoder makes the rest.
    @Test func silenceIsLeftOut() throws {
        let encoder = try OpusEncoder(sampleRate: .wideband)
        encoder.settings.isDiscontinuous = true
        encoder.settings.bitrate = 20_000
        let silence = frames(of: CodecSignal.noise(64_000, peak: 3), 320)
        let sent = silence.map { encoder.packet($0) }.filter { !$0.isEmpty }
        #expect(sent.count < silence.count / 2)
        #expect(!sent.isEmpty)
    }

    @Test func brokenPacketsAreNoSound() throws {
        let decoder = try OpusDecoder(sampleRate: .wideband)
        var generator = SeededGenerator(17)
        for length in 0..<400 {
            let octets = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let expected = decoder.sampleCount(of: octets.span.bytes)
            let count = decoder.samples(octets).count
            #expect(count == expected || count == 0)
            #expect(count <= 1920)
        }
    }

    @Test func whatThereIsNotIsRefused() {
        #expect(throws: CodecError(.unsupported, "")) { try OpusEncoder(sampleRate: SampleRate(44_100)) }
        #expect(throws: CodecError(.unsupported, "")) { try OpusDecoder(sampleRate: .wideband, channels: 3) }
    }

    /// Where the memory is short, the packet is too.
    @Test func packetsFitTheMemory() throws {
        let encoder = try OpusEncoder(sampleRate: .fullband)
        encoder.settings.bitrate = 510_000
        let packet = encoder.packet(CodecSignal.noise(2880), room: 80)
        #expect(1...80 ~= packet.count)
        #expect(OpusDecoder.sampleCount(of: packet, at: .fullband) == 2880)
    }

    private func frames(of samples: [Int16], _ count: Int) -> [[Int16]] {
        stride(from: 0, through: samples.count - count, by: count).map { Array(samples[$0..<$0 + count]) }
    }

    private func heard(_ packets: [[UInt8]], _ decoder: OpusDecoder) -> [Int16] { packets.flatMap(decoder.samples) }
}

extension OpusEncoder {
    func packet(_ frame: [Int16]) -> [UInt8] { packet(frame, room: 4000) }

    func packet(_ frame: [Int16], room: Int) -> [UInt8] {
        var memory = [UInt8](repeating: 0, count: room)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let length = encode(frame.span, into: &bytes)
        return Array(memory[0..<length])
    }
}

extension OpusDecoder {
    func samples(_ packet: [UInt8]) -> [Int16] { made { decode(packet.span.bytes, into: &$0) } }
    func concealed(_ count: Int) -> [Int16] { made { conceal(count, into: &$0) } }
    func recovered(from next: [UInt8], _ count: Int) -> [Int16] {
        made { recover(from: next.span.bytes, count, into: &$0) }
    }

    private func made(_ body: (inout MutableSpan<Int16>) -> Int) -> [Int16] {
        var samples = [Int16](repeating: 0, count: 11_520)
        var span = samples.mutableSpan
        let count = body(&span)
        return Array(samples[0..<count])
    }
}
