/// How the sound in a WAV file is encoded.
public struct WAVFormat: Hashable, Sendable {
    /// How one sample is stored; little-endian.
    public enum Encoding: Hashable, Sendable, CaseIterable {
        /// Unsigned, 8 bits, zero at 128.
        case pcm8
        /// Signed, 16 bits.
        case pcm16
        /// Signed, 24 bits.
        case pcm24
        /// Signed, 32 bits.
        case pcm32
        /// IEEE 754 single precision, full scale at ±1.
        case float32
        /// G.711 A-law, as it is on the line.
        case aLaw
        /// G.711 µ-law, as it is on the line.
        case muLaw

        /// Octets of one sample.
        public var width: Int {
            switch self {
            case .pcm8, .aLaw, .muLaw: 1
            case .pcm16: 2
            case .pcm24: 3
            case .pcm32, .float32: 4
            }
        }

        /// The format tag of the RIFF registry.
        var tag: UInt16 {
            switch self {
            case .pcm8, .pcm16, .pcm24, .pcm32: 0x0001
            case .float32: 0x0003
            case .aLaw: 0x0006
            case .muLaw: 0x0007
            }
        }

        init?(tag: UInt16, bits: UInt16) {
            switch (tag, bits) {
            case (1, 8): self = .pcm8
            case (1, 16): self = .pcm16
            case (1, 24): self = .pcm24
            case (1, 32): self = .pcm32
            case (3, 32): self = .float32
            case (6, 8): self = .aLaw
            case (7, 8): self = .muLaw
            default: return nil
            }
        }
    }

    /// How one sample is stored.
    public var encoding: Encoding

    /// Frames per second.
    public var sampleRate: SampleRate

    /// Samples per frame: 1 (mono) or 2 (stereo, left first).
    public var channels: Int

    /// Whether the format is written as `WAVE_FORMAT_EXTENSIBLE`, as Microsoft asks for more than 16 bits.
    public var isExtensible: Bool

    /// A format; `channels` is held within 1 and 2.
    public init(
        encoding: Encoding = .pcm16, sampleRate: SampleRate = .narrowband, channels: Int = 1,
        isExtensible: Bool = false
    ) {
        self.encoding = encoding
        self.sampleRate = sampleRate
        self.channels = max(1, min(channels, 2))
        self.isExtensible = isExtensible
    }

    /// Octets of one frame, which holds a sample of each channel.
    public var frameLength: Int { encoding.width * channels }

    /// The last fourteen octets of the sub-format GUIDs that wrap a format tag.
    static let guidTail: [UInt8] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]

    /// Names of format tags that people's files have and this does not read.
    static func name(ofTag tag: UInt16, bits: UInt16) -> String {
        switch tag {
        case 0x0001: "PCM of \(bits) bits"
        case 0x0002: "Microsoft ADPCM"
        case 0x0003: "floating point of \(bits) bits"
        case 0x0006: "A-law of \(bits) bits"
        case 0x0007: "µ-law of \(bits) bits"
        case 0x0011: "IMA ADPCM"
        case 0x0031: "GSM 6.10"
        case 0x0055: "MP3"
        default: "format 0x" + String(tag, radix: 16)
        }
    }
}

extension WAVFormat.Encoding {
    /// The sample in the octets from `offset` on as 16 bits: rounded, and held within the range.
    @inline(__always)
    func sample(at offset: Int, in bytes: RawSpan) -> Int16 {
        switch self {
        case .pcm8:
            return (Int16(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) - 128) << 8
        case .pcm16:
            return Int16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Int16.self))
        case .pcm24:
            let low = Int32(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            let high = Int16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset + 1, as: Int16.self))
            return Int16(clamping: (Int32(high) << 8 + low + 0x80) >> 8)
        case .pcm32:
            let value = Int32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Int32.self))
            return Int16(clamping: (Int64(value) + 0x8000) >> 16)
        case .float32:
            let bits = UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
            return Int16(scaled: Float(bitPattern: bits) * 32768)
        case .aLaw: return G711.aLaw.decode(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        case .muLaw: return G711.muLaw.decode(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
    }

    /// Writes a sample of 16 bits to `offset`.
    @inline(__always)
    func store(_ sample: Int16, at offset: Int, into bytes: inout MutableRawSpan) {
        switch self {
        case .pcm8:
            let rounded = min((Int(sample) + 128) >> 8, 127)
            bytes.storeBytes(of: UInt8(rounded + 128), toByteOffset: offset, as: UInt8.self)
        case .pcm16:
            bytes.storeBytes(of: sample.littleEndian, toByteOffset: offset, as: Int16.self)
        case .pcm24:
            bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
            bytes.storeBytes(of: sample.littleEndian, toByteOffset: offset + 1, as: Int16.self)
        case .pcm32:
            bytes.storeBytes(of: (Int32(sample) << 16).littleEndian, toByteOffset: offset, as: Int32.self)
        case .float32:
            let bits = (Float(sample) / 32768).bitPattern
            bytes.storeBytes(of: bits.littleEndian, toByteOffset: offset, as: UInt32.self)
        case .aLaw: bytes.storeBytes(of: G711.aLaw.encode(sample), toByteOffset: offset, as: UInt8.self)
        case .muLaw: bytes.storeBytes(of: G711.muLaw.encode(sample), toByteOffset: offset, as: UInt8.self)
        }
    }
}

extension Int16 {
    /// The nearest sample to a value in units of 1/32,768 of full scale, held within the range; not a number is 0.
    @inline(__always)
    init(scaled value: Float) {
        guard value == value else {
            self = 0
            return
        }
        self = Int16(Swift.max(-32768, Swift.min(value.rounded(.toNearestOrEven), 32767)))
    }

    /// The same for a double.
    @inline(__always)
    init(scaled value: Double) {
        guard value == value else {
            self = 0
            return
        }
        self = Int16(Swift.max(-32768, Swift.min(value.rounded(.toNearestOrEven), 32767)))
    }
}
