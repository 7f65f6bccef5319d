import Foundation
import Media
import TestKit
import Testing

extension Interop {
    /// Packets in two channels that an encoder made which no one here wrote: they may come at any time, whatever we have said that we
    /// prefer (RFC 7587 §7).
    @Suite struct StereoOpusTests {
        /// What stands in each channel: another tone, half of full scale.
        private static let tones = [400.0, 1000]
        private static let amplitude = 16_384.0

        /// In one channel both are heard, each at half of its strength.
        @Test(arguments: [SampleRate.wideband, SampleRate(48_000)], [24, 64])
        func isHeardAsTheMeanOfBoth(_ rate: SampleRate, kilobits: Int) async throws {
            try await withPeers { peers in
                let decoder = try AudioDecoder(.opus(rate))
                var samples = [Int16](repeating: 0, count: 4 * rate.hertz)
                var made = 0
                for packet in try await packets(kilobits: kilobits, in: peers) {
                    #expect(packet[0] & 4 != 0, "not in two channels (RFC 6716 §3.1)")
                    var span = samples.mutableSpan
                    made += decoder.decode(packet.span.bytes, into: &span, at: made)
                }
                #expect(made >= 2 * rate.hertz)
                let middle = samples[rate.hertz / 2..<rate.hertz * 3 / 2]
                for tone in Self.tones {
                    let strength = Self.strength(tone, in: middle, rate: rate)
                    #expect(abs(strength / (Self.amplitude / 2) - 1) < 0.1, "\(tone) Hz: \(strength)")
                }
            }
        }

        /// In two channels each has its own.
        @Test func theChannelsStayApart() async throws {
            try await withPeers { peers in
                let rate = SampleRate.wideband
                let decoder = try OpusDecoder(sampleRate: rate, channels: 2)
                var samples = [Int16](repeating: 0, count: 8 * rate.hertz)
                var made = 0
                for packet in try await packets(kilobits: 64, in: peers) {
                    var span = samples.mutableSpan
                    made += decoder.decode(packet.span.bytes, into: &span, at: made)
                }
                for channel in 0..<2 {
                    let middle = stride(from: rate.hertz + channel, to: rate.hertz * 3 + channel, by: 2).map {
                        samples[$0]
                    }
                    let own = Self.strength(Self.tones[channel], in: middle[...], rate: rate)
                    let other = Self.strength(Self.tones[1 - channel], in: middle[...], rate: rate)
                    #expect(abs(own / Self.amplitude - 1) < 0.1 && other < own / 10)
                }
            }
        }

        /// Two seconds of a tone in each channel, as opusenc codes them.
        private func packets(kilobits: Int, in peers: Peers) async throws -> [[UInt8]] {
            let wave = peers.folder.file("two.wav")
            let file = peers.folder.file("two.opus")
            let synthesis = ["synth", "2", "sine", "400", "sine", "1000", "vol", "0.5"]
            try await peers.run(
                PeerCommand(
                    "sox", ["-D", "-n", "-r", "48000", "-c", "2", "-b", "16", wave] + synthesis, package: "sox"))
            let options = ["--quiet", "--bitrate", "\(kilobits)", "--no-phase-inv", wave, file]
            try await peers.run(PeerCommand("opusenc", options, package: "opus-tools"))
            // The first two are headers (RFC 7845 §5).
            return Array(try Self.packets(of: Array(Data(contentsOf: URL(filePath: file)))).dropFirst(2))
        }

        /// The packets of an Ogg file (RFC 3533 §6).
        private static func packets(of octets: [UInt8]) throws -> [[UInt8]] {
            var all: [[UInt8]] = []
            var packet: [UInt8] = []
            var place = 0
            while place < octets.count {
                try #require(octets[place..<place + 4].elementsEqual("OggS".utf8))
                let segments = octets[place + 27..<place + 27 + Int(octets[place + 26])]
                place = segments.endIndex
                for length in segments {
                    packet += octets[place..<place + Int(length)]
                    place += Int(length)
                    if length < 255 {
                        all.append(packet)
                        packet = []
                    }
                }
            }
            return all
        }

        /// Amplitude of a tone.
        private static func strength(_ hertz: Double, in samples: ArraySlice<Int16>, rate: SampleRate) -> Double {
            var real = 0.0
            var imaginary = 0.0
            for (index, sample) in samples.enumerated() {
                let angle = 2 * Double.pi * hertz * Double(index) / Double(rate.hertz)
                real += Double(sample) * cos(angle)
                imaginary += Double(sample) * sin(angle)
            }
            return 2 * (real * real + imaginary * imaginary).squareRoot() / Double(samples.count)
        }
    }
}
