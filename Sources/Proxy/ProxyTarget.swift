public import Routing
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
    /// The proxies to pass on the way, which become its Route (RFC 3327 §5.4).
    public var path: PreloadedRoute?
    /// Whether the flow is one that a phone keeps through this edge proxy, so that its loss is told by 430 (RFC 5626 §5.3.1).
    var isEdgeFlow = false
    /// Whether it stands for the flow to an end of the request's dialog, whose loss is told by 430 when there is no other way to that
    /// end: it is that flow, or a way around it.
    var isDialogFlow = false
    /// Further ways to the same device, to be tried one after another when this one leads nowhere: when it is answered 430, or
    /// not at all (RFC 5626 §7).
    public var alternates: [ProxyTarget] = []
    /// What wakes the user agent, which must come back before the request goes there (RFC 8599 §5.6.2); nil when it is awake.
    public var push: PushTarget?
    /// Whether the dialog that begins there is record-routed in any case (RFC 5627 §6.2).
    public var recordsRoute = false
    /// Whether it is in a domain that is none of ours, which must not see what callers and users want hidden from others.
    public var leavesDomain = false
    /// How many redirections led here, one after another (RFC 3261 §16.7 step 4); what a redirection gives is tried before
    /// what else waits.
    public internal(set) var redirections = 0

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

    /// Whether it is where a user has registered, or was said to be, and no server on the way.
    var isContact: Bool { uri != nil && path == nil }

    /// Whether both are tried at the same time.
    func isEquallyPreferred(to other: ProxyTarget) -> Bool {
        preference == other.preference && redirections == other.redirections
    }
}

extension [ProxyTarget] {
    /// The targets by falling preference; those of one preference keep their order, which is the registrar's.
    public var inOrder: [ProxyTarget] {
        guard count > 1 else { return self }
        return enumerated().sorted {
            ($1.element.preference, $0.offset) < ($0.element.preference, $1.offset)
        }.map(\.element)
    }
}
