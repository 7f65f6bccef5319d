/// How an Opus encoder works. All of it may be changed while it runs.
public struct OpusSettings: Hashable, Sendable {
    /// What the signal is, which decides between the speech and the music part of the codec.
    @frozen
    public enum Application: Hashable, Sendable, CaseIterable {
        /// Speech first: the encoder may emphasise what makes it intelligible.
        case voice
        /// Faithful to any sound.
        case audio
        /// As `audio`, without the speech part, and with 2.5 ms less delay. In-band FEC is not possible.
        case lowDelay
    }

    /// The highest frequencies that are coded (RFC 6716 §2.1.3).
    @frozen
    public enum Bandwidth: Hashable, Sendable, Comparable, CaseIterable {
        /// 4 kHz.
        case narrowband
        /// 6 kHz.
        case mediumband
        /// 8 kHz.
        case wideband
        /// 12 kHz.
        case superWideband
        /// 20 kHz.
        case fullband

        /// The widest bandwidth that a signal of a sample rate can have, and a receiver of that rate can play: what
        /// `maxplaybackrate` stands for (RFC 7587 §3.1.1, table 1).
        public init(upTo rate: SampleRate) {
            switch rate.hertz {
            case ..<12_000: self = .narrowband
            case ..<16_000: self = .mediumband
            case ..<24_000: self = .wideband
            case ..<48_000: self = .superWideband
            default: self = .fullband
            }
        }
    }

    /// Average of bits per second, 6,000 to 510,000 (RFC 7587 §6.1); nil lets the encoder choose by rate and channels.
    public var bitrate: Int?

    /// The widest bandwidth that may be used.
    public var maximumBandwidth = Bandwidth.fullband

    /// Whether every packet has the same size (`cbr`).
    public var hasConstantBitrate = false

    /// Whether packets hold a coarse copy of the frame before (`useinbandfec`, RFC 6716 §2.1.7). Only frames of 10 to 60 ms of the
    /// speech part can, and only where `expectedLoss` is not 0.
    public var hasForwardCorrection = false

    /// Part of the packets that will be lost, 0 to 1: how much the stream is prepared for it.
    public var expectedLoss = 0.0

    /// Whether packets of silence are left out (`usedtx`, RFC 6716 §2.1.9).
    public var isDiscontinuous = false

    /// Processor time against quality, 0 to 10; at least 7 where packets of silence are left out of ``Application/audio``.
    public var complexity = 5

    /// Bits per second that are taken; others are brought to the next of these.
    public static let bitrates = 6000...510_000

    /// The defaults.
    public init() {}
}
