import Foundation
import Testing

@testable import Media

/// A gap in two channels, filled without the help of a codec.
@Suite struct StereoConcealmentTests {
    private static let rate = SampleRate.wideband
    private static let gap = 320

    /// What a concealer makes of a gap behind the sound of both channels, with the good sound behind it: one channel each.
    private func made(_ left: [Int16], _ right: [Int16]) -> [[Int16]] {
        var concealer = Concealer(sampleRate: Self.rate, channels: 2)
        var line = zip(left, right).flatMap { [$0, $1] }
        let start = left.count - 2 * Self.gap
        for index in 2 * start..<2 * (start + Self.gap) { line[index] = 0 }
        concealer.begin(after: start, in: line)
        concealer.fill(&line, at: start, count: Self.gap)
        concealer.merge(into: &line, at: start + Self.gap, available: Self.gap)
        return (0..<2).map { channel in stride(from: channel, to: line.count, by: 2).map { line[$0] } }
    }

    private func mono(_ sound: [Int16]) -> [Int16] {
        var concealer = Concealer(sampleRate: Self.rate)
        var line = sound
        let start = sound.count - 2 * Self.gap
        for index in start..<start + Self.gap { line[index] = 0 }
        concealer.begin(after: start, in: line)
        concealer.fill(&line, at: start, count: Self.gap)
        concealer.merge(into: &line, at: start + Self.gap, available: Self.gap)
        return line
    }

    /// The same sound in both channels is filled as it is in one.
    @Test func equalChannelsAreAsOne() {
        let voice = voice(seconds: 0.3, rate: 16_000)
        let both = made(voice, voice)
        #expect(both[0] == both[1])
        #expect(both[0] == mono(voice))
    }

    /// Each channel goes on with its own tone, as long as both are repeated at the period that they have in common.
    @Test func theChannelsStayApart() {
        // Both tones have whole periods in 12.5 ms.
        let tones = [400.0, 1040].map { hertz in
            (0..<4_800).map { Int16(10_000 * sin(2 * Double.pi * hertz * Double($0) / 16_000)) }
        }
        let both = made(tones[0], tones[1])
        for channel in 0..<2 {
            var error = 0.0
            var power = 0.0
            // The first 10 ms, in which the level stays.
            for index in 4_160..<4_320 {
                error += pow(Double(both[channel][index]) - Double(tones[channel][index]), 2)
                power += pow(Double(tones[channel][index]), 2)
            }
            #expect(error < power / 100, "\(channel)")
            #expect(both[channel][4_640...].elementsEqual(tones[channel][4_640...]))
        }
    }

    /// Another number of channels than the buffer's is another codec: it is not taken.
    @Test func aPacketOfOtherChannelsIsNotTaken() throws {
        var settings = PlayoutBuffer.Configuration()
        settings.sampleRate = .fullband
        settings.channels = 2
        var buffer = PlayoutBuffer(
            configuration: settings, codecs: [.opus(.fullband), .opus(.fullband, channels: 2), .l16(.fullband)])
        #expect(buffer.samplesPerFrame == 1920)
        let encoder = try AudioEncoder(.opus(.fullband, channels: 2))
        let frame = [Int16](repeating: 100, count: 1920)
        var memory = [UInt8](repeating: 0, count: 1500)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let length = encoder.encode(frame.span, into: &bytes)
        let payload = memory.span.bytes.extracting(0..<length)
        for (codec, taken) in [
            (AudioCodec.opus(.fullband), PlayoutBuffer.Insertion.unusable), (.l16(.fullband), .unusable),
            (.opus(.fullband, channels: 2), .queued),
        ] {
            let insertion = buffer.insert(payload, codec: codec, sequence: 1, timestamp: 0, at: origin)
            #expect(insertion == taken)
        }
    }
}
