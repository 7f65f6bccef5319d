/// A tone: sines that sound together, steady or in a cadence.
public struct Tone: Hashable, Sendable {
    /// One sine.
    public struct Component: Hashable, Sendable {
        /// Frequency in Hz.
        public var frequency: Double

        /// Its level.
        public var level: AudioLevel

        /// A sine.
        public init(frequency: Double, level: AudioLevel) {
            self.frequency = frequency
            self.level = level
        }
    }

    /// The sines.
    public var components: [Component]

    /// Times of sound and silence in turn, beginning with sound; empty for a steady tone. It repeats.
    public var cadence: [Duration]

    /// A tone from its parts.
    public init(_ components: [Component], cadence: [Duration] = []) {
        self.components = components
        self.cadence = cadence
    }

    /// A steady sine.
    public static func sine(_ frequency: Double, level: AudioLevel = .dBm0(-10)) -> Tone {
        Tone([Component(frequency: frequency, level: level)])
    }
}

extension Tone {
    /// Frequencies of the keypad's rows and columns (ITU-T Q.23).
    static let rows = [697.0, 770, 852, 941]
    static let columns = [1209.0, 1336, 1477, 1633]

    /// The two tones of a key: `0` to `9`, `*`, `#`, `A` to `D`; nil for others.
    ///
    /// - Parameter level: of each of the two.
    public static func dtmf(_ key: Character, level: AudioLevel = .dBm0(-10)) -> Tone? {
        let keys = Array("123A456B789C*0#D")
        guard let upper = key.uppercased().first, let index = keys.firstIndex(of: upper) else { return nil }
        return Tone([
            Component(frequency: rows[index / 4], level: level),
            Component(frequency: columns[index % 4], level: level),
        ])
    }
}

/// The tones of a telephone network (ITU-T E.180 and its supplement 2).
public enum ToneRegion: Hashable, Sendable, CaseIterable {
    /// The recommendation's own values, as most of Europe has them: 425 Hz.
    case europe
    /// The United States and Canada: pairs of frequencies.
    case northAmerica
    /// Japan: 400 Hz, for ringing modulated with 16 Hz.
    case japan

    /// "Dial now."
    public var dial: Tone {
        switch self {
        case .europe: Self.tone([425])
        case .northAmerica: Self.tone([350, 440], -13)
        case .japan: Self.tone([400])
        }
    }

    /// "The other's phone rings."
    public var ringBack: Tone {
        switch self {
        case .europe: Self.tone([425], cadence: [1000, 4000])
        case .northAmerica: Self.tone([440, 480], -19, cadence: [2000, 4000])
        case .japan:
            // Full modulation gives a carrier and two side tones of half its amplitude, 6 dB below.
            Tone(
                [
                    .init(frequency: 400, level: .dBm0(-13)), .init(frequency: 384, level: .dBm0(-19)),
                    .init(frequency: 416, level: .dBm0(-19)),
                ], cadence: [.milliseconds(1000), .milliseconds(2000)])
        }
    }

    /// "The other speaks."
    public var busy: Tone {
        switch self {
        case .europe: Self.tone([425], cadence: [500, 500])
        case .northAmerica: Self.tone([480, 620], -24, cadence: [500, 500])
        case .japan: Self.tone([400], cadence: [500, 500])
        }
    }

    /// "There is no way to the other now."
    public var congestion: Tone {
        switch self {
        case .europe: Self.tone([425], cadence: [250, 250])
        case .northAmerica: Self.tone([480, 620], -24, cadence: [250, 250])
        case .japan: Self.tone([400], cadence: [500, 500])
        }
    }

    private static func tone(_ frequencies: [Double], _ level: Double = -10, cadence: [Int] = []) -> Tone {
        Tone(
            frequencies.map { Tone.Component(frequency: $0, level: .dBm0(level)) },
            cadence: cadence.map { .milliseconds($0) })
    }
}
