/// What a codec of speech is, apart from the state of encoding and decoding, which ``AudioEncoder`` and ``AudioDecoder`` have.
///
/// A plain value, so that it travels with each packet through the playout buffer.
@frozen
public enum AudioCodec: Hashable, Sendable {
    /// G.711 µ-law (RFC 3551 §4.5.14).
    case pcmu

    /// G.711 A-law (RFC 3551 §4.5.14).
    case pcma

    /// G.722 at 64 kbit/s (RFC 3551 §4.5.2).
    case g722

    /// G.726 at 32 kbit/s (RFC 3551 §4.5.4).
    case g726(G726.Packing)

    /// Samples as they are, of one channel (RFC 3551 §4.5.11).
    case l16(SampleRate)

    /// Opus (RFC 7587), of which one channel or two are coded or heard, at a rate of our choice among ``OpusEncoder/sampleRates``.
    case opus(SampleRate, channels: Int = 1)

    /// G.729 (RFC 3551 §4.5.6), which is there only where ``G729/isAvailable`` says so.
    ///
    /// - Parameter describesSilence: whether annex B leaves out silence of ours.
    case g729(describesSilence: Bool)

    /// The encoding name of the media type registry, as `a=rtpmap` has it.
    public var name: String {
        switch self {
        case .pcmu: "PCMU"
        case .pcma: "PCMA"
        case .g722: "G722"
        case .g726(.lowerFirst): "G726-32"
        case .g726(.upperFirst): "AAL2-G726-32"
        case .l16: "L16"
        case .opus: "opus"
        case .g729: "G729"
        }
    }

    /// The static payload type (RFC 3551 §6); nil where the type is dynamic.
    public var staticPayloadType: UInt8? {
        switch self {
        case .pcmu: 0
        case .pcma: 8
        case .g722: 9
        case .g729: 18
        case .l16(let rate) where rate.hertz == 44_100: 11
        case .g726, .l16, .opus: nil
        }
    }

    /// The codec of a static payload type; nil where none of ours is assigned.
    public init?(staticPayloadType: UInt8) {
        switch staticPayloadType {
        case 0: self = .pcmu
        case 8: self = .pcma
        case 9: self = .g722
        case 18: self = .g729(describesSilence: false)
        case 11: self = .l16(SampleRate(44_100))
        default: return nil
        }
    }

    /// Rate of the samples that go in and come out.
    public var sampleRate: SampleRate {
        switch self {
        case .pcmu, .pcma, .g726, .g729: .narrowband
        case .g722: .wideband
        case .l16(let rate), .opus(let rate, _): rate
        }
    }

    /// Rate of the RTP timestamps: that of the samples, but for G.722 (RFC 3551 §4.5.2) and Opus (RFC 7587 §4.1).
    public var clockRate: SampleRate {
        switch self {
        case .pcmu, .pcma, .g726, .g722, .g729: .narrowband
        case .l16(let rate): rate
        case .opus: .fullband
        }
    }

    /// Channels as `a=rtpmap` has them: two for Opus, whatever is coded (RFC 7587 §7).
    public var channels: Int {
        if case .opus = self { 2 } else { 1 }
    }

    /// Channels of the samples that go in and come out, interleaved and left first: one, or with Opus perhaps two.
    public var codedChannels: Int {
        if case .opus(_, let channels) = self { max(1, min(channels, 2)) } else { 1 }
    }

    /// The same codec with as many channels coded, where it can.
    public func coded(channels: Int) -> AudioCodec {
        if case .opus(let rate, _) = self { .opus(rate, channels: channels) } else { self }
    }

    /// What the samples are.
    var layout: SampleLayout { SampleLayout(sampleRate: sampleRate, channels: codedChannels) }

    /// Whether packets of a duration can be made: Opus has frames of 5, 10, 20, 40 and 60 ms among ours (RFC 7587 §4.2), G.722
    /// and G.726 need pairs of samples.
    public func allows(packetTime: Duration) -> Bool {
        let samples = sampleRate.samples(in: packetTime)
        guard samples > 0, sampleRate.duration(of: samples) == packetTime else { return false }
        return switch self {
        case .pcmu, .pcma, .l16: true
        case .g722, .g726: samples % 2 == 0
        case .g729: samples % G729.frameLength == 0
        case .opus: [5, 10, 20, 40, 60].contains { packetTime == .milliseconds($0) }
        }
    }

    /// Samples of each channel that a payload holds; 0 when it cannot be decoded.
    public func sampleCount(of payload: RawSpan) -> Int {
        switch self {
        case .pcmu, .pcma: payload.byteCount
        case .g722, .g726: 2 * payload.byteCount
        case .l16: payload.byteCount / 2
        case .g729: G729.sampleCount(payloadLength: payload.byteCount)
        case .opus(let rate, _): OpusDecoder.sampleCount(of: payload, at: rate)
        }
    }

    /// Whether a payload holds a copy of the one before (in-band FEC).
    func hasCopy(in payload: RawSpan) -> Bool {
        if case .opus = self { OpusDecoder.hasCopy(in: payload) } else { false }
    }

    /// Octets that the payload of `samples` samples of each channel may need: the most, where payloads vary.
    public func payloadCapacity(samples: Int) -> Int {
        switch self {
        case .pcmu, .pcma: samples
        case .g722, .g726: samples / 2
        case .l16: 2 * samples
        case .g729: samples / G729.frameLength * G729.speechLength
        case .opus: OpusEncoder.maximumPacketLength
        }
    }

    /// Units of the timestamp in `samples` samples of each channel.
    @inlinable
    public func timestampUnits(samples: Int) -> Int64 {
        Int64(samples) * Int64(clockRate.hertz) / Int64(sampleRate.hertz)
    }

    /// Samples of each channel in `units` of the timestamp.
    @inlinable
    public func samples(timestampUnits units: Int64) -> Int64 {
        units * Int64(sampleRate.hertz) / Int64(clockRate.hertz)
    }
}

/// What samples are: how many there are in a second, and of how many channels, interleaved.
struct SampleLayout: Hashable, Sendable {
    var sampleRate: SampleRate
    var channels: Int
}
