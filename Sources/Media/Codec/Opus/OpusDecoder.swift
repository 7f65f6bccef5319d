import COpus

/// Opus packets (RFC 6716) to frames by libopus, with all of its state, which is one allocation at the beginning.
///
/// Whatever a packet holds comes out at the decoder's own rate and number of channels. Not `Sendable`: it belongs to its
/// stream.
public final class OpusDecoder {
    /// Rate of the samples: 8, 12, 16, 24 or 48 kHz.
    public let sampleRate: SampleRate

    /// Channels, 1 or 2, interleaved.
    public let channels: Int

    private let state: OpaquePointer

    /// - Throws: ``CodecError`` for a rate or number of channels that there is not.
    public init(sampleRate: SampleRate, channels: Int = 1) throws(CodecError) {
        try OpusEncoder.check(sampleRate, channels)
        var error: Int32 = 0
        guard let state = opus_decoder_create(Int32(sampleRate.hertz), Int32(channels), &error) else {
            throw CodecError(.failed, "Opus decoder: \(String(cString: opus_strerror(error)))")
        }
        self.state = state
        self.sampleRate = sampleRate
        self.channels = channels
    }

    deinit { opus_decoder_destroy(state) }

    /// Samples of each channel that a packet holds at the decoder's rate; 0 when it is not a packet of Opus.
    public func sampleCount(of packet: RawSpan) -> Int { Self.sampleCount(of: packet, at: sampleRate) }

    /// Samples of each channel that a packet holds at a rate; 0 when it is not a packet of Opus, and then it is not decoded either
    /// (RFC 6716 §3.1, §3.2).
    public static func sampleCount(of packet: RawSpan, at rate: SampleRate) -> Int {
        packet.withUnsafeBytes { octets -> Int in
            guard let first = octets.baseAddress?.assumingMemoryBound(to: UInt8.self), !octets.isEmpty else { return 0 }
            return max(0, Int(opus_packet_get_nb_samples(first, Int32(clamping: octets.count), Int32(rate.hertz))))
        }
    }

    /// Decodes a packet to `samples` from `start` on.
    ///
    /// - Returns: samples of all channels written; 0 when the packet is broken, or does not fit.
    public func decode(_ packet: RawSpan, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        guard packet.byteCount > 0 else { return 0 }
        return run(packet, into: &samples, start..<samples.count, recovers: false)
    }

    /// Makes up `count` samples of all channels for what is lost. Opus does so in whole multiples of 2.5 ms.
    ///
    /// - Returns: samples of all channels written.
    public func conceal(_ count: Int, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        run(RawSpan(), into: &samples, start..<start + min(count, samples.count - start), recovers: false)
    }

    /// Whether a packet holds a coarse copy of the frames before it (in-band FEC): the LBRR flag of its first frame, which stands
    /// behind the flags of voice activity (RFC 6716 §4.2.3, §4.2.4).
    public static func hasCopy(in packet: RawSpan) -> Bool {
        packet.withUnsafeBytes { octets -> Bool in
            guard let first = octets.baseAddress?.assumingMemoryBound(to: UInt8.self), octets.count > 1,
                first.pointee & 0x80 == 0
            else { return false }
            // Frames with a speech part: 16 configurations of 10, 20, 40 and 60 ms, or in hybrid mode 10 and 20 ms (table 2).
            let configuration = first.pointee >> 3
            let inner = configuration < 12 ? max(1, configuration & 3) : 1
            return withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: 48) { frames in
                withUnsafeTemporaryAllocation(of: Int16.self, capacity: 48) { lengths in
                    // Neither is empty.
                    guard let sizes = lengths.baseAddress else { return false }
                    let count = opus_packet_parse(
                        first, Int32(clamping: octets.count), nil, frames.baseAddress, sizes, nil)
                    guard count > 0, sizes[0] > 0, let frame = frames[0] else { return false }
                    let middle = frame.pointee >> (7 - inner) & 1
                    let side = first.pointee & 4 != 0 ? frame.pointee >> (6 - 2 * inner) & 1 : 0
                    return middle | side != 0
                }
            }
        }
    }

    /// Decodes what the packet *after* a lost one knows of it by in-band FEC, and makes up the rest. Decode that packet
    /// afterwards as usual.
    ///
    /// - Parameters:
    ///   - next: the packet that follows the lost one.
    ///   - count: samples of all channels that are lost, a multiple of 2.5 ms.
    /// - Returns: samples of all channels written; 0 where the packet knows nothing (``hasCopy(in:)``).
    public func recover(
        from next: RawSpan, _ count: Int, into samples: inout MutableSpan<Int16>, at start: Int = 0
    ) -> Int {
        guard Self.hasCopy(in: next) else { return 0 }
        return run(next, into: &samples, start..<start + min(count, samples.count - start), recovers: true)
    }

    /// Begins anew, as if nothing had been decoded.
    public func reset() { _ = itodenwa_opus_decoder_reset(state) }

    private func run(
        _ packet: RawSpan, into samples: inout MutableSpan<Int16>, _ place: Range<Int>, recovers: Bool
    ) -> Int {
        // 120 ms are the most that a packet can hold.
        let room = min(place.count / channels, sampleRate.hertz * 12 / 100)
        guard place.lowerBound >= 0, room > 0 else { return 0 }
        let made = samples.withUnsafeMutableBufferPointer { samples in
            packet.withUnsafeBytes { octets -> Int32 in
                // Not empty: there is room in it.
                guard let base = samples.baseAddress else { return 0 }
                let first = octets.isEmpty ? nil : octets.baseAddress?.assumingMemoryBound(to: UInt8.self)
                return opus_decode(
                    state, first, Int32(clamping: octets.count), base + place.lowerBound, Int32(room), recovers ? 1 : 0)
            }
        }
        return max(0, Int(made)) * channels
    }
}
