import ICE
import Reactor
import Synchronization

/// The ports of relays, of which all lanes take.
///
/// They are tried from a random place on in random steps (RFC 6056 §3.3.5), so that nobody can tell which comes next.
final class TURNPorts: Sendable {
    /// Most ports that are tried before a request is refused, so that a lane is not held up when the range is exhausted.
    static let attempts = 256
    /// The longest step from one port to the next that is tried.
    static let longestStep: UInt64 = 500
    /// How long a port is kept that was asked for by the R bit of EVEN-PORT: 30 s (RFC 8656 §7.2).
    static let reservationTime = Duration.seconds(30)
    /// The most ports that are kept so.
    static let mostReservations = 1_000

    private struct Reservation: Sendable {
        var socket: BoundDatagramSocket
        var expires: ContinuousClock.Instant
    }

    private let addresses: [TURNFamily: TURNRelayConfiguration.Address]
    private let range: ClosedRange<UInt16>
    private let next: Atomic<UInt64>
    private let reservations = Mutex<[UInt64: Reservation]>([:])

    init(_ addresses: [TURNRelayConfiguration.Address], _ range: ClosedRange<UInt16>) {
        self.addresses = Dictionary(addresses.map { (STUNAddress($0.bound).family, $0) }, uniquingKeysWith: { $1 })
        self.range = range
        next = Atomic(UInt64.random(in: 0..<UInt64(UInt32.max)))
    }

    /// Small buffers, no backlog: what is relayed is worth nothing late. Its class of service is the network's to choose.
    private static let socket: DatagramSocketConfiguration = {
        var configuration = DatagramSocketConfiguration.media
        configuration.codePoint = 0
        return configuration
    }()

    /// Relays as they were asked for: fewer, or none, when there is no room.
    func open(
        _ families: [TURNFamily], _ port: TURNServer.Port, now: ContinuousClock.Instant
    ) -> (sockets: [BoundDatagramSocket], token: UInt64?) {
        switch port {
        case .reserved(let token):
            let kept = reservations.withLock { $0.removeValue(forKey: token) }
            guard let kept, kept.expires > now else { return ([], nil) }
            return ([kept.socket], nil)
        case .evenWithNext:
            guard let family = families.first, let pair = pair(family) else { return ([], nil) }
            let token = keep(pair.next, now: now)
            return token == nil ? ([], nil) : ([pair.even], token)
        case .any: return (families.compactMap { bind($0, isEven: false) }, nil)
        case .even: return (families.compactMap { bind($0, isEven: true) }, nil)
        }
    }

    /// Relays for connections: fewer, or none, when there is no room.
    func listen(_ families: [TURNFamily], backlog: Int32) -> [BoundStreamSocket] {
        families.compactMap { family in
            search(isEven: false) { port in
                addresses[family].flatMap {
                    try? BoundStreamSocket.listen($0.bound.with(port: port), backlog: backlog)
                }
            }
        }
    }

    /// The address that peers know that of a socket by.
    func advertised(_ address: TransportAddress) -> STUNAddress {
        let known = addresses[STUNAddress(address).family]?.advertised ?? address
        return STUNAddress(known.with(port: address.port))
    }

    /// Gives up ports that nobody has come for.
    func expire(now: ContinuousClock.Instant) {
        reservations.withLock { $0 = $0.filter { $0.value.expires > now } }
    }

    private func keep(_ socket: BoundDatagramSocket, now: ContinuousClock.Instant) -> UInt64? {
        let token = UInt64.random(in: .min ... .max)
        return reservations.withLock { reservations in
            reservations = reservations.filter { $0.value.expires > now }
            guard reservations.count < Self.mostReservations else { return nil }
            reservations[token] = Reservation(socket: socket, expires: now + Self.reservationTime)
            return token
        }
    }

    private func bind(_ family: TURNFamily, isEven: Bool) -> BoundDatagramSocket? {
        search(isEven: isEven) { port in
            addresses[family].flatMap { try? BoundDatagramSocket.bind($0.bound.with(port: port), Self.socket) }
        }
    }

    private func pair(_ family: TURNFamily) -> (even: BoundDatagramSocket, next: BoundDatagramSocket)? {
        search(isEven: true) { port in
            guard port < range.upperBound, let address = addresses[family]?.bound,
                let even = try? BoundDatagramSocket.bind(address.with(port: port), Self.socket),
                let next = try? BoundDatagramSocket.bind(address.with(port: port + 1), Self.socket)
            else { return nil }
            return (even, next)
        }
    }

    private func search<Result>(isEven: Bool, _ bind: (UInt16) -> Result?) -> Result? {
        let count = UInt64(range.count)
        for _ in 0..<Self.attempts {
            let step = UInt64.random(in: 1...Self.longestStep)
            let place = next.wrappingAdd(step, ordering: .relaxed).newValue % count
            let port = range.lowerBound + UInt16(place)
            if isEven, port % 2 != 0 { continue }
            if let result = bind(port) { return result }
        }
        return nil
    }
}
