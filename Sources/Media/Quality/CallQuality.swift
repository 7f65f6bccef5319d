/// What a codec does to speech, for the E-model (ITU-T G.113 appendix I).
public struct CodecImpairment: Hashable, Sendable {
    /// Equipment impairment factor without loss, Ie.
    public let impairment: Double

    /// Robustness against random loss, Bpl: larger is better.
    public let lossRobustness: Double

    /// A codec from its two figures.
    public init(impairment: Double, lossRobustness: Double) {
        self.impairment = impairment
        self.lossRobustness = lossRobustness
    }

    /// G.711 without concealment of losses.
    public static let g711 = CodecImpairment(impairment: 0, lossRobustness: 4.3)

    /// G.711 with concealment as good as that of its appendix I.
    public static let g711Concealed = CodecImpairment(impairment: 0, lossRobustness: 25.1)

    /// What a codec does with our concealment. G.711, G.726-32 and G.729 have the figures of G.113 appendix I; it has none of loss for
    /// G.726, none for G.722 and Opus on the scale of narrow band, and none for linear samples. Those are taken as no worse than G.711
    /// without loss, and as robust as G.729, which conceals as Opus does, where nothing is repeated.
    public init(_ codec: AudioCodec) {
        self =
            switch codec {
            case .pcmu, .pcma, .l16: .g711Concealed
            case .g722: CodecImpairment(impairment: 0, lossRobustness: 19)
            case .g726: CodecImpairment(impairment: 7, lossRobustness: 19)
            case .g729: CodecImpairment(impairment: 11, lossRobustness: 19)
            case .opus: CodecImpairment(impairment: 0, lossRobustness: 19)
            }
    }
}

/// An estimate of how people would judge a call: the E-model of ITU-T G.107 with all parameters at their defaults but
/// delay and loss.
public struct CallQuality: Hashable, Sendable {
    /// Transmission rating R, 0 to 93.2.
    public let rating: Double

    /// R of a call without delay and loss, with the defaults of G.107.
    public static let bestRating = 93.2

    /// Estimates from measurements.
    ///
    /// - Parameters:
    ///   - delay: from mouth to ear, one way.
    ///   - loss: part of the packets that were not there to be played, 0 to 1.
    ///   - burstRatio: 1 for losses at random, more when they come together (G.107 §3.5).
    public init(delay: Duration, loss: Double, codec: CodecImpairment, burstRatio: Double = 1) {
        // The short form of the delay impairment that G.107's echo-free curve allows: a bend at 177.3 ms.
        let milliseconds = max(0, min(delay / .milliseconds(1), 10_000))
        let delayImpairment = 0.024 * milliseconds + (milliseconds > 177.3 ? 0.11 * (milliseconds - 177.3) : 0)
        // G.107 §3.5: Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl / BurstR + Bpl), with Ppl in percent.
        let percent = 100 * max(0, min(loss, 1))
        let lossImpairment =
            codec.impairment + (95 - codec.impairment) * percent
            / (percent / max(burstRatio, 1) + max(codec.lossRobustness, 0.1))
        rating = max(0, min(Self.bestRating - delayImpairment - lossImpairment, Self.bestRating))
    }

    /// Mean opinion score of conversations, 1 to 4.41 (G.107 annex B).
    public var meanOpinionScore: Double {
        // The cubic of annex B dips below 1 for the smallest ratings.
        max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
    }
}
