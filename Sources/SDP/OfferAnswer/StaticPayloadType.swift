/// Payload types with a fixed meaning in the audio/video profile, which need no `a=rtpmap`. RFC 3551 §6, tables 4 and 5.
public enum StaticPayloadType {
    /// Numbers that are free for `a=rtpmap` (RFC 3551 §3).
    public static let dynamic: ClosedRange<UInt8> = 96...127

    /// Numbers that may be mapped when ``dynamic`` is used up (RFC 3551 §3).
    static let unassigned: ClosedRange<UInt8> = 35...63

    /// Numbers that collide with RTCP packet types where both share a port (RFC 5761 §4).
    static let unfitForMultiplexing: ClosedRange<UInt8> = 64...95

    /// The codec of a fixed payload type; `nil` for all others.
    public static func codec(_ payloadType: UInt8) -> Codec? {
        table.first { $0.payloadType == payloadType }?.codec
    }

    /// The fixed payload type of a codec; `nil` if it has none.
    public static func number(of codec: Codec) -> UInt8? {
        table.first { $0.codec == codec }?.payloadType
    }

    private static let table: [(payloadType: UInt8, codec: Codec)] = [
        (0, .pcmu),
        (3, Codec(unchecked: "GSM", 8_000)),
        (4, Codec(unchecked: "G723", 8_000)),
        (5, Codec(unchecked: "DVI4", 8_000)),
        (6, Codec(unchecked: "DVI4", 16_000)),
        (7, Codec(unchecked: "LPC", 8_000)),
        (8, .pcma),
        (9, .g722),
        (10, Codec(unchecked: "L16", 44_100, 2)),
        (11, Codec(unchecked: "L16", 44_100)),
        (12, Codec(unchecked: "QCELP", 8_000)),
        (13, .comfortNoise),
        (14, Codec(unchecked: "MPA", 90_000)),
        (15, Codec(unchecked: "G728", 8_000)),
        (16, Codec(unchecked: "DVI4", 11_025)),
        (17, Codec(unchecked: "DVI4", 22_050)),
        (18, .g729),
        (25, Codec(unchecked: "CelB", 90_000)),
        (26, Codec(unchecked: "JPEG", 90_000)),
        (28, Codec(unchecked: "nv", 90_000)),
        (31, Codec(unchecked: "H261", 90_000)),
        (32, Codec(unchecked: "MPV", 90_000)),
        (33, Codec(unchecked: "MP2T", 90_000)),
        (34, Codec(unchecked: "H263", 90_000)),
    ]
}
