/// The transport of a Via value or URI.
@frozen
public enum TransportName: UInt8, Sendable, CaseIterable {
    case udp, tcp, tls, sctp, ws, wss, tlsSCTP, other

    @inlinable
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        switch range.count {
        case 2: self = equalIgnoringCase(base, range, "ws") ? .ws : .other
        case 3:
            if equalIgnoringCase(base, range, "udp") {
                self = .udp
            } else if equalIgnoringCase(base, range, "tcp") {
                self = .tcp
            } else if equalIgnoringCase(base, range, "tls") {
                self = .tls
            } else if equalIgnoringCase(base, range, "wss") {
                self = .wss
            } else {
                self = .other
            }
        case 4: self = equalIgnoringCase(base, range, "sctp") ? .sctp : .other
        case 8: self = equalIgnoringCase(base, range, "tls-sctp") ? .tlsSCTP : .other
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

    /// The value of a URI's transport parameter, small letters; empty for `other`.
    public var parameterText: StaticString {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        case .sctp: "sctp"
        case .ws: "ws"
        case .wss: "wss"
        case .tlsSCTP: "tls-sctp"
        case .other: ""
        }
    }

    /// Whether the transport delivers or says that it did not (RFC 3261 §17).
    public var isReliable: Bool { self != .udp }
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
        var cursor = Cursor(base, range)
        let name = cursor.take(.token)
        guard cursor.skipSeparator(0x2F) else { throw Self.malformed }
        let version = cursor.take(.token)
        guard cursor.skipSeparator(0x2F) else { throw Self.malformed }
        transportRange = cursor.take(.token)
        guard !transportRange.isEmpty else { throw Self.malformed }
        isVersion2 = equalIgnoringCase(base, name, "sip") && equalIgnoringCase(base, version, "2.0")
        transport = TransportName(base, transportRange)
        guard cursor.peek.isLinearWhitespace else { throw Self.malformed }
        cursor.skipWhitespace()
        try parseSentBy(&cursor)
        let behindSentBy = cursor.at
        cursor.skipWhitespace()
        let firstParameter = cursor.at
        var rest = ParameterCursor(cursor)
        while let parameter = try rest.next() {
            switch parameter.name.count {
            case 5:
                if equalIgnoringCase(base, parameter.name, "rport") {
                    hasRport = true
                    var digits = Cursor(base, parameter.value)
                    rport = UInt16(truncatingIfNeeded: digits.takeNumber(maximum: 65_535) ?? 0)
                    rportRange = ByteRange(
                        parameter.name.lowerBound, max(parameter.name.upperBound, parameter.value.upperBound))
                } else if equalIgnoringCase(base, parameter.name, "maddr") {
                    maddr = parameter.value
                }
            case 6:
                if equalIgnoringCase(base, parameter.name, "branch") {
                    branch = parameter.value
                }
            case 8:
                if equalIgnoringCase(base, parameter.name, "received") { received = parameter.value }
            default: break
            }
        }
        rest.cursor.skipWhitespace()
        parameters =
            rest.cursor.at > firstParameter
            ? ByteRange(firstParameter, rest.cursor.at) : ByteRange(behindSentBy, behindSentBy)
        guard rest.cursor.isAtEnd else { throw Self.malformed }
        whole = range
    }

    private mutating func parseSentBy(_ cursor: inout Cursor) throws(MessageDefect) {
        let start = cursor.at
        guard let found = HostPort(&cursor) else { throw Self.malformed }
        host = found.host
        hasPort = found.hasPort
        port = found.port
        // `hostport` of Via allows white space around the colon.
        if !hasPort {
            var ahead = cursor
            if ahead.skipSeparator(0x3A) {
                guard let number = ahead.takeNumber(maximum: 65_535) else { throw Self.malformed }
                port = UInt16(truncatingIfNeeded: number)
                hasPort = true
                cursor = ahead
            }
        }
        sentBy = ByteRange(start, cursor.at)
    }

    private static var malformed: MessageDefect {
        MessageDefect(.headerValue, "The Via value is malformed", header: .via)
    }
}
