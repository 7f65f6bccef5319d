import Glibc
import Synchronization

/// Ports on a loopback address that were found free for UDP and for TCP, and stay with one test.
///
/// The sockets that prove a port free are held until ``release()``, just before the program that shall own the
/// port starts; the number is never given twice by one process. The numbers lie below the range from which the
/// kernel takes ports for sockets that ask for any, so that no other socket of the machine
/// slips in between release and use.
public final class PortReservation: Sendable {
    /// The first port; the others follow it without a gap.
    public let port: UInt16
    /// How many ports are reserved.
    public let count: Int

    private let sockets: Mutex<[Int32]>

    /// Where ports are looked for: above those of well-known services, below Linux' default
    /// `net.ipv4.ip_local_port_range`, which starts at 32768.
    public static let range: ClosedRange<UInt16> = 12_000...31_999

    /// How many places are tried before giving up.
    static let attempts = 200

    private static let given = Mutex<Set<UInt16>>([])

    /// Reserves ports on one loopback address.
    ///
    /// - Parameters:
    ///   - count: how many ports in a row (a program may take its neighbours for other transports).
    ///   - address: `127.0.0.1` (or another of 127.0.0.0/8) or `::1`.
    /// - Throws: ``PeerError`` with the code `noPort`.
    public init(count: Int = 1, on address: String = "127.0.0.1") throws(PeerError) {
        for _ in 0..<Self.attempts {
            let first = UInt16.random(in: Self.range.lowerBound...(Self.range.upperBound - UInt16(count - 1)))
            let wanted = (0..<UInt16(count)).map { first + $0 }
            let isNew = Self.given.withLock { given in
                guard given.isDisjoint(with: wanted) else { return false }
                given.formUnion(wanted)
                return true
            }
            guard isNew, let held = Self.hold(wanted, on: address) else { continue }
            port = first
            self.count = count
            sockets = Mutex(held)
            return
        }
        throw PeerError(.noPort, "no \(count) free ports in a row on \(address) between \(Self.range)")
    }

    deinit { release() }

    /// Closes the sockets that held the ports: the next program may bind them.
    public func release() {
        let held = sockets.withLock { sockets in
            defer { sockets.removeAll() }
            return sockets
        }
        for socket in held { close(socket) }
    }

    /// Binds UDP and TCP on all ports, or none.
    private static func hold(_ ports: [UInt16], on address: String) -> [Int32]? {
        var held: [Int32] = []
        for port in ports {
            for type in [SOCK_DGRAM, SOCK_STREAM] {
                guard let socket = bound(type, to: SocketAddress(address, port)) else {
                    for socket in held { close(socket) }
                    return nil
                }
                held.append(socket)
            }
        }
        return held
    }

    private static func bound(_ type: __socket_type, to address: SocketAddress?) -> Int32? {
        guard let address else { return nil }
        let descriptor = socket(address.family, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let status = address.withPointer { bind(descriptor, $0, $1) }
        guard status == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
