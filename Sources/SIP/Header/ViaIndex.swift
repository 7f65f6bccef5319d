/// The transport of a Via value or URI.
@frozen
public enum TransportName: UInt8, Sendable, CaseIterable {
    case udp, tcp, tls, sctp, ws, wss, tlsSCTP, other

    /// The transport of a token; case is put aside.
    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        switch ShortToken(base, range) {
        case ShortToken("udp"): self = .udp
        case ShortToken("tcp"): self = .tcp
        case ShortToken("tls"): self = .tls
        case ShortToken("ws"): self = .ws
        case ShortToken("wss"): self = .wss
        case ShortToken("sctp"): self = .sctp
        case ShortToken("tls-sctp"): self = .tlsSCTP
        default: self = .other
        }
    }

    /// The name in Via, capital letters; empty for `other`.
    public var text: StaticString {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        case .sctp: "SCTP"
        case .ws: "WS"
        case .wss: "WSS"
        case .tlsSCTP: "TLS-SCTP"
        case .other: ""
        }
    }

    /// The value of a URI's transport parameter, small letters; empty for `other`. WebSocket has one value for both kinds: the
    /// scheme says which is meant (RFC 7118 §5.2).
    public var parameterText: StaticString {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        case .sctp: "sctp"
        case .ws, .wss: "ws"
        case .tlsSCTP: "tls-sctp"
        case .other: ""
        }
    }

    /// Whether the transport delivers or says that it did not (RFC 3261 §17).
    public var isReliable: Bool { self != .udp }

    /// Whether nobody on the way can read or change what it carries (RFC 3261 §26.2.1, RFC 7118 §9.1).
    public var isSecure: Bool { self == .tls || self == .wss || self == .tlsSCTP }

    /// Whether it carries messages one by one, so that a body ends with its message (RFC 3261 §18.3, RFC 7118 §5).
    public var keepsBoundaries: Bool { self == .udp || self == .ws || self == .wss }

    /// The port of a URI or Via that names none (RFC 3261 §18.2.1, §19.1.2, RFC 7118 §5.5).
    public var defaultPort: UInt16 {
        switch self {
        case .tls, .tlsSCTP: 5_061
        case .ws: 80
        case .wss: 443
        case .udp, .tcp, .sctp, .other: 5_060
        }
    }
}

