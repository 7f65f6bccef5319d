import NIOCore
import Synchronization

/// How many connections may be open: in all, and from one source. Listeners can share one.
///
/// A source is an IPv4 address or an IPv6 network of 64 bits, which is the least that one subscriber has (RFC 6177). Many
/// subscribers of a carrier may be one source (RFC 6888 §2): so those of them who have proven who they are (`StreamConnection.vouch`)
/// are not counted among the strangers there, and a stranger that has been silent makes room for whoever comes.
public final class StreamAdmission: Sendable {
    /// Most connections in all.
    public let limit: Int

    /// Most connections of strangers from one source.
    public let limitPerSource: Int

    /// How many times as many connections from one source have peers that have proven who they are.
    public static let vouchedFactor = 10

    /// How long a stranger must have been silent to make room for another from its source: longer than the handshakes and the first
    /// requests of one that comes to say who it is.
    public static let leastSilence: Duration = .seconds(60)

    /// How long nobody is looked for at a source who could make room when nobody was found.
    static let pause: Duration = .seconds(1)

    private struct Source {
        var strangers: [UInt64: StreamConnection] = [:]
        var vouched: Set<UInt64> = []
        /// Those who make room and are not gone yet.
        var leaving: Set<UInt64> = []
        var nextLook: NIODeadline?

        var isEmpty: Bool { strangers.isEmpty && vouched.isEmpty && leaving.isEmpty }
    }

    private struct Counts {
        var total = 0
        var sources: [TransportAddress: Source] = [:]
    }

    private let counts = Mutex(Counts())
    private let leastSilence: Duration

    /// Limits; the defaults suit a server with a limit of open files that has room for them.
    public init(
        limit: Int = 20_000, limitPerSource: Int = 1_000, leastSilence: Duration = StreamAdmission.leastSilence
    ) {
        self.limit = limit
        self.limitPerSource = limitPerSource
        self.leastSilence = leastSilence
    }

    /// Number of connections that are admitted now.
    public var count: Int { counts.withLock { $0.total } }

    /// Counts a connection in, if there is room for it.
    func admit(_ connection: StreamConnection) -> Bool {
        let source = Self.source(connection.remoteAddress)
        let (isAdmitted, silent) = counts.withLock { counts -> (Bool, StreamConnection?) in
            guard counts.total < limit else { return (false, nil) }
            var silent: StreamConnection?
            if counts.sources[source]?.strangers.count ?? 0 >= limitPerSource {
                silent = makeRoom(in: &counts.sources[source, default: Source()])
                guard silent != nil else { return (false, nil) }
            }
            counts.total += 1
            counts.sources[source, default: Source()].strangers[connection.id.number] = connection
            return (true, silent)
        }
        silent?.abort(.idle)
        return isAdmitted
    }

    /// Takes the stranger out who has been silent for the longest, if for long enough.
    private func makeRoom(in source: inout Source) -> StreamConnection? {
        let now = NIODeadline.now()
        if let next = source.nextLook, now < next { return nil }
        let found = source.strangers.values.min { $0.lastSign < $1.lastSign }
        guard let found, now - found.lastSign >= TimeAmount(leastSilence) else {
            source.nextLook = now + TimeAmount(Self.pause)
            return nil
        }
        source.strangers[found.id.number] = nil
        source.leaving.insert(found.id.number)
        return found
    }

    /// The peer of a connection has proven who it is.
    func vouch(_ connection: StreamConnection) {
        let source = Self.source(connection.remoteAddress)
        let (number, most) = (connection.id.number, limitPerSource.multipliedReportingOverflow(by: Self.vouchedFactor))
        counts.withLock { counts in
            guard counts.sources[source]?.strangers[number] != nil,
                most.overflow || counts.sources[source]?.vouched.count ?? 0 < most.partialValue
            else { return }
            counts.sources[source]?.strangers[number] = nil
            counts.sources[source]?.vouched.insert(number)
            counts.sources[source]?.nextLook = nil
        }
    }

    /// Counts a connection out if it was counted in.
    func release(_ connection: StreamConnection) {
        let source = Self.source(connection.remoteAddress)
        let number = connection.id.number
        counts.withLock { counts in
            guard
                counts.sources[source]?.strangers.removeValue(forKey: number) != nil
                    || counts.sources[source]?.vouched.remove(number) != nil
                    || counts.sources[source]?.leaving.remove(number) != nil
            else { return }
            counts.total -= 1
            if counts.sources[source]?.isEmpty == true { counts.sources[source] = nil }
        }
    }

    private static func source(_ address: TransportAddress) -> TransportAddress {
        address.isIPv6 ? TransportAddress(ipv6: address.upperBits, 0, port: 0) : address.with(port: 0)
    }
}
