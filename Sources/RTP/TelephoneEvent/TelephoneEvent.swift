/// The payload of one named telephone event (RFC 4733 §2.3).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     event     |E|R| volume    |          duration             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
@frozen
public struct TelephoneEvent: Hashable, Sendable {
    /// Octets of one event in a payload.
    public static let length = 4

    /// Longest duration that one segment can report, in timestamp units (RFC 4733 §2.5.1.3).
    public static let maximumSegment: UInt16 = 0xFFFF

    /// What happens.
    public var code: Code

    /// Whether the event has ended; its duration is final.
    public var isEnd: Bool

    /// Power level in dBm0 without the sign, 0 to 63; larger is softer.
    public var volume: UInt8

    /// Duration of the event, or of this segment of it, so far, in timestamp units.
    public var duration: UInt16

    /// An event from its parts; a volume over 63 is taken as 63.
    @inlinable
    public init(code: Code, isEnd: Bool = false, volume: UInt8 = 0, duration: UInt16) {
        self.code = code
        self.isEnd = isEnd
        self.volume = min(volume, 63)
        self.duration = duration
    }

    /// Reads the event at `index` of a payload, which may pack several (§2.5.1.5); nil behind the last whole one.
    @inlinable
    public init?(at index: Int = 0, in payload: RawSpan) {
        let offset = index * Self.length
        guard index >= 0, offset + Self.length <= payload.byteCount else { return nil }
        let flags = payload.octet(at: offset + 1)
        code = Code(rawValue: payload.octet(at: offset))
        isEnd = flags & 0x80 != 0
        volume = flags & 0x3F
        duration = payload.word16(at: offset + 2)
    }

    /// Writes the event at `offset`; the reserved bit is zero.
    ///
    /// - Returns: octets written, 4.
    @inlinable
    @discardableResult
    public func write(into packet: inout MutableRawSpan, at offset: Int) throws(RTPError) -> Int {
        guard offset >= 0, offset + Self.length <= packet.byteCount else { throw .noSpace }
        packet.store(octet: code.rawValue, at: offset)
        packet.store(octet: (isEnd ? 0x80 : 0) | min(volume, 63), at: offset + 1)
        packet.store(word16: duration, at: offset + 2)
        return Self.length
    }
}

extension TelephoneEvent {
    /// An event code of the IANA registry "audio/telephone-event" (RFC 4733 §3.2, §7).
    @frozen
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The number on the wire.
        public let rawValue: UInt8

        /// Any code.
        @inlinable
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The star key.
        public static let star = Code(rawValue: 10)

        /// The pound or hash key.
        public static let pound = Code(rawValue: 11)

        /// A hook flash.
        public static let flash = Code(rawValue: 16)

        /// The code of a key: `0` to `9`, `*`, `#`, `A` to `D` in either case.
        public init?(_ key: Character) {
            guard let ascii = key.asciiValue else { return nil }
            switch ascii {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): rawValue = ascii - UInt8(ascii: "0")
            case UInt8(ascii: "*"): rawValue = 10
            case UInt8(ascii: "#"): rawValue = 11
            case UInt8(ascii: "A")...UInt8(ascii: "D"): rawValue = 12 + ascii - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "d"): rawValue = 12 + ascii - UInt8(ascii: "a")
            default: return nil
            }
        }

        /// Whether the code is one of the sixteen DTMF tones.
        @inlinable
        public var isDTMF: Bool { rawValue < 16 }

        /// The key that a DTMF code stands for; nil for other events.
        public var key: Character? {
            switch rawValue {
            case 0...9: Character(UnicodeScalar(UInt8(ascii: "0") + rawValue))
            case 10: "*"
            case 11: "#"
            case 12...15: Character(UnicodeScalar(UInt8(ascii: "A") + rawValue - 12))
            default: nil
            }
        }
    }
}

extension TelephoneEvent.Code: CustomStringConvertible {
    public var description: String { key.map(String.init) ?? "event \(rawValue)" }
}