/// One value of Via, typed in place (RFC 3261 §20.42, RFC 3581).
@frozen
public struct ViaIndex: Sendable {
    /// The whole value.
    public var whole = ByteRange.none
    /// The transport.
    public var transport = TransportName.other
    /// Whether the protocol is SIP/2.0.
    public var isVersion2 = false
    /// Whether sent-by has a port.
    public var hasPort = false
    /// Whether `rport` is there, with or without a value.
    public var hasRport = false
    /// Whether `oc` is there, with or without a value: overload control (RFC 7339 §4.1).
    public var hasOverloadControl = false
    /// The port of sent-by, or 0.
    public var port: UInt16 = 0
    /// The value of rport, or 0.
    public var rport: UInt16 = 0
    /// The transport as written.
    public var transportRange = ByteRange.none
    /// The host of sent-by; an IPv6 reference with its brackets.
    public var host = ByteRange.none
    /// Host and port as written.
    public var sentBy = ByteRange.none
    /// The parameters from the first ";" on.
    public var parameters = ByteRange.none
    /// The value of branch; empty when absent.
    public var branch = ByteRange.none
    /// The value of received; empty when absent.
    public var received = ByteRange.none
    /// The value of maddr; empty when absent.
    public var maddr = ByteRange.none
    /// The whole rport parameter's name and value, to be replaced by one with a value.
    public var rportRange = ByteRange.none

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        whole = range
        var cursor = Cursor(base, range)
        try parseProtocol(base, &cursor)
        try parseSentBy(&cursor)
        try parseParameters(base, cursor)
    }

    /// As much of a malformed value as says where an answer goes; nil when not even sent-by can be read.
    init?(answering base: UnsafePointer<UInt8>, _ range: ByteRange) {
        whole = range
        var cursor = Cursor(base, range)
        do throws(MessageDefect) {
            try parseProtocol(base, &cursor)
            try parseSentBy(&cursor)
        } catch {
            return nil
        }
        // What stands before the flaw counts.
        try? parseParameters(base, cursor)
    }

    /// `sent-protocol LWS`.
    @inline(__always)
    private mutating func parseProtocol(_ base: UnsafePointer<UInt8>, _ cursor: inout Cursor) throws(MessageDefect) {
        // "SIP/2.0/" is nearly always written just so; "sip/" and "2.0/" as little-endian words in small letters.
        if cursor.at &+ 8 < cursor.end, base.smallWord(at: cursor.at) == 0x2F70_6973,
            base.smallWord(at: cursor.at &+ 4) == 0x2F30_2E32, base[cursor.at &+ 3] == 0x2F,
            base[cursor.at &+ 5] == 0x2E, base[cursor.at &+ 7] == 0x2F
        {
            isVersion2 = true
            cursor.at &+= 8
            cursor.skipWhitespace()
        } else {
            try parseUnusualProtocol(base, &cursor)
        }
        transportRange = cursor.take(run: .token)
        guard !transportRange.isEmpty, cursor.peek.isLinearWhitespace else { throw Self.malformed }
        transport = TransportName(base, transportRange)
        cursor.skipWhitespace()
    }

    private mutating func parseUnusualProtocol(
        _ base: UnsafePointer<UInt8>, _ cursor: inout Cursor
    ) throws(MessageDefect) {
        let name = cursor.take(run: .token)
        guard cursor.skipSeparator(0x2F) else { throw Self.malformed }
        let version = cursor.take(run: .token)
        guard cursor.skipSeparator(0x2F) else { throw Self.malformed }
        isVersion2 = equalIgnoringCase(base, name, "sip") && equalIgnoringCase(base, version, "2.0")
    }

    @inline(__always)
    private mutating func parseSentBy(_ cursor: inout Cursor) throws(MessageDefect) {
        let start = cursor.at
        guard let found = HostPort(&cursor) else { throw Self.malformed }
        host = found.host
        hasPort = found.hasPort
        port = found.port
        if !hasPort, cursor.peek.isLinearWhitespace || cursor.peek == UInt8(ascii: ":") { try parseSpacedPort(&cursor) }
        sentBy = ByteRange(start, cursor.at)
    }

    /// `sent-by` of Via allows white space around the colon.
    private mutating func parseSpacedPort(_ cursor: inout Cursor) throws(MessageDefect) {
        var ahead = cursor
        guard ahead.skipSeparator(0x3A) else { return }
        guard let number = ahead.takeNumber(maximum: 65_535) else { throw Self.malformed }
        port = UInt16(truncatingIfNeeded: number)
        hasPort = true
        cursor = ahead
    }

    @inline(__always)
    private mutating func parseParameters(_ base: UnsafePointer<UInt8>, _ cursor: Cursor) throws(MessageDefect) {
        var first = cursor
        first.skipWhitespace()
        var rest = ParameterCursor(cursor)
        do throws(MessageDefect) {
            while let parameter = try rest.next() {
                switch ShortToken(base, parameter.name) {
                case ShortToken("branch"):
                    guard branch.isEmpty else { throw Self.malformed }
                    branch = parameter.value
                case ShortToken("rport"):
                    hasRport = true
                    var digits = Cursor(base, parameter.value)
                    rport = UInt16(truncatingIfNeeded: digits.takeNumber(maximum: 65_535) ?? 0)
                    rportRange = ByteRange(parameter.name.lowerBound, parameter.value.upperBound)
                case ShortToken("received"): received = parameter.value
                case ShortToken("maddr"): maddr = parameter.value
                case ShortToken("oc"): hasOverloadControl = true
                default: break
                }
            }
        } catch {
            throw error.located(in: .via)
        }
        rest.cursor.skipWhitespace()
        guard rest.cursor.isAtEnd else { throw Self.malformed }
        parameters = first.isAtEnd ? ByteRange(cursor.at, cursor.at) : ByteRange(first.at, rest.cursor.at)
    }

    private static var malformed: MessageDefect {
        MessageDefect(.headerValue, "The Via value is malformed", header: .via)
    }
}
