/// An encoding as RTP knows it: name, clock rate and channels. Two are equal when their names are, without regard to
/// case, and so are the numbers.
public struct Codec: Hashable, Sendable {
    /// Encoding name of the media type, as registered: `PCMU`, `opus`, `telephone-event`.
    public let name: String

    /// Rate of the RTP time stamps, Hz. Not always the sampling rate: G.722 says 8000 and samples at 16,000.
    public let clockRate: Int

    /// Audio channels.
    public let channels: Int

    /// Makes a codec; `nil` if the name is not a token of RFC 8866 or a number is out of range.
    public init?(name: String, clockRate: Int, channels: Int = 1) {
        guard ArraySlice(name.utf8).isToken, 1...Int(UInt32.max) ~= clockRate, 1...255 ~= channels else { return nil }
        self.init(unchecked: name, clockRate, channels)
    }

    init(unchecked name: String, _ clockRate: Int, _ channels: Int = 1) {
        self.name = name
        self.clockRate = clockRate
        self.channels = channels
    }

    /// The codec of an `a=rtpmap`; `nil` if its parameter is not a number of channels.
    ///
    /// G.722 is taken for the same codec whether its clock is given as 8000, as RFC 3551 §4.5.2 demands, or by mistake
    /// as its sampling rate of 16,000.
    public init?(_ map: RTPMap) {
        guard let name = map.encoding.string, let channels = map.channels else { return nil }
        let isMistakenG722 = map.clockRate == 16_000 && map.encoding.equalsIgnoringCase("G722")
        self.init(unchecked: name, isMistakenG722 ? 8_000 : Int(map.clockRate), channels)
    }

    public static func == (left: Codec, right: Codec) -> Bool {
        left.clockRate == right.clockRate && left.channels == right.channels
            && left.name.utf8.elementsEqual(right.name.utf8) { $0.asciiLowercased == $1.asciiLowercased }
    }

    public func hash(into hasher: inout Hasher) {
        for byte in name.utf8 { hasher.combine(byte.asciiLowercased) }
        hasher.combine(clockRate)
        hasher.combine(channels)
    }

    /// G.711 µ-law.
    public static let pcmu = Codec(unchecked: "PCMU", 8_000)
    /// G.711 A-law.
    public static let pcma = Codec(unchecked: "PCMA", 8_000)
    /// G.722.
    public static let g722 = Codec(unchecked: "G722", 8_000)
    /// G.729.
    public static let g729 = Codec(unchecked: "G729", 8_000)
    /// Opus; always 48 kHz and two channels here, whatever is coded (RFC 7587 §7).
    public static let opus = Codec(unchecked: "opus", 48_000, 2)
    /// Comfort noise (RFC 3389).
    public static let comfortNoise = Codec(unchecked: "CN", 8_000)
    /// DTMF and other telephone events (RFC 4733) beside a codec of 8 kHz.
    public static let telephoneEvent = Codec(unchecked: "telephone-event", 8_000)

    /// Telephone events (RFC 4733) beside a codec of another clock rate, in Hz; a rate that is not positive counts as
    /// the usual 8000.
    public static func telephoneEvent(clockRate: Int) -> Codec {
        1...Int(UInt32.max) ~= clockRate ? Codec(unchecked: "telephone-event", clockRate) : .telephoneEvent
    }

    /// Whether the format carries telephone events.
    public var isTelephoneEvent: Bool { isNamed("telephone-event") }

    /// Whether the format only accompanies others and cannot make a call alone: events, comfort noise, redundancy.
    public var isAncillary: Bool { isTelephoneEvent || isNamed("CN") || isNamed("red") || isNamed("ulpfec") }

    private func isNamed(_ other: String) -> Bool {
        name.utf8.elementsEqual(other.utf8) { $0.asciiLowercased == $1.asciiLowercased }
    }

    /// The mapping of a payload type to this codec.
    func map(_ payloadType: UInt8) -> RTPMap {
        RTPMap(
            unchecked: payloadType, encoding: ByteString(unchecked: ArraySlice(name.utf8)),
            clockRate: UInt32(clamping: clockRate),
            encodingParameters: channels == 1 ? nil : ByteString(UInt(channels)))
    }
}

extension Codec: CustomStringConvertible {
    /// `name/rate` or `name/rate/channels`.
    public var description: String {
        channels == 1 ? "\(name)/\(clockRate)" : "\(name)/\(clockRate)/\(channels)"
    }
}
