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
    public func encode(_ sample: Int16) -> UInt8 {
        codes[Int(UInt16(bitPattern: sample) >> shift)]
    }

    /// The linear sample of a code.
    public func decode(_ code: UInt8) -> Int16 {
        samples[Int(code)]
    }

    /// The code of a sample of zero, which fills silence.
    public var silence: UInt8 { encode(0) }

    /// Encodes `frame` to the octets of `memory` from `offset` on, as many as both hold.
    ///
    /// - Returns: octets written.
    public func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int {
        let count = min(frame.count, memory.byteCount - offset)
        guard offset >= 0, count > 0 else { return 0 }
        let codes = codes
        let shift = shift
        // Within the bounds that `count` has from both.
        memory.withUnsafeMutableBytes { memory in
            frame.withUnsafeBufferPointer { frame in
                for index in 0..<count {
                    memory[offset &+ index] = codes[Int(UInt16(bitPattern: frame[index]) >> shift)]
                }
            }
        }
        return count
    }

    /// Decodes the octets of `payload` into `frame` from `start` on, as many as both hold.
    ///
    /// - Returns: samples written.
    public func decode(_ payload: RawSpan, into frame: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        let count = min(payload.byteCount, frame.count - start)
        guard start >= 0, count > 0 else { return 0 }
        let samples = samples
        // Within the bounds that `count` has from both.
        frame.withUnsafeMutableBufferPointer { frame in
            payload.withUnsafeBytes { payload in
                for index in 0..<count { frame[start &+ index] = samples[Int(payload[index])] }
            }
        }
        return count
    }
}

extension G711 {
    /// Bits of a sample that its code does not depend on: µ-law sees 14 bits, A-law, whose smallest interval is two of its
    /// 13-bit units, 12.
    private var shift: UInt16 { self == .muLaw ? 2 : 4 }

    /// Codes by the upper bits of the sample, as an unsigned number.
    private var codes: UnsafePointer<UInt8> { self == .muLaw ? Self.muLawCodes : Self.aLawCodes }

    /// Samples by their code.
    private var samples: UnsafePointer<Int16> { self == .muLaw ? Self.muLawSamples : Self.aLawSamples }

    // `nonisolated(unsafe)`: each table is filled before its pointer is published by the static's own once-only
    // initialisation, lives as long as the process and is never written again. An index is always below the size: it has
    // as many bits.
    private nonisolated(unsafe) static let muLawCodes = table(16384) {
        compressMuLaw(Int16(bitPattern: UInt16($0) << 2))
    }
    private nonisolated(unsafe) static let aLawCodes = table(4096) { compressALaw(Int16(bitPattern: UInt16($0) << 4)) }
    private nonisolated(unsafe) static let muLawSamples = table(256) { expandMuLaw(UInt8($0)) }
    private nonisolated(unsafe) static let aLawSamples = table(256) { expandALaw(UInt8($0)) }

    private static func table<Value>(_ count: Int, _ value: (Int) -> Value) -> UnsafePointer<Value> {
        let memory = UnsafeMutablePointer<Value>.allocate(capacity: count)
        for index in 0..<count { (memory + index).initialize(to: value(index)) }
        return UnsafePointer(memory)
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
