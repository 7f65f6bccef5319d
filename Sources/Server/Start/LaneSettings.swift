import Glibc
import Reactor

/// What the roles of a lane are told; all of it can change while the server runs.
struct LaneSettings: Sendable {
    /// Who proves who they are.
    var authenticator: Authenticator
    /// Whether users must authenticate at all.
    var requiresAuthentication: Bool
    /// Who may send requests to other domains.
    var relay: ServerConfiguration.Proxy.Relay
    /// Domains elsewhere whose phones register through this server, in small letters.
    var edgeDomains: Set<String>
    /// Where the redirections of phones may lead.
    var followsRedirections: ServerConfiguration.Proxy.Redirections
    /// Sources that count as authenticated.
    var trustedNetworks: [ServerConfiguration.Network]
    /// How much users and sources may do.
    var rates: Limiter.Rates
    /// The seconds for which a user agent without connection counts as awake after it has registered.
    var awakeTime: UInt32
    /// How the requests of each domain are treated.
    var policies: [DomainPolicy]

    /// Whether requests from an address count as authenticated (RFC 3325 §5).
    func trusts(_ source: TransportAddress) -> Bool {
        guard !trustedNetworks.isEmpty else { return false }
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { memory in
            let count: Int
            if source.isIPv6 {
                memory.storeBytes(of: source.upperBits.bigEndian, as: UInt64.self)
                memory.storeBytes(of: source.lowerBits.bigEndian, toByteOffset: 8, as: UInt64.self)
                count = 16
            } else {
                memory.storeBytes(of: UInt32(truncatingIfNeeded: source.lowerBits).bigEndian, as: UInt32.self)
                count = 4
            }
            let bytes = UnsafeRawBufferPointer(rebasing: memory[0..<count])
            return trustedNetworks.contains { $0.contains(bytes) }
        }
    }
}
