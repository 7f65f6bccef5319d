/// The payload of comfort noise (RFC 3389 §3): how loud it is, and the colour that an all-pole filter gives to it.
///
/// ```
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   +-+-+-+-+-+-+-+-+
/// |0|    level    |       N1      |…  |       NM      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   +-+-+-+-+-+-+-+-+
/// ```
public struct ComfortNoise: Hashable, Sendable {
    /// Coefficients that are kept; those behind them, which shape less and less, are passed over.
    public static let maximumOrder = 12

    /// The static payload type at a clock of 8 kHz (RFC 3389 §4).
    public static let staticPayloadType: UInt8 = 13

    /// Level of the noise in dB below overload, 0 to 127: a square wave of full scale is 0.
    public let level: UInt8

    /// Coefficients that there are, 0 to `maximumOrder`: none for white noise.
    public let order: Int

    private var indices = InlineArray<12, UInt8>(repeating: Self.zero)

    /// The index of a coefficient of 0.
    private static let zero: UInt8 = 127

    /// Noise of a level and without colour; a level over 127 is taken as 127.
    public init(level: UInt8) {
        self.level = min(level, 127)
        order = 0
    }

    /// Noise of a level and with reflection coefficients between -1 and 1, of which no more than `maximumOrder` are taken. The
    /// filter is 1/A(z), where A(z) = 1 + k1 z^-1 for a single coefficient.
    public init(level: UInt8, reflection: Span<Float>) {
        self.level = min(level, 127)
        order = min(reflection.count, Self.maximumOrder)
        for index in 0..<order {
            let step = (reflection[index] * (32768 / 258)).rounded()
            // Not a number counts as zero.
            let clamped = step.isNaN ? 0 : min(max(step, -127), 127)
            indices[index] = UInt8(127 + Int(clamped))
        }
    }

    /// Reads a payload; nil when it is empty. The reserved index 255 counts as no coefficient.
    public init?(_ payload: RawSpan) {
        guard payload.byteCount > 0 else { return nil }
        level = payload.octet(at: 0) & 0x7F
        order = min(payload.byteCount - 1, Self.maximumOrder)
        for index in 0..<order {
            let octet = payload.octet(at: index + 1)
            indices[index] = octet == 255 ? Self.zero : octet
        }
    }

    /// Octets of the payload.
    public var length: Int { 1 + order }

    /// A reflection coefficient (§3.2), from 0 on; 0 behind the last.
    public func reflection(at index: Int) -> Float {
        guard 0..<order ~= index else { return 0 }
        return Float(258 * (Int(indices[index]) - 127)) / 32768
    }

    /// Writes the payload at `offset`.
    ///
    /// - Returns: octets written.
    @discardableResult
    public func write(into memory: inout MutableRawSpan, at offset: Int) throws(RTPError) -> Int {
        guard offset >= 0, offset + length <= memory.byteCount else { throw .noSpace }
        memory.store(octet: level, at: offset)
        for index in 0..<order { memory.store(octet: indices[index], at: offset + 1 + index) }
        return length
    }

    public static func == (left: ComfortNoise, right: ComfortNoise) -> Bool {
        left.level == right.level && left.order == right.order
            && (0..<left.order).allSatisfy { left.indices[$0] == right.indices[$0] }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(level)
        for index in 0..<order { hasher.combine(indices[index]) }
    }
}
