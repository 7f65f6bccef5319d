import Reactor
import SIP

/// A `ServerLocator` at work: asks what it wants to know, and makes targets of the servers that it names (RFC 3263 §4).
///
/// Bound to its lane; whoever answers its questions keeps it alive.
final class ServerSearch {
    /// The most targets that a name is tried at.
    static let targetLimit = 32

    private let layer: TransactionLayer
    private var locator: ServerLocator
    /// Whom the other side must prove to be when the transport is secure.
    private let domain: String
    private let random: () -> UInt64
    private let completion: ([Target]) -> Void
    private var servers: [ServerLocator.Server] = []
    /// The addresses of the servers' hosts; nil where they are awaited.
    private var addresses: [String: [TransportAddress]?] = [:]

    /// - Parameters:
    ///   - domain: what the URI names, whatever it leads to (RFC 5922 §7.3).
    ///   - random: gives numbers of 64 bits, for the weights of servers.
    init(
        _ layer: TransactionLayer, _ destination: ServerLocator.Destination, domain: String,
        random: @escaping () -> UInt64, _ completion: @escaping ([Target]) -> Void
    ) {
        self.layer = layer
        self.domain = domain
        self.random = random
        self.completion = completion
        locator = ServerLocator(destination, transports: layer.clientTransports)
    }

    func start() { perform(locator.start()) }

    private func perform(_ step: ServerLocator.Step?) {
        switch step {
        case .ask(let queries): for query in queries { ask(query) }
        case .servers(let found): find(found)
        case nil: break
        }
    }

    private func ask(_ query: ServerLocator.Query) {
        layer.driver.ask(query) { [self] answer in
            switch query {
            case .naptr: perform(locator.receive(naptr: answer.rules))
            case .srv(let name): perform(locator.receive(srv: answer.servers, of: name, random: random))
            case .addresses(let host):
                addresses[host] = .some(answer.addresses)
                endIfComplete()
            }
        }
    }

    private func find(_ found: [ServerLocator.Server]) {
        servers = found
        var names: [String] = []
        for server in found where addresses[server.host] == nil {
            if let address = TransportAddress(host: server.host, port: server.port) {
                addresses[server.host] = .some([address])
            } else {
                addresses[server.host] = .some(nil)
                names.append(server.host)
            }
        }
        guard !names.isEmpty else { return endIfComplete() }
        for name in names { ask(.addresses(name)) }
    }

    private func endIfComplete() {
        guard addresses.values.allSatisfy({ $0 != nil }) else { return }
        var targets: [Target] = []
        for server in servers {
            for address in (addresses[server.host] ?? nil) ?? [] {
                let target = Target(
                    server.transport, address.with(port: server.port), domain: server.transport.isSecure ? domain : nil)
                if !targets.contains(target) { targets.append(target) }
            }
        }
        // A name may have addresses of a family that no listener has; they are left only where there are no others, so that
        // the failure is theirs.
        let reachable = targets.filter { target in
            layer.listeners.contains {
                $0.transport == target.transport && $0.address.family == target.address.family
            }
        }
        completion(Array((reachable.isEmpty ? targets : reachable).prefix(Self.targetLimit)))
    }
}
