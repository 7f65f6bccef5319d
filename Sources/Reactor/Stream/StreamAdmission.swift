import Synchronization

/// How many connections may be open: in all, and from one source. Listeners can share one.
///
/// A source is an IPv4 address or an IPv6 network of 64 bits, which is the least that one subscriber has (RFC 6177).
public final class StreamAdmission: Sendable {
    /// Most connections in all.
    public let limit: Int

    /// Most connections from one source.
    public let limitPerSource: Int

    private struct Counts {
        var total = 0
        var sources: [TransportAddress: Int] = [:]
    }

    private let counts = Mutex(Counts())

    /// Limits; the defaults suit a server with a limit of open files that has room for them.
    public init(limit: Int = 20_000, limitPerSource: Int = 1_000) {
        self.limit = limit
        self.limitPerSource = limitPerSource
    }

    /// Number of connections that are admitted now.
    public var count: Int { counts.withLock { $0.total } }

    /// Counts a connection in, if there is room for it.
    func admit(_ address: TransportAddress) -> Bool {
        let source = Self.source(address)
        return counts.withLock { counts in
            guard counts.total < limit, counts.sources[source, default: 0] < limitPerSource else { return false }
            counts.total += 1
            counts.sources[source, default: 0] += 1
            return true
        }
    }

    /// Counts a connection out that was counted in.
    func release(_ address: TransportAddress) {
        let source = Self.source(address)
        counts.withLock { counts in
            counts.total -= 1
            guard let count = counts.sources[source] else { return }
            counts.sources[source] = count > 1 ? count - 1 : nil
        }
    }

    private static func source(_ address: TransportAddress) -> TransportAddress {
        address.isIPv6 ? TransportAddress(ipv6: address.upperBits, 0, port: 0) : address.with(port: 0)
    }
}
