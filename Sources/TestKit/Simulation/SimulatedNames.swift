public import SIP
import SIPEndpoint

/// The name service of a simulated network, but for the hosts.
public struct SimulatedNames {
    /// The rules of domains.
    public var rules: [String: [NAPTRRecord]] = [:]
    /// The servers of services, by names such as `_sip._udp.example.com`.
    public var servers: [String: [SRVRecord]] = [:]
    /// Names about which no question is ever answered.
    public var silent: Set<String> = []
    /// All questions that were asked.
    public internal(set) var questions: [ServerLocator.Query] = []
}

extension SimulatedNetwork {
    /// The answer to a question; nil when none comes.
    func answer(to query: ServerLocator.Query) -> NameAnswer? {
        switch query {
        case .naptr(let name), .srv(let name), .addresses(let name):
            guard !names.silent.contains(name) else { return nil }
        }
        return switch query {
        case .naptr(let name): NameAnswer(rules: names.rules[name] ?? [])
        case .srv(let name): NameAnswer(servers: names.servers[name] ?? [])
        case .addresses(let host): NameAnswer(addresses: hosts[host] ?? [])
        }
    }
}
