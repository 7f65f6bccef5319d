import Reactor
import SIP

/// The connections of an endpoint, and which of them requests for a target take (RFC 3261 §18, RFC 5923).
struct ConnectionTable {
    /// Where a connection of ours leads: over TLS it serves the domain that was proven on it, and no other at the same
    /// address (RFC 5923 §9.3).
    private struct Destination: Hashable {
        var transport: TransportName
        var address: TransportAddress
        var domain: String
    }

    private var connections: [UInt64: StreamConnection] = [:]
    /// Those that we have opened, by where they lead.
    private var outbound: [Destination: UInt64] = [:]
    private var destinations: [UInt64: Destination] = [:]
    /// Those that others have opened and offered, by the address that they advertise (RFC 5923 §8.2).
    private var aliases: [TransportAddress: [UInt64]] = [:]
    private var aliasesOfConnections: [UInt64: [TransportAddress]] = [:]

    /// The most addresses that one connection may be offered for; each server that sends over it advertises one.
    static let aliasLimit = 4

    /// Connections that are open, or are being made.
    var count: Int { connections.count }

    /// The connection of a number.
    func connection(_ number: UInt64) -> StreamConnection? { connections[number] }

    /// Takes a connection in.
    mutating func insert(_ connection: StreamConnection) { connections[connection.id.number] = connection }

    /// Takes a connection in that leads to a target.
    mutating func insert(_ connection: StreamConnection, to target: Target) {
        insert(connection)
        let destination = Self.destination(target)
        outbound[destination] = connection.id.number
        destinations[connection.id.number] = destination
    }

    /// Lets a connection go.
    mutating func remove(_ number: UInt64) {
        connections[number] = nil
        if let destination = destinations.removeValue(forKey: number), outbound[destination] == number {
            outbound[destination] = nil
        }
        for address in aliasesOfConnections.removeValue(forKey: number) ?? [] {
            aliases[address]?.removeAll { $0 == number }
            if aliases[address]?.isEmpty == true { aliases[address] = nil }
        }
    }

    /// Lets no request take one of the connections there are, which stay in the table until they have ended.
    mutating func abandonAll() -> [StreamConnection] {
        outbound = [:]
        destinations = [:]
        aliases = [:]
        aliasesOfConnections = [:]
        return Array(connections.values)
    }

    /// The connection that requests for a target can take: one of ours, or one that was offered by a peer that has proven to
    /// be the target (RFC 5923 §8.2).
    func connection(to target: Target) -> UInt64? {
        if let number = outbound[Self.destination(target)], connections[number]?.isOpen == true { return number }
        guard target.transport == .tls, let offered = aliases[target.address] else { return nil }
        let domain = Self.domain(of: target)
        return offered.last { number in
            guard let connection = connections[number], connection.isOpen else { return false }
            return connection.peerNames?.prove(domain) ?? false
        }
    }

    /// Notes that a peer, which has proven who it is, takes requests for an address by its connection.
    mutating func offer(_ number: UInt64, for address: TransportAddress) {
        guard connections[number] != nil else { return }
        var own = aliasesOfConnections[number] ?? []
        guard !own.contains(address), own.count < Self.aliasLimit else { return }
        own.append(address)
        aliasesOfConnections[number] = own
        aliases[address, default: []].append(number)
    }

    private static func destination(_ target: Target) -> Destination {
        Destination(
            transport: target.transport, address: target.address,
            domain: target.transport.isSecure ? domain(of: target) : "")
    }

    /// Whom the other side of a connection to a target must prove to be.
    static func domain(of target: Target) -> String { (target.domain ?? target.address.ip).lowercased() }
}
