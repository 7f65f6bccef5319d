/// ITU-T G.726 at 32 kbit/s: ADPCM of four bits for each sample of 8 kHz, from and to linear samples (annex A).
///
/// The recommendation has samples of 14 bits: of ours, which have 16, the lower two are cut off.
public enum G726 {
    /// How two codes share an octet.
    @frozen
    public enum Packing: UInt8, Hashable, Sendable, CaseIterable {
        /// The first code in the lower bits: `G726-32` (RFC 3551 §4.5.4).
        case lowerFirst
        /// The first code in the upper bits: `AAL2-G726-32` (RFC 3551 §4.5.4, after ITU-T I.366.2 annex E).
        case upperFirst
    }

    /// Samples to octets. A value with all its state: copying it forks the signal.
    public struct Encoder: Sendable {
        private let packing: Packing
        private var machine = ADPCM32()

        /// An encoder in the state of the recommendation's reset.
        public init(packing: Packing) {
            self.packing = packing
        }

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
                        let first = machine.encode(Int32(frame[2 &* index] >> 2))
                        let second = machine.encode(Int32(frame[2 &* index &+ 1] >> 2))
                        memory[offset &+ index] =
                            packing == .lowerFirst ? first | second << 4 : first << 4 | second
                    }
                }
            }
            return count
        }
    }

    /// Octets to samples. A value with all its state: copying it forks the signal.
    public struct Decoder: Sendable {
        private let packing: Packing
        private var machine = ADPCM32()

        /// A decoder in the state of the recommendation's reset.
        public init(packing: Packing) {
            self.packing = packing
        }

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
                        let lower = payload[index] & 0xF
                        let upper = payload[index] >> 4
                        let place = start &+ 2 &* index
                        frame[place] = sample(packing == .lowerFirst ? lower : upper)
                        frame[place &+ 1] = sample(packing == .lowerFirst ? upper : lower)
                    }
                }
            }
            return 2 * count
        }

        private mutating func sample(_ code: UInt8) -> Int16 {
            Int16(truncatingIfNeeded: saturated(machine.decode(code) << 2))
        }
    }
}
