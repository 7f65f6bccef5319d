import COpus

/// Frames to Opus packets (RFC 6716) by libopus, with all of its state, which is one allocation at the beginning.
///
/// Not `Sendable`: it belongs to its stream.
public final class OpusEncoder {
    /// Rate of the samples: 8, 12, 16, 24 or 48 kHz. The RTP clock is 48 kHz with all of them (RFC 7587 §4.1).
    public let sampleRate: SampleRate

    /// Channels, 1 or 2, interleaved.
    public let channels: Int

    /// How it works.
    public var settings: OpusSettings {
        didSet { if settings != oldValue { apply() } }
    }

    /// The sample rates that there are.
    public static let sampleRates = [8000, 12_000, 16_000, 24_000, 48_000].map(SampleRate.init)

    /// The longest packet: three frames of 20 ms of 1275 octets, with their lengths (RFC 6716 §3.4, R5).
    public static let maximumPacketLength = 1275 * 3 + 7

    /// Octets in which every frame can be sent, though not well: 100 ms of sound at 6 kbit/s.
    static let leastRoom = 75

    /// The least complexity at which libopus 1.3 finds silence outside the speech part.
    private static let listening = 7

    private let application: OpusSettings.Application
    private let state: OpaquePointer

    /// - Throws: ``CodecError`` for a rate or number of channels that there is not.
    public init(
        sampleRate: SampleRate, channels: Int = 1, application: OpusSettings.Application = .voice,
        settings: OpusSettings = OpusSettings()
    ) throws(CodecError) {
        try Self.check(sampleRate, channels)
        let mode =
            switch application {
            case .voice: OPUS_APPLICATION_VOIP
            case .audio: OPUS_APPLICATION_AUDIO
            case .lowDelay: OPUS_APPLICATION_RESTRICTED_LOWDELAY
            }
        var error: Int32 = 0
        guard let state = opus_encoder_create(Int32(sampleRate.hertz), Int32(channels), mode, &error) else {
            throw CodecError(.failed, "Opus encoder: \(String(cString: opus_strerror(error)))")
        }
        self.state = state
        self.sampleRate = sampleRate
        self.channels = channels
        self.application = application
        self.settings = settings
        apply()
    }

    deinit { opus_encoder_destroy(state) }

    static func check(_ sampleRate: SampleRate, _ channels: Int) throws(CodecError) {
        guard sampleRates.contains(sampleRate), 1...2 ~= channels else {
            throw CodecError(.unsupported, "Opus has no \(sampleRate) with \(channels) channels")
        }
    }

    /// Samples of all channels that the encoder delays the sound by.
    public var lookahead: Int {
        var samples: Int32 = 0
        _ = itodenwa_opus_encoder_get(state, OPUS_GET_LOOKAHEAD_REQUEST, &samples)
        return Int(samples)
    }

    /// Encodes a frame of 2.5, 5, 10, 20, 40 or 60 ms as one packet to `memory` from `offset` on. Where the memory is shorter than
    /// the packet would be, the packet gets shorter.
    ///
    /// - Returns: octets written; 0 when nothing needs to be sent, or nothing can be made of such a frame.
    public func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int {
        let room = min(memory.byteCount - offset, Self.maximumPacketLength)
        guard offset >= 0, room > 0 else { return 0 }
        let samples = Int32(truncatingIfNeeded: frame.count / channels)
        let length = memory.withUnsafeMutableBytes { memory in
            frame.withUnsafeBufferPointer { frame -> Int32 in
                // The memory is not empty: there is room in it.
                guard let base = memory.baseAddress, let first = frame.baseAddress else { return 0 }
                let start = (base + offset).assumingMemoryBound(to: UInt8.self)
                return opus_encode(state, first, samples, start, Int32(truncatingIfNeeded: room))
            }
        }
        // A packet of one octet (with one channel), or two, says that it need not be sent (RFC 7587 §3.1.3). An error is negative.
        return length <= 2 && settings.isDiscontinuous ? 0 : max(0, Int(length))
    }

    /// Begins anew, as if nothing had been encoded.
    public func reset() { _ = itodenwa_opus_encoder_reset(state) }

    private func apply() {
        let bitrate = settings.bitrate.map {
            min(max($0, OpusSettings.bitrates.lowerBound), OpusSettings.bitrates.upperBound)
        }
        set(OPUS_SET_BITRATE_REQUEST, bitrate.map { Int32($0) } ?? OPUS_AUTO)
        set(OPUS_SET_MAX_BANDWIDTH_REQUEST, settings.maximumBandwidth.number)
        set(OPUS_SET_VBR_REQUEST, settings.hasConstantBitrate ? 0 : 1)
        set(OPUS_SET_INBAND_FEC_REQUEST, settings.hasForwardCorrection ? 1 : 0)
        let loss = settings.expectedLoss.isNaN ? 0 : min(max(settings.expectedLoss, 0), 1)
        set(OPUS_SET_PACKET_LOSS_PERC_REQUEST, Int32((loss * 100).rounded()))
        set(OPUS_SET_DTX_REQUEST, settings.isDiscontinuous ? 1 : 0)
        let least = settings.isDiscontinuous && application == .audio ? Self.listening : 0
        set(OPUS_SET_COMPLEXITY_REQUEST, Int32(min(max(settings.complexity, least), 10)))
    }

    /// All values are brought to their ranges before, so that none can be refused.
    private func set(_ request: Int32, _ value: Int32) {
        let result = itodenwa_opus_encoder_set(state, request, value)
        assert(result == OPUS_OK, "libopus has refused \(value) for \(request)")
    }
}

extension OpusSettings.Bandwidth {
    fileprivate var number: Int32 {
        switch self {
        case .narrowband: OPUS_BANDWIDTH_NARROWBAND
        case .mediumband: OPUS_BANDWIDTH_MEDIUMBAND
        case .wideband: OPUS_BANDWIDTH_WIDEBAND
        case .superWideband: OPUS_BANDWIDTH_SUPERWIDEBAND
        case .fullband: OPUS_BANDWIDTH_FULLBAND
        }
    }
}
