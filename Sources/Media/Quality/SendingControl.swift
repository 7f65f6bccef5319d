/// Fits what is sent to the loss that the peer reports: how much Opus prepares for it and how many bits it may take, how many payloads
/// redundant data repeat, and how long packets are.
///
/// What is believed of the loss goes up with a report at once and down by a quarter with each. Loss of more than a tenth is taken for a
/// network that is full: bits get fewer report by report, down to half, and come back when less than a fiftieth is lost. Where that
/// goes on packets get longer (``PacketTimeControl``).
public struct SendingControl: Hashable, Sendable {
    /// Part of the packets that will be lost, 0 to 1.
    public private(set) var loss = 0.0

    /// Part of the usual bit rate that is used, 0.5 to 1.
    public private(set) var share = 1.0

    /// How many steps longer packets are than was agreed on.
    public private(set) var packetTime = PacketTimeControl()

    private var hasReport = false
    private var leastRoundTrip: Duration?

    /// Loss below this is none.
    public static let least = 0.005
    /// Loss from which on two payloads are repeated, so that pairs that are lost are made good.
    public static let severe = 0.08
    /// Loss above which the network is taken for full, and below which it is not any longer.
    public static let congestion = 0.02...0.1
    /// Bits that a copy of the frame before costs, over those of the frame.
    public static let copyShare = 1.25

    /// The longest that a word may take from mouth to ear so that packets get longer (ITU-T G.114: up to 150 ms are not noticed, more
    /// than 400 ms make a conversation hard).
    public static let delayBudget = Duration.milliseconds(300)
    /// Durations that packets may have in place of shorter ones: frames that Opus has, too (RFC 7587 §4.2).
    public static let longerPackets: InlineArray<2, Duration> = [.milliseconds(40), .milliseconds(60)]

    /// Time over that of the least round trip that packets wait at least before a network that is full.
    public static let queue = Duration.milliseconds(20)
    /// Octets that packets have at most so that longer ones are worth it: the headers of IP, UDP and RTP are an eighth then.
    public static let mostPayload = 280
    /// Octets of payload, copies included, that longer packets have at most: a datagram stays whole, whatever it goes through.
    public static let longestPayload = 1200

    /// A control without any report.
    public init() {}

    /// Takes the part of the packets that a report says were lost since the one before, 0 to 1.
    ///
    /// - Parameters:
    ///   - limit: steps by which packets may be longer than was agreed on.
    ///   - roundTrip: time to the peer and back; nil where nothing is known of it.
    public mutating func note(_ fraction: Double, lengthening limit: Int = 0, roundTrip: Duration? = nil) {
        hasReport = true
        let fraction = fraction.isNaN ? 0 : min(max(fraction, 0), 1)
        if let roundTrip { leastRoundTrip = min(leastRoundTrip ?? roundTrip, roundTrip) }
        let waiting = roundTrip.map { $0 - (leastRoundTrip ?? $0) }
        packetTime.note(fraction, limit: limit, isQueuing: waiting.map { $0 >= Self.queue } ?? true)
        loss = max(fraction, loss * 0.75)
        if loss < Self.least { loss = 0 }
        if fraction > Self.congestion.upperBound {
            share = max(0.5, share * 0.85)
        } else if fraction < Self.congestion.lowerBound {
            share = min(1, share * 1.1)
        }
    }

    /// Payloads that a packet holds before its own, where there may be `limit`: all of them before the first report.
    public func redundancy(limit: Int) -> Int {
        guard hasReport else { return limit }
        return loss == 0 ? 0 : min(limit, loss < Self.severe ? 1 : 2)
    }

    /// How Opus works at the loss that there is.
    ///
    /// - Parameters:
    ///   - settings: how it works without; a bit rate that stands there is the most.
    ///   - rate: of the samples.
    ///   - channels: of which each has as many bits as one.
    public func opus(_ settings: OpusSettings, at rate: SampleRate, channels: Int = 1) -> OpusSettings {
        var all = settings
        let hasCopies = settings.hasForwardCorrection && loss > 0
        if settings.hasForwardCorrection { all.expectedLoss = max(settings.expectedLoss, loss) }
        guard hasCopies || share < 1 else { return all }
        let usual = Double(settings.bitrate ?? Self.usualBitrate(at: rate) * channels)
        let wanted = usual * share * (hasCopies ? Self.copyShare : 1)
        let most = settings.bitrate.map(Double.init) ?? wanted
        all.bitrate = Int(min(max(wanted.rounded(), Double(Self.leastBitrate(at: rate) * channels)), most))
        return all
    }

    /// Bits per second at which speech is good, and those below which libopus makes no copies (its thresholds, at no loss).
    private static func usualBitrate(at rate: SampleRate) -> Int {
        rate <= .narrowband ? 16_000 : rate <= .wideband ? 24_000 : 36_000
    }

    private static func leastBitrate(at rate: SampleRate) -> Int {
        rate <= .narrowband ? 15_000 : rate <= .wideband ? 20_000 : 28_000
    }
}
