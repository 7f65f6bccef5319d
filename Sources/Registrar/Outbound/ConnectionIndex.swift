import Synchronization

/// Which addresses of record have bindings that came over a connection, so that these end with it (RFC 5626 §7).
///
/// Spread over shards by the number of the connection, each under a short mutex.
final class ConnectionIndex: Sendable {
    /// An address of record.
    struct Address: Hashable, Sendable {
        var domain: Int
        var user: [UInt8]
    }

    private final class Shard: Sendable {
        let connections = Mutex<[UInt64: [Address]]>([:])
    }

    private static let shardCount = 16
    private let shards = (0..<shardCount).map { _ in Shard() }

    private func shard(_ connection: UInt64) -> Shard { shards[Int(connection % UInt64(Self.shardCount))] }

    /// A REGISTER came over a connection and made or set a binding.
    func note(_ connection: UInt64, domain: Int, user: UnsafeRawBufferPointer) {
        shard(connection).connections.withLock { connections in
            if let known = connections[connection],
                known.contains(where: { address in
                    address.domain == domain && address.user.withUnsafeBytes { equal($0, user) }
                })
            {
                return
            }
            connections[connection, default: []].append(Address(domain: domain, user: [UInt8](user)))
        }
    }

    /// Takes the addresses of a connection that has ended: the first who asks gets them.
    func take(_ connection: UInt64) -> [Address] {
        shard(connection).connections.withLock { $0.removeValue(forKey: connection) } ?? []
    }

    /// Connections that are known.
    var count: Int { shards.reduce(0) { $0 + $1.connections.withLock { $0.count } } }
}
