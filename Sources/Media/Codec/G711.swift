/// The two companding laws of ITU-T G.711, bit exact with the ITU's reference software (G.191, module G.711).
///
/// Linear samples are 16 bits: the 14 bits of µ-law and the 13 bits of A-law are the upper ones. A sample between two
/// decision values gets the code of its interval; a negative one is mirrored by the complement, so that a sample on a
/// decision value belongs to the interval towards zero for negative and away from zero for positive samples.
@frozen
public enum G711: UInt8, Hashable, Sendable, CaseIterable {
    /// µ-law, payload type 0 (PCMU).
    case muLaw

    /// A-law, payload type 8 (PCMA).
    case aLaw

    /// The code of a linear sample.
    @inlinable
    public func encode(_ sample: Int16) -> UInt8 {
        switch self {
        case .muLaw: Self.muLawCodes[Int(UInt16(bitPattern: sample) >> 2)]
        case .aLaw: Self.aLawCodes[Int(UInt16(bitPattern: sample) >> 4)]
        }
    }

    /// The linear sample of a code.
    @inlinable
    public func decode(_ code: UInt8) -> Int16 {
        switch self {
        case .muLaw: Self.muLawSamples[Int(code)]
        case .aLaw: Self.aLawSamples[Int(code)]
        }
    }

    /// The code of a sample of zero, which fills silence.
    @inlinable
    public var silence: UInt8 { encode(0) }

    /// Encodes `samples` to the octets of `memory` from `offset` on, as many as both hold.
    ///
    /// - Returns: octets written.
    public func encode(_ samples: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int {
        let count = max(0, min(samples.count, memory.byteCount - max(0, offset)))
        guard offset >= 0 else { return 0 }
        switch self {
        case .muLaw:
            for index in 0..<count {
                let code = Self.muLawCodes[Int(UInt16(bitPattern: samples[index]) >> 2)]
                memory.storeBytes(of: code, toByteOffset: offset + index, as: UInt8.self)
            }
        case .aLaw:
            for index in 0..<count {
                let code = Self.aLawCodes[Int(UInt16(bitPattern: samples[index]) >> 4)]
                memory.storeBytes(of: code, toByteOffset: offset + index, as: UInt8.self)
            }
        }
        return count
    }

    /// Decodes the octets of `codes` into `samples` from `start` on, as many as both hold.
    ///
    /// - Returns: samples written.
    public func decode(_ codes: RawSpan, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        guard start >= 0 else { return 0 }
        let count = max(0, min(codes.byteCount, samples.count - start))
        switch self {
        case .muLaw:
            for index in 0..<count {
                samples[start + index] = Self.muLawSamples[Int(codes.unsafeLoad(fromByteOffset: index, as: UInt8.self))]
            }
        case .aLaw:
            for index in 0..<count {
                samples[start + index] = Self.aLawSamples[Int(codes.unsafeLoad(fromByteOffset: index, as: UInt8.self))]
            }
        }
        return count
    }
}

extension G711 {
    @usableFromInline static let muLawSamples = InlineArray<256, Int16> { expandMuLaw(UInt8($0)) }
    @usableFromInline static let aLawSamples = InlineArray<256, Int16> { expandALaw(UInt8($0)) }

    /// Codes by the upper 14 bits of the sample, as an unsigned number.
    @usableFromInline static let muLawCodes = InlineArray<16384, UInt8> {
        compressMuLaw(Int16(bitPattern: UInt16($0) << 2))
    }

    /// Codes by the upper 12 bits of the sample: A-law's smallest interval is two of its 13-bit units.
    @usableFromInline static let aLawCodes = InlineArray<4096, UInt8> {
        compressALaw(Int16(bitPattern: UInt16($0) << 4))
    }

    /// G.711 table 2: magnitudes of 13 bits get a bias of 33, so that a segment ends at each power of two from 64 on.
    private static func compressMuLaw(_ sample: Int16) -> UInt8 {
        let magnitude = (sample < 0 ? ~Int(sample) : Int(sample)) >> 2
        let biased = min(magnitude + 33, 0x1FFF)
        // 33 … 8191: the highest bit is bit 5 to bit 12.
        let segment = Int.bitWidth - 1 - biased.leadingZeroBitCount - 5
        let interval = (biased >> (segment + 1)) & 0xF
        let code = UInt8(segment << 4 | interval)
        // All bits are inverted on the line; the sign bit is set for positive samples.
        return sample < 0 ? ~(code | 0x80) : ~code
    }

    private static func expandMuLaw(_ code: UInt8) -> Int16 {
        let line = Int(~code)
        let segment = (line >> 4) & 7
        let magnitude = ((2 * (line & 0xF) + 33) << segment) - 33
        return Int16((line & 0x80 != 0 ? -magnitude : magnitude) * 4)
    }

    /// G.711 table 1: two segments of the same slope, then one for each power of two.
    private static func compressALaw(_ sample: Int16) -> UInt8 {
        let magnitude = (sample < 0 ? ~Int(sample) : Int(sample)) >> 4
        let segment = max(0, Int.bitWidth - magnitude.leadingZeroBitCount - 4)
        let interval = segment < 2 ? magnitude & 0xF : (magnitude >> (segment - 1)) & 0xF
        let code = UInt8(segment << 4 | interval)
        // Even bits are inverted on the line.
        return (sample < 0 ? code : code | 0x80) ^ 0x55
    }

    private static func expandALaw(_ code: UInt8) -> Int16 {
        let line = Int(code ^ 0x55)
        let segment = (line >> 4) & 7
        let interval = 2 * (line & 0xF) + 1
        let magnitude = segment == 0 ? interval : (interval + 32) << (segment - 1)
        return Int16((line & 0x80 != 0 ? magnitude : -magnitude) * 8)
    }
}
