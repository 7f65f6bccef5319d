/// The letter before the equals sign of a line. RFC 8866 §5.
public struct LineType: RawRepresentable, Hashable, Sendable {
    /// The letter.
    public let rawValue: UInt8

    /// Makes a type of a letter; letters that RFC 8866 does not define are allowed.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// `v=`, protocol version.
    public static let version = LineType(rawValue: UInt8(ascii: "v"))
    /// `o=`, originator and session identifier.
    public static let origin = LineType(rawValue: UInt8(ascii: "o"))
    /// `s=`, session name.
    public static let sessionName = LineType(rawValue: UInt8(ascii: "s"))
    /// `i=`, information on the session or title of the media.
    public static let information = LineType(rawValue: UInt8(ascii: "i"))
    /// `u=`, URI of a description for people.
    public static let uri = LineType(rawValue: UInt8(ascii: "u"))
    /// `e=`, e-mail address of the person responsible.
    public static let email = LineType(rawValue: UInt8(ascii: "e"))
    /// `p=`, phone number of the person responsible.
    public static let phone = LineType(rawValue: UInt8(ascii: "p"))
    /// `c=`, connection information.
    public static let connection = LineType(rawValue: UInt8(ascii: "c"))
    /// `b=`, bandwidth.
    public static let bandwidth = LineType(rawValue: UInt8(ascii: "b"))
    /// `t=`, time the session is active.
    public static let time = LineType(rawValue: UInt8(ascii: "t"))
    /// `r=`, repeat times.
    public static let repeatTimes = LineType(rawValue: UInt8(ascii: "r"))
    /// `z=`, time zone adjustments.
    public static let zones = LineType(rawValue: UInt8(ascii: "z"))
    /// `k=`, encryption key; obsolete, never interpreted.
    public static let key = LineType(rawValue: UInt8(ascii: "k"))
    /// `a=`, attribute.
    public static let attribute = LineType(rawValue: UInt8(ascii: "a"))
    /// `m=`, media name and transport address.
    public static let media = LineType(rawValue: UInt8(ascii: "m"))

    /// Place of the line in the fixed order of RFC 8866 §5; the same order serves both levels, since the lines of a media
    /// description stand in it as those of the session do. `nil` for a letter that is not defined.
    var rank: Int? {
        switch self {
        case .version: 0
        case .origin: 1
        case .media: 2
        case .sessionName: 3
        case .information: 4
        case .uri: 5
        case .email: 6
        case .phone: 7
        case .connection: 8
        case .bandwidth: 9
        case .time, .repeatTimes, .zones: 10
        case .key: 11
        case .attribute: 12
        default: nil
        }
    }
}

/// How a line ends. CRLF is the standard's; parsers should accept a single newline too (RFC 8866 §5).
public enum LineEnding: Hashable, Sendable {
    /// Carriage return and line feed.
    case crlf
    /// Line feed alone.
    case lf
    /// Nothing: the last line of a description whose sender forgot to end it.
    case none

    /// The bytes of the ending.
    var bytes: [UInt8] {
        switch self {
        case .crlf: [.cr, .lf]
        case .lf: [.lf]
        case .none: []
        }
    }
}

/// One line `<type>=<value>` with its own ending, so that an untouched line is sent on byte for byte.
public struct Line: Hashable, Sendable {
    /// The letter.
    public let type: LineType

    /// What stands behind the equals sign.
    public let value: ByteString

    /// How the line ended, or will end.
    public internal(set) var ending: LineEnding

    init(_ type: LineType, _ value: ByteString, ending: LineEnding = .crlf) {
        self.type = type
        self.value = value
        self.ending = ending
    }

    /// Whether the line is an attribute of a name; without taking it apart, as most lines that are asked are not.
    func isAttribute(_ name: ByteString) -> Bool {
        guard type == .attribute, value.bytes.starts(with: name.bytes) else { return false }
        let end = value.bytes.startIndex + name.count
        return end == value.bytes.endIndex || value.bytes[end] == .colon
    }
}
