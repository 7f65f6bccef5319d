/// What a REFER asks for: the value of Refer-To taken apart (RFC 3515 §2.1, RFC 3261 §19.1.5).
public struct ReferTarget: Hashable, Sendable {
    /// What is to be contacted, without method and headers.
    public var uri: URI
    /// How: the `method` of the URI, INVITE when none is written.
    public var method: Method
    /// The dialog that the new call is to take the place of, from the headers of the URI (RFC 3891).
    public var replaces: DialogReference?
    /// The dialog that the new call is to join (RFC 3911).
    public var join: DialogReference?
    /// The subject of the new call.
    public var subject: String?

    /// A target of its parts.
    public init(_ uri: URI, method: Method = .invite, replaces: DialogReference? = nil, join: DialogReference? = nil) {
        self.uri = uri
        self.method = method
        self.replaces = replaces
        self.join = join
    }

    /// Reads the value of Refer-To.
    ///
    /// Of the headers in the URI those are taken that say what the request is for; others are passed over, as nobody may
    /// make this side say what it does not mean (RFC 3261 §19.1.5).
    ///
    /// - Throws: `MessageDefect` when the value, or a header that counts, is malformed.
    public init(_ text: String) throws(MessageDefect) {
        let address = try NameAddress(text)
        method = address.uri.parameter("method").map { Method($0) } ?? .invite
        uri = address.uri.asRequestURI
        for (name, value) in address.uri.headers {
            switch HeaderName(name) {
            case .replaces: replaces = try DialogReference(value ?? "")
            case .join: join = try DialogReference(value ?? "")
            case .subject: subject = value
            default: continue
            }
        }
    }
}

extension ReferTarget: CustomStringConvertible {
    /// The value of Refer-To.
    public var description: String {
        var text = "<\(uri)"
        if method != .invite { text += ";method=\(method)" }
        var separator = "?"
        for (name, value) in [
            ("Replaces", replaces?.description), ("Join", join?.description), ("Subject", subject),
        ] {
            guard let value else { continue }
            text += "\(separator)\(name)=\(URI.escape(value, allowed: .unreserved))"
            separator = "&"
        }
        return text + ">"
    }
}

/// The first line of a `message/sipfrag` body: how a request is getting on that a REFER has brought about (RFC 3515 §2.4.5, RFC
/// 3420).
public struct StatusFragment: Hashable, Sendable {
    /// The status.
    public var status: StatusCode
    /// The reason phrase.
    public var reason: String

    /// A fragment of its parts.
    public init(_ status: StatusCode, _ reason: String? = nil) {
        self.status = status
        self.reason = reason ?? String(describing: status.reasonPhrase)
    }

    /// Reads a body; nil when it does not begin with a status line.
    public init?(_ body: [UInt8]) {
        let line = String(decoding: body.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].uppercased() == "SIP/2.0", parts[1].utf8.count == 3,
            let number = UInt16(parts[1]), (100...699).contains(number)
        else { return nil }
        status = StatusCode(rawValue: number)
        reason = parts.count == 3 ? String(parts[2]) : String(describing: status.reasonPhrase)
    }

    /// The media type.
    public static let mediaType = "message/sipfrag;version=2.0"

    /// The body.
    public var body: [UInt8] {
        Array("SIP/2.0 \(status.rawValue) ".utf8) + reason.utf8.filter { $0 >= 0x20 } + [0x0D, 0x0A]
    }
}
