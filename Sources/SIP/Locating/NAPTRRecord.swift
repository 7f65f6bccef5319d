/// A record that names a service of a domain and where to ask for it next (RFC 3403 §4).
public struct NAPTRRecord: Hashable, Sendable {
    /// Records of a lower order come first, and those of a higher one are not looked at once one of a lower was good.
    public var order: UInt16
    /// Among those of one order the lower comes first.
    public var preference: UInt16
    /// What the replacement is: `s` for a name with SRV records.
    public var flags: String
    /// The service, such as `SIP+D2U`.
    public var service: String
    /// A substitution; empty where there is a replacement.
    public var regularExpression: String
    /// The name to ask for next.
    public var replacement: String

    public init(
        order: UInt16, preference: UInt16, flags: String, service: String, regularExpression: String = "",
        replacement: String
    ) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.regularExpression = regularExpression
        self.replacement = replacement
    }

    /// The transport of the service (RFC 3263 §4.1, RFC 7118 §9.1); nil when it is none of SIP, or the record is not one that
    /// leads to SRV records as RFC 3263 wants them.
    public var transport: TransportName? {
        guard flags.lowercased() == "s", regularExpression.isEmpty, !replacement.isEmpty else { return nil }
        return switch service.lowercased() {
        case "sip+d2u": .udp
        case "sip+d2t": .tcp
        case "sips+d2t": .tls
        case "sip+d2w": .ws
        case "sips+d2w": .wss
        default: nil
        }
    }
}
