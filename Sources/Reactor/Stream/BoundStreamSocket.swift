import CLinux
import Glibc
import Synchronization

/// A TCP socket that listens at its address and waits to be given to a ``StreamListener``: connections to others may be made from the same
/// address (`StreamConnector.connect` with `sharesPort`), as TURN wants it (RFC 6062 §5.2).
///
/// A socket that is never given to one is closed when it is released.
public final class BoundStreamSocket: Sendable {
    /// The address that it is bound to, with the port that the kernel has chosen if 0 was asked.
    public let localAddress: TransportAddress

    private let descriptor: Mutex<Descriptor?>

    private init(_ descriptor: consuming Descriptor, _ address: TransportAddress) {
        localAddress = TransportAddress(localAddressOf: descriptor.number) ?? address
        self.descriptor = Mutex(descriptor)
    }

    /// Binds a socket and has it listen. Throws `SocketError` with code `addressInUse` when the port is taken, also by a socket of
    /// this kind.
    ///
    /// - Parameter backlog: connections that the system holds until they are accepted.
    public static func listen(_ address: TransportAddress, backlog: Int32) throws(SocketError) -> BoundStreamSocket {
        let descriptor = try Descriptor(
            opened: linux_open_socket(address.socketFamily, true), by: "open TCP", address)
        let number = descriptor.number
        if address.isIPv6 { SocketOptions.set(number, ProtocolLevel.ipv6, IPV6_V6ONLY, 1) }
        guard address.withSocketAddress({ Glibc.bind(number, $0, $1) }) == 0 else {
            throw SocketError.last("bind TCP", address)
        }
        // Linux admits the option on a bound socket: nobody else had the port before, and those who share it name it.
        guard SocketOptions.set(number, SOL_SOCKET, SO_REUSEPORT, 1) else {
            throw SocketError.last("share TCP", address)
        }
        guard Glibc.listen(number, backlog) == 0 else { throw SocketError.last("listen on TCP", address) }
        return BoundStreamSocket(descriptor, address)
    }

    /// The descriptor, once, with the duty to close it.
    func take() -> Int32? {
        descriptor.withLock { descriptor in
            guard let taken = descriptor.take() else { return nil }
            return taken.release()
        }
    }
}
