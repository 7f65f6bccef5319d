import Reactor
import SIP

/// Finds the addresses of STUN and TURN servers that are named (RFC 8489 §8, RFC 5928 without its S-NAPTR), on the lane of media: by the
/// SRV records of their service where they have no port, else and where there are none by their own addresses.
final class ServerAddressSearch {
    /// Addresses of one server that are asked: the first of each version of IP.
    static let mostAddresses = 2

    /// SRV records of one server that are followed, in their order, until one has an address.
    static let mostRecords = 4

    private let resolver: HostResolver
    private let lane: Lane
    private var found: [[ICEPolicy.Server]]
    private var pending = 0
    private var completion: (([ICEPolicy.Server]) -> Void)?

    /// Begins.
    ///
    /// - Parameter completion: told once on the lane what was found, in the order of the servers; at once where none is named.
    init(
        of servers: [ICEPolicy.Server], _ resolver: HostResolver, on lane: Lane,
        _ completion: @escaping ([ICEPolicy.Server]) -> Void
    ) {
        self.resolver = resolver
        self.lane = lane
        self.completion = completion
        found = servers.map { $0.address == nil ? [] : [$0] }
        for (index, server) in servers.enumerated() {
            guard case .name(let name, let port) = server.host else { continue }
            pending += 1
            if let port {
                ask(name, port, server, at: index, [])
            } else {
                askForService(name, server, at: index)
            }
        }
        end()
    }

    /// Tells what has been found so far, and nothing more.
    func stop() {
        pending = 0
        end()
    }

    private func end() {
        guard pending == 0, let completion else { return }
        self.completion = nil
        completion(found.flatMap(\.self))
    }

    private func ask(_ question: DNSQuestion, _ then: @escaping (ServerAddressSearch, HostResolver.Reply) -> Void) {
        let bound = LaneBound((search: self, then: then), on: lane)
        resolver.resolve(question, on: lane) { reply, _ in
            guard bound.value.search.completion != nil else { return }
            bound.value.then(bound.value.search, reply)
        }
    }

    private func askForService(_ name: String, _ server: ICEPolicy.Server, at index: Int) {
        ask(.srv("\(server.service).\(name)")) { search, reply in
            var generator = SystemRandomNumberGenerator()
            let records = ((try? reply.get())?.records ?? []).compactMap { record -> SRVRecord? in
                guard case .srv(let priority, let weight, let port, let target) = record else { return nil }
                return SRVRecord(priority: priority, weight: weight, port: port, target: target)
            }
            let all = records.inOrder { generator.next() }.prefix(Self.mostRecords)
            guard let first = all.first else {
                // A domain that says that a service is nowhere is believed (RFC 2782).
                guard !records.contains(where: \.isAbsence) else { return search.settle() }
                return search.ask(name, server.transport.defaultPort, server, at: index, [])
            }
            search.ask(first.target, first.port, server, at: index, Array(all.dropFirst()))
        }
    }

    /// - Parameter others: what is asked for where this host has no address.
    private func ask(_ host: String, _ port: UInt16, _ server: ICEPolicy.Server, at index: Int, _ others: [SRVRecord]) {
        ask(.addresses(host, .both)) { search, reply in
            let addresses = (try? reply.get())?.addresses ?? []
            if addresses.isEmpty, let next = others.first {
                return search.ask(next.target, next.port, server, at: index, Array(others.dropFirst()))
            }
            let chosen = [addresses.first { !$0.isIPv6 }, addresses.first(where: \.isIPv6)].compactMap(\.self)
            search.found[index] = chosen.map { server.at($0.with(port: port)) }
            search.settle()
        }
    }

    private func settle() {
        pending -= 1
        end()
    }
}

extension ICEPolicy.Server {
    /// What its SRV records are of (RFC 8489 §8.1, RFC 8656 §6): the protocol is what transport is secured on.
    fileprivate var service: String {
        switch transport {
        case .udp: credentials == nil ? "_stun._udp" : "_turn._udp"
        case .tcp: "_turn._tcp"
        case .tls: "_turns._tcp"
        }
    }

    /// The same server at an address that was found.
    fileprivate func at(_ address: TransportAddress) -> Self {
        var server = self
        server.host = .address(address)
        return server
    }
}
