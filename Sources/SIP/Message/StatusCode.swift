/// A response's status code (RFC 3261 §21 and the IANA registry), 100 to 699.
@frozen
public struct StatusCode: Hashable, Sendable, RawRepresentable, Comparable, ExpressibleByIntegerLiteral {
    public var rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable
    public init(integerLiteral value: UInt16) { rawValue = value }

    @inlinable
    public static func < (a: StatusCode, b: StatusCode) -> Bool { a.rawValue < b.rawValue }

    /// 1xx.
    @inlinable public var isProvisional: Bool { rawValue < 200 }
    /// 2xx to 6xx.
    @inlinable public var isFinal: Bool { rawValue >= 200 }
    /// 2xx.
    @inlinable public var isSuccess: Bool { rawValue >= 200 && rawValue < 300 }
    /// The first digit, 1 to 6.
    @inlinable public var category: Int { Int(rawValue / 100) }

    /// The registered reason phrase, or that of the class's x00 for codes without one (RFC 3261 §8.1.3.2).
    public var reasonPhrase: StaticString {
        switch rawValue {
        case 100: "Trying"
        case 180: "Ringing"
        case 181: "Call Is Being Forwarded"
        case 182: "Queued"
        case 183: "Session Progress"
        case 199: "Early Dialog Terminated"
        case 200: "OK"
        case 202: "Accepted"
        case 204: "No Notification"
        case 300: "Multiple Choices"
        case 301: "Moved Permanently"
        case 302: "Moved Temporarily"
        case 305: "Use Proxy"
        case 380: "Alternative Service"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 410: "Gone"
        case 412: "Conditional Request Failed"
        case 413: "Request Entity Too Large"
        case 414: "Request-URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Unsupported URI Scheme"
        case 417: "Unknown Resource-Priority"
        case 420: "Bad Extension"
        case 421: "Extension Required"
        case 422: "Session Interval Too Small"
        case 423: "Interval Too Brief"
        case 424: "Bad Location Information"
        case 425: "Bad Alert Message"
        case 428: "Use Identity Header"
        case 429: "Provide Referrer Identity"
        case 430: "Flow Failed"
        case 433: "Anonymity Disallowed"
        case 436: "Bad Identity Info"
        case 437: "Unsupported Credential"
        case 438: "Invalid Identity Header"
        case 439: "First Hop Lacks Outbound Support"
        case 440: "Max-Breadth Exceeded"
        case 469: "Bad Info Package"
        case 470: "Consent Needed"
        case 480: "Temporarily Unavailable"
        case 481: "Call/Transaction Does Not Exist"
        case 482: "Loop Detected"
        case 483: "Too Many Hops"
        case 484: "Address Incomplete"
        case 485: "Ambiguous"
        case 486: "Busy Here"
        case 487: "Request Terminated"
        case 488: "Not Acceptable Here"
        case 489: "Bad Event"
        case 491: "Request Pending"
        case 493: "Undecipherable"
        case 494: "Security Agreement Required"
        case 500: "Server Internal Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Server Time-out"
        case 505: "Version Not Supported"
        case 513: "Message Too Large"
        case 555: "Push Notification Service Not Supported"
        case 580: "Precondition Failure"
        case 600: "Busy Everywhere"
        case 603: "Decline"
        case 604: "Does Not Exist Anywhere"
        case 606: "Not Acceptable"
        case 607: "Unwanted"
        case 608: "Rejected"
        default: genericReasonPhrase
        }
    }

    private var genericReasonPhrase: StaticString {
        switch category {
        case 1: "Session Progress"
        case 2: "OK"
        case 3: "Multiple Choices"
        case 4: "Bad Request"
        case 5: "Server Internal Error"
        default: "Busy Everywhere"
        }
    }
}

extension StatusCode: CustomStringConvertible {
    public var description: String { "\(rawValue) \(reasonPhrase)" }
}
