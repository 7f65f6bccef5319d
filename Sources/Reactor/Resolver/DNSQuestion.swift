/// What DNS may be asked.
public enum DNSQuestion: Hashable, Sendable {
    /// The rules of a name (RFC 3403).
    case naptr(String)
    /// The servers of a service, `_service._protocol.name` (RFC 2782).
    case srv(String)
    /// The addresses of a host, of `/etc/hosts` too.
    case addresses(String, AddressFamilies)

    /// The name.
    public var name: String {
        switch self {
        case .naptr(let name), .srv(let name), .addresses(let name, _): name
        }
    }

    /// The same question of another name.
    func with(name: String) -> DNSQuestion {
        switch self {
        case .naptr: .naptr(name)
        case .srv: .srv(name)
        case .addresses(_, let families): .addresses(name, families)
        }
    }

    /// The host that the name belongs to: without the labels of a service.
    var host: String {
        guard case .srv(let name) = self else { return name }
        return name.split(separator: ".").drop { $0.first == "_" }.joined(separator: ".")
    }
}

/// What DNS has said.
public struct DNSReply: Hashable, Sendable {
    /// The records of the type that was asked for; empty when the name has none.
    public var records: [DNSRecordData] = []
    /// The addresses with port 0, in the order in which they should be tried (RFC 6724).
    public var addresses: [TransportAddress] = []
    /// For how long that holds, in seconds; nil when nobody says.
    public var lifetime: UInt32?

    public init(records: [DNSRecordData] = [], addresses: [TransportAddress] = [], lifetime: UInt32? = nil) {
        self.records = records
        self.addresses = addresses
        self.lifetime = lifetime
    }

    /// Whether it says that there is nothing.
    var isNegative: Bool { records.isEmpty && addresses.isEmpty }
}
