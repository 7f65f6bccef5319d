public import SIPEndpoint

/// One element of a target set (RFC 3261 §16.5).
public struct ProxyTarget: Sendable, Hashable {
    /// The URI for the Request-URI; nil leaves it as it is.
    public var uri: [UInt8]?
    /// The URI that says where it is sent, when that is not the Request-URI: a contact that demands TLS of a request that does
    /// not (RFC 5630 §5.3).
    public var nextHop: [UInt8]?
    /// The flow that leads there; nil goes by the URI.
    public var flow: Flow?
    /// The preference in thousandths; equal ones are tried in parallel, higher ones before lower ones.
    public var preference: Int
    /// Whether a large request must not be sent by TCP, since only the flow leads there.
    public var isBehindNAT: Bool

    /// Whether a URI demands TLS on the whole way (RFC 3261 §26.2.2).
    public static func isSIPS(_ uri: [UInt8]) -> Bool {
        let scheme: StaticString = "sips:"
        return scheme.withUTF8Buffer { uri.prefix($0.count).elementsEqual($0) { $0 | 0x20 == $1 } }
    }

    public init(uri: [UInt8]?, flow: Flow? = nil, preference: Int = 1_000, isBehindNAT: Bool = false) {
        self.uri = uri
        self.flow = flow
        self.preference = preference
        self.isBehindNAT = isBehindNAT
    }
}
