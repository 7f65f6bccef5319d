#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A level of sound relative to full scale: 0 dBFS is a sine whose peaks just reach full scale (AES17).
@frozen
public struct AudioLevel: Hashable, Sendable, Comparable {
    /// Decibels relative to a full-scale sine.
    public let decibels: Double

    /// Level of a full-scale sine in dBm0: the overload point of A-law (ITU-T G.711 §5; µ-law's lies 0.03 dB higher).
    public static let overload = 3.14

    /// Levels at and below this are silence.
    public static let silence = AudioLevel(decibels: -120)

    private init(decibels: Double) {
        self.decibels = decibels
    }

    /// A level in dBFS.
    public static func dBFS(_ decibels: Double) -> AudioLevel {
        AudioLevel(decibels: max(-120, decibels))
    }

    /// A level in dBm0, as telephony counts.
    public static func dBm0(_ decibels: Double) -> AudioLevel {
        dBFS(decibels - overload)
    }

    /// The level of a signal whose root mean square is `value`, where 1 is full scale.
    public static func rootMeanSquare(_ value: Double) -> AudioLevel {
        value > 0 ? dBFS(20 * log10(value * 2.0.squareRoot())) : silence
    }

    /// The level of a sine whose peak is `value`, where 1 is full scale.
    public static func peak(_ value: Double) -> AudioLevel {
        value > 0 ? dBFS(20 * log10(value)) : silence
    }

    /// The level in dBm0.
    public var dBm0: Double { decibels + Self.overload }

    /// Peak of a sine of this level, where 1 is full scale.
    public var amplitude: Double { pow(10, decibels / 20) }

    public static func < (left: AudioLevel, right: AudioLevel) -> Bool { left.decibels < right.decibels }
}
