import Reactor
import SIP

extension TransportAddress {
    /// An address that tells where the default route begins: of a network for documentation (RFC 5737), to which nothing is
    /// sent.
    private static let elsewhere = "192.0.2.1"

    /// The local address from which requests for a URI would leave: names are looked up, and IPv4 comes first, since that is
    /// what servers listen on by default. Where nothing leads there, the address of the default route, or else loopback.
    static func route(
        toReach uri: URI, port: UInt16, resolver: HostResolver
    ) async -> TransportAddress {
        await wayOut(toReach: uri, port: port, resolver: resolver) ?? .loopback(port: port)
    }

    /// The same; nil while this machine has no network that leads anywhere.
    static func wayOut(
        toReach uri: URI, port: UInt16, resolver: HostResolver
    ) async -> TransportAddress? {
        let host = uri.parameter("maddr") ?? uri.host
        let found = (try? await resolver.addresses(of: host, port: 0)) ?? []
        for remote in found.filter({ !$0.isIPv6 }) + found.filter(\.isIPv6) {
            let local = route(to: remote.host, family: remote.family, port: port)
            if !local.isWildcard { return local }
        }
        let local = route(to: elsewhere, family: .ipv4, port: port)
        return local.isWildcard ? nil : local
    }
}
