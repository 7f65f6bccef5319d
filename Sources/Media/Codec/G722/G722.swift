/// ITU-T G.722 at 64 kbit/s (mode 1): 7 kHz of speech in two sub-bands of ADPCM, six bits for each sample of the lower one
/// and two for each of the upper one. Names in capitals are those of the recommendation's blocks.
///
/// Samples are of 16 kHz; each pair of them becomes one octet, the upper band's code in the two high bits. The RTP clock is
/// 8 kHz by an old mistake that cannot be mended (RFC 3551 §4.5.2).
///
/// ```
///           ┌─► lower band ─► 6 bits ┐              ┌─► lower band ┐
///  ─► QMF ──┤                        ├─► octet ─►  ─┤              ├─► QMF ─►
///           └─► upper band ─► 2 bits ┘              └─► upper band ┘
/// ```
public enum G722 {
    /// Samples to octets. A value with all its state: copying it forks the signal.
    public struct Encoder: Sendable {
        private var lower = LowerBand()
        private var upper = UpperBand()
        private var line = QuadratureMirror()

        /// An encoder in the state of the recommendation's reset.
        public init() {}

        /// Encodes pairs of samples to the octets of `memory` from `offset` on, as many as both hold.
        ///
        /// - Returns: octets written.
        public mutating func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int
        {
            let count = min(frame.count / 2, memory.byteCount - offset)
            guard offset >= 0, count > 0 else { return 0 }
            memory.withUnsafeMutableBytes { memory in
                // Within the bounds that `count` has from both.
                frame.withUnsafeBufferPointer { frame in
                    for index in 0..<count {
                        memory[offset &+ index] = encode(frame[2 &* index], frame[2 &* index &+ 1])
                    }
                }
            }
            return count
        }

        private mutating func encode(_ first: Int16, _ second: Int16) -> UInt8 {
            line.append(Int32(first), Int32(second))
            let sums = line.sums()
            // The filter has a gain of 2^13, of which the bands keep one bit less than the samples have.
            let low = lower.encode((sums.odd &+ sums.even) >> 14)
            let high = upper.encode((sums.odd &- sums.even) >> 14)
            return UInt8(truncatingIfNeeded: high << 6 | low)
        }
    }

    /// Octets to samples. A value with all its state: copying it forks the signal.
    public struct Decoder: Sendable {
        private var lower = LowerBand()
        private var upper = UpperBand()
        private var line = QuadratureMirror()

        /// A decoder in the state of the recommendation's reset.
        public init() {}

        /// Decodes the octets of `payload` to pairs of samples in `frame` from `start` on, as many as both hold.
        ///
        /// - Returns: samples written.
        public mutating func decode(_ payload: RawSpan, into frame: inout MutableSpan<Int16>, at start: Int = 0) -> Int
        {
            let count = min(payload.byteCount, (frame.count - start) / 2)
            guard start >= 0, count > 0 else { return 0 }
            frame.withUnsafeMutableBufferPointer { frame in
                // Within the bounds that `count` has from both.
                payload.withUnsafeBytes { payload in
                    for index in 0..<count {
                        let pair = decode(payload[index])
                        frame[start &+ 2 &* index] = pair.first
                        frame[start &+ 2 &* index &+ 1] = pair.second
                    }
                }
            }
            return 2 * count
        }

        private mutating func decode(_ octet: UInt8) -> (first: Int16, second: Int16) {
            let low = lower.decode(Int(octet & 0x3F))
            let high = upper.decode(Int(octet >> 6))
            line.append(low &+ high, low &- high)
            let sums = line.sums()
            return (
                Int16(truncatingIfNeeded: saturated(sums.odd >> 11)),
                Int16(truncatingIfNeeded: saturated(sums.even >> 11))
            )
        }
    }
}

/// The quadrature mirror filter of G.722 (table 11), 24 taps that are the same from both ends, for either direction.
private struct QuadratureMirror: Sendable {
    /// The last 24 samples, twice, so that they always lie in one run from `start` on.
    private var samples = InlineArray<48, Int32>(repeating: 0)
    private var start = 0

    /// Takes the next two samples.
    mutating func append(_ first: Int32, _ second: Int32) {
        samples[start] = first
        samples[start &+ 1] = second
        samples[start &+ 24] = first
        samples[start &+ 25] = second
        start = start == 22 ? 0 : start &+ 2
    }

    /// The filter's sums over every other sample: those that came second, and those that came first.
    func sums() -> (odd: Int32, even: Int32) {
        var odd: Int32 = 0
        var even: Int32 = 0
        for tap in 0..<12 {
            even &+= samples[start &+ 2 &* tap] &* Self.taps[tap]
            odd &+= samples[start &+ 2 &* tap &+ 1] &* Self.taps[11 &- tap]
        }
        return (odd, even)
    }

    private static let taps: InlineArray<12, Int32> = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11]
}
