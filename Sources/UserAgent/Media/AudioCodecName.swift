public import Media
import SDP

/// A codec as people name it.
public enum AudioCodecName: String, Sendable, Hashable, CaseIterable {
    /// G.711 µ-law.
    case pcmu
    /// G.711 A-law.
    case pcma
    /// G.722 at 64 kbit/s: 7 kHz of speech in the bits of G.711.
    case g722
    /// Opus of 8 kHz of speech, with in-band FEC (RFC 7587).
    case opus
    /// Opus of all frequencies.
    case opusFullband = "opus-48000"
    /// G.726 at 32 kbit/s.
    case g726
    /// G.726 at 32 kbit/s, as ATM packs it.
    case g726AAL2 = "g726-aal2"
    /// Samples as they are (RFC 3551 §4.5.11).
    case l16Narrowband = "l16-8000"
    case l16Wideband = "l16-16000"
    case l16CD = "l16-44100"
    case l16Fullband = "l16-48000"
    /// G.729 without annex B, where bcg729 is installed.
    case g729

    /// Whether this machine has the codec.
    public var isAvailable: Bool { self == .g729 ? G729.isAvailable : true }

    /// The names of the codecs that this machine has.
    public static var available: [AudioCodecName] { allCases.filter(\.isAvailable) }

    /// What is encoded and decoded under this name.
    public var codec: AudioCodec {
        switch self {
        case .pcmu: .pcmu
        case .pcma: .pcma
        case .g722: .g722
        case .opus: .opus(.wideband)
        case .opusFullband: .opus(.fullband)
        case .g726: .g726(.lowerFirst)
        case .g726AAL2: .g726(.upperFirst)
        case .l16Narrowband: .l16(.narrowband)
        case .l16Wideband: .l16(.wideband)
        case .l16CD: .l16(SampleRate(44_100))
        case .l16Fullband: .l16(.fullband)
        case .g729: .g729(describesSilence: false)
        }
    }

    /// How a description offers the codec.
    ///
    /// - Parameter stereo: the ways in which Opus may have two channels.
    func format(_ stereo: StereoWays = StereoWays()) -> FormatCapability {
        switch self {
        case .pcmu: return .pcmu
        case .pcma: return .pcma
        case .g729: return FormatCapability(.g729, parameters: "annexb=no")
        case .opus, .opusFullband:
            var parameters = OpusParameters()
            parameters.maximumPlaybackRate = codec.sampleRate.hertz
            parameters.maximumCaptureRate = codec.sampleRate.hertz
            parameters.usesForwardCorrection = true
            parameters.prefersStereo = stereo.hears
            parameters.sendsStereo = stereo.sends
            return FormatCapability(.opus, parameters: parameters.text)
        default: return FormatCapability(codec.encoding)
        }
    }
}

/// The ways in which Opus may have two channels in a call (RFC 7587 §6.1, §7.1); other codecs have one.
struct StereoWays: Hashable, Sendable {
    /// Whether two are sent where the far side prefers that (`stereo`); we say so (`sprop-stereo`).
    var sends = false
    /// Whether two are heard; we say that we prefer it.
    var hears = false
}

extension AudioCodec {
    /// The encoding as descriptions name it.
    var encoding: Codec {
        // The names are tokens, and rates and channels are positive, so there is always one.
        Codec(name: name, clockRate: clockRate.hertz, channels: channels) ?? .pcmu
    }
}

extension [AudioCodecName] {
    /// What a description offers: the codecs that this machine has, one of each encoding, and telephone events with the clock of
    /// each of them (RFC 4733 §2.1).
    ///
    /// - Parameters:
    ///   - noise: whether comfort noise is offered with the clocks of codecs that have none of their own (RFC 3389 §5.1).
    ///   - redundancy: payloads of the first codec before its own that a packet may hold, where that is offered (RFC 2198 §5).
    ///   - stereo: the ways in which Opus may have two channels.
    func formats(
        noise: Bool = false, redundancy: Int = 0, stereo: StereoWays = StereoWays()
    ) -> [FormatCapability] {
        var formats: [FormatCapability] = []
        for name in self where name.isAvailable {
            let format = name.format(stereo)
            if !formats.contains(where: { $0.codec == format.codec }) { formats.append(format) }
        }
        let primary = formats
        if noise {
            for codec in primary.map(\.codec) where codec != .opus && codec != .g729 {
                guard let noise = Codec(name: "CN", clockRate: codec.clockRate),
                    !formats.contains(where: { $0.codec == noise })
                else { continue }
                formats.append(FormatCapability(noise))
            }
        }
        if redundancy > 0, let first = primary.first?.codec {
            formats.append(FormatCapability(redundant: first, blocks: redundancy + 1))
        }
        var events: [FormatCapability] = []
        for rate in primary.map(\.codec.clockRate) where !events.contains(where: { $0.codec.clockRate == rate }) {
            events.append(
                rate == Codec.telephoneEvent.clockRate
                    ? .telephoneEvent
                    : FormatCapability(.telephoneEvent(clockRate: rate), parameters: TelephoneEvents.dtmf.list))
        }
        return formats + (events.isEmpty ? [.telephoneEvent] : events)
    }
}
