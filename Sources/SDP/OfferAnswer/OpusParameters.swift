/// What a description says of Opus in `a=fmtp` (RFC 7587 §6.1, §7). Each of them is said by one side of itself; nothing of an
/// answer depends on the offer (§7.1).
///
/// Preferred and longest packet time are not here: they are `a=ptime` and `a=maxptime` (§7).
public struct OpusParameters: Hashable, Sendable {
    /// The highest sample rate in Hz that the receiver can play (`maxplaybackrate`), 8000 to 48,000.
    public var maximumPlaybackRate = Self.rates.upperBound

    /// The highest sample rate in Hz that the sender is likely to have (`sprop-maxcapturerate`), 8000 to 48,000.
    public var maximumCaptureRate = Self.rates.upperBound

    /// The most bits per second on average that the receiver wants (`maxaveragebitrate`), 6000 to 510,000; nil when it does
    /// not say.
    public var maximumAverageBitrate: Int?

    /// Whether the receiver prefers two channels (`stereo`).
    public var prefersStereo = false

    /// Whether the sender is likely to send two channels (`sprop-stereo`).
    public var sendsStereo = false

    /// Whether the receiver prefers a constant bit rate (`cbr`).
    public var prefersConstantBitrate = false

    /// Whether the receiver can use in-band forward error correction (`useinbandfec`).
    public var usesForwardCorrection = false

    /// Whether the receiver prefers that silence is not sent (`usedtx`).
    public var prefersDiscontinuous = false

    /// Sample rates, Hz.
    public static let rates = 8000...48_000

    /// Average bit rates that are heeded; others are as if nothing was said (§6.1).
    public static let bitrates = 6000...510_000

    /// What holds where nothing is said.
    public init() {}

    /// Reads the text of `a=fmtp`. What is unknown, or is not a number of its range, is as if it were not there.
    public init(_ text: ByteString?) {
        guard let text else { return }
        func number(_ name: ByteString) -> Int? {
            FormatParameters.value(of: name, in: text)?.bytes.decimal(limit: UInt64(UInt32.max)).map { Int($0) }
        }
        func number(_ name: ByteString, in range: ClosedRange<Int>) -> Int? {
            number(name).flatMap { range ~= $0 ? $0 : nil }
        }
        maximumPlaybackRate = number("maxplaybackrate", in: Self.rates) ?? maximumPlaybackRate
        maximumCaptureRate = number("sprop-maxcapturerate", in: Self.rates) ?? maximumCaptureRate
        maximumAverageBitrate = number("maxaveragebitrate", in: Self.bitrates)
        prefersStereo = number("stereo") == 1
        sendsStereo = number("sprop-stereo") == 1
        prefersConstantBitrate = number("cbr") == 1
        usesForwardCorrection = number("useinbandfec") == 1
        prefersDiscontinuous = number("usedtx") == 1
    }

    /// The text of `a=fmtp`: what differs from the defaults; nil when nothing does.
    public var text: ByteString? {
        var parts: [String] = []
        if maximumPlaybackRate != Self.rates.upperBound { parts.append("maxplaybackrate=\(maximumPlaybackRate)") }
        if maximumCaptureRate != Self.rates.upperBound { parts.append("sprop-maxcapturerate=\(maximumCaptureRate)") }
        if let bitrate = maximumAverageBitrate { parts.append("maxaveragebitrate=\(bitrate)") }
        if prefersStereo { parts.append("stereo=1") }
        if sendsStereo { parts.append("sprop-stereo=1") }
        if prefersConstantBitrate { parts.append("cbr=1") }
        if usesForwardCorrection { parts.append("useinbandfec=1") }
        if prefersDiscontinuous { parts.append("usedtx=1") }
        return parts.isEmpty ? nil : ByteString(unchecked: ArraySlice(parts.joined(separator: ";").utf8))
    }
}
