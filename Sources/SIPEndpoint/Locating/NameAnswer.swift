public import Reactor
public import SIP

/// What is known of a name: the answer to a `ServerLocator.Query`. One that failed is empty, as is one to a name that has nothing.
public struct NameAnswer: Hashable, Sendable {
    /// For `naptr`.
    public var rules: [NAPTRRecord]
    /// For `srv`.
    public var servers: [SRVRecord]
    /// For `addresses`: with port 0, in the order in which they should be tried.
    public var addresses: [TransportAddress]

    public init(
        rules: [NAPTRRecord] = [], servers: [SRVRecord] = [], addresses: [TransportAddress] = []
    ) {
        self.rules = rules
        self.servers = servers
        self.addresses = addresses
    }
}

extension NameAnswer {
    /// What a resolver says.
    init(_ reply: HostResolver.Reply) {
        self.init()
        guard let reply = try? reply.get() else { return }
        addresses = reply.addresses
        for record in reply.records {
            switch record {
            case .naptr(let order, let preference, let flags, let service, let expression, let replacement):
                rules.append(
                    NAPTRRecord(
                        order: order, preference: preference, flags: flags, service: service,
                        regularExpression: expression, replacement: replacement))
            case .srv(let priority, let weight, let port, let target):
                servers.append(SRVRecord(priority: priority, weight: weight, port: port, target: target))
            case .canonicalName, .authority: break
            }
        }
    }
}

extension DNSQuestion {
    init(_ query: ServerLocator.Query) {
        switch query {
        case .naptr(let name): self = .naptr(name)
        case .srv(let name): self = .srv(name)
        case .addresses(let host): self = .addresses(host, .both)
        }
    }
}
