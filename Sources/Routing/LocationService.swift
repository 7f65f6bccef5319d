public import SIPEndpoint

/// One way to reach the user behind an address of record, as the proxy needs it (RFC 3261 §10, §16.5).
public struct Binding: Sendable, Hashable {
    /// The contact URI, as the user agent wrote it.
    public var contact: [UInt8]
    /// The preference in thousandths, 0 to 1,000 (RFC 3261 §10.2.1.2).
    public var preference: Int
    /// The way the REGISTER came, which leads back through a NAT; nil when it is of no use any more.
    public var flow: Flow?
    /// Whether the contact's own address is not what the REGISTER came from: it is behind a NAT, and only the flow leads there.
    public var isBehindNAT: Bool
    /// The parameters of the contact but for `q` and `expires`, each with its ";": its capabilities among them (RFC 3840).
    public var parameters: [UInt8]
    /// The proxies to pass on the way, as a list of Route values; empty when there are none (RFC 3327 §5.4).
    public var path: [UInt8]
    /// Whether a push notification can wake the user agent, by what its contact says (RFC 8599).
    public var wakesByPush = false
    /// The seconds since the user agent has last registered, where it can be woken; else 0.
    public var age: UInt32 = 0
    /// Further bindings of the same instance, to be tried one after another when this one leads nowhere: a request goes to
    /// one flow of an instance at a time (RFC 5626 §7).
    public var alternates: [Binding] = []

    /// Whether the contact is that of an instance (RFC 5626 §4.1).
    public var hasInstance: Bool {
        let name: StaticString = ";+sip.instance="
        let count = name.utf8CodeUnitCount
        guard parameters.count > count else { return false }
        return (0...(parameters.count - count)).contains { start in
            (0..<count).allSatisfy { index in
                let byte = parameters[start + index]
                return (byte &- 0x41 < 26 ? byte | 0x20 : byte) == name.utf8Start[index]
            }
        }
    }

    public init(
        contact: [UInt8], preference: Int, flow: Flow?, isBehindNAT: Bool, parameters: [UInt8] = [],
        path: [UInt8] = []
    ) {
        self.contact = contact
        self.preference = preference
        self.flow = flow
        self.isBehindNAT = isBehindNAT
        self.parameters = parameters
        self.path = path
    }
}

/// What the location service knows about an address of record.
public enum Location: Sendable, Hashable {
    /// The bindings that are current, highest preference first; of an instance the one that was refreshed last.
    case bindings([Binding])
    /// The user exists and has no binding: 480.
    case noBinding
    /// There is no such user: 404.
    case unknownUser
    /// The bindings are still being loaded, so that nothing may be said yet: 503 with Retry-After, never 404.
    case loading
}

/// Finds the bindings of addresses of record; safe to call from any lane, and never blocks beyond a short mutex.
public protocol LocationService: AnyObject, Sendable {
    /// What is known of the user at the host of a Request-URI that is in a domain of ours.
    ///
    /// - Parameters:
    ///   - user: the user part as written in the URI, escapes and all.
    ///   - domain: the index of the domain in the `DomainTable`.
    func location(user: UnsafeRawBufferPointer, domain: Int) -> Location

    /// What is known of a GRUU (RFC 5627 §6.1): the bindings of one instance alone. 404 for one that is not valid, 480 for a
    /// public one without bindings.
    ///
    /// - Parameters:
    ///   - user: the user part as written in the URI.
    ///   - domain: the index of the domain in the `DomainTable`.
    ///   - gruu: the value of the `gr` parameter as written; empty for a temporary GRUU, which has none.
    func location(user: UnsafeRawBufferPointer, domain: Int, gruu: UnsafeRawBufferPointer) -> Location

    /// The bindings that a reference names which a registrar of ours has given to a user agent that push notifications wake
    /// (the PURR of RFC 8599 §6.2.1).
    ///
    /// - Parameter reference: the value of the `pn-purr` parameter as written; 404 for one that is not ours.
    func location(registration reference: UnsafeRawBufferPointer) -> Location
}
