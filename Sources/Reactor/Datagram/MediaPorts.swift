import Synchronization

/// A range of UDP ports from which the legs of calls take theirs in pairs: an even one for RTP, the next for RTCP (RFC 3550 §11).
///
/// Pairs are taken in turn around the range, so that a port rests as long as possible before it is used again and late packets of
/// a past call reach nobody. The start is random. Ports that are held are passed over: where the next ones are, as by calls that last,
/// pairs all over the range are tried.
public final class MediaPorts: Sendable {
    /// Most pairs that are tried before a request is refused, so that a lane is not held up when the range is exhausted.
    public static let attempts = 512

    /// The first and the last port of the range.
    public let range: ClosedRange<UInt16>

    private let pairs: UInt64
    private let next: Atomic<UInt64>
    /// From one pair that is tried to the next, less one: with it all of the range is seen.
    private let stride: UInt64

    /// A range of ports; nil when it holds no pair, or port 0.
    public init?(_ range: ClosedRange<UInt16>) {
        let first = (UInt64(range.lowerBound) + 1) / 2
        let end = (UInt64(range.upperBound) + 1) / 2
        guard range.lowerBound > 0, end > first else { return nil }
        self.range = range
        pairs = end - first
        next = Atomic(UInt64.random(in: 0..<pairs))
        var stride = pairs * 5 / 8
        while Self.greatestCommonDivisor(stride + 1, pairs) != 1 { stride += 1 }
        self.stride = stride
    }

    private static func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }

    /// Number of pairs in the range.
    public var count: Int { Int(pairs) }

    /// Binds a pair on an IP address, whose port is ignored. From any thread. Throws `addressInUse` when no free pair was found.
    public func bindPair(
        on address: TransportAddress, _ configuration: DatagramSocketConfiguration = .media
    ) throws(SocketError) -> (rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket) {
        try search { port throws(SocketError) in
            let rtp = try BoundDatagramSocket.bind(address.with(port: port), configuration)
            return (rtp, try BoundDatagramSocket.bind(address.with(port: port + 1), configuration))
        }
    }

    /// Binds the even port of a pair alone, for RTP and RTCP on one port (RFC 5761) and for what has no RTCP.
    public func bindOne(
        on address: TransportAddress, _ configuration: DatagramSocketConfiguration = .media
    ) throws(SocketError) -> BoundDatagramSocket {
        try search { port throws(SocketError) in try BoundDatagramSocket.bind(address.with(port: port), configuration) }
    }

    private func search<Result>(_ bind: (UInt16) throws(SocketError) -> Result) throws(SocketError) -> Result {
        let first = (UInt64(range.lowerBound) + 1) / 2
        var attempt: UInt64 = 0
        while true {
            let number = (next.wrappingAdd(1, ordering: .relaxed).oldValue + attempt * stride) % pairs
            attempt += 1
            do throws(SocketError) {
                return try bind(UInt16((first + number) * 2))
            } catch {
                guard error.code == .addressInUse, attempt < min(pairs, UInt64(Self.attempts)) else { throw error }
            }
        }
    }
}
