import CLinux
import Glibc
import Synchronization

/// How a UDP socket is set up.
public struct DatagramSocketConfiguration: Hashable, Sendable {
    /// Receive buffer in the kernel, in bytes; clamped to `net.core.rmem_max` unless the process may exceed it. The default holds
    /// about 2,000 requests: 20 ms of a flood that a lane can just serve.
    public var receiveBuffer = 4_194_304

    /// Send buffer in the kernel, in bytes; clamped to `net.core.wmem_max` likewise.
    public var sendBuffer = 1_048_576

    /// Bytes of datagrams that are kept while the kernel has no room; what does not fit is dropped and counted.
    public var sendBacklog = 262_144

    /// Most datagrams read at once; nil for what the lane allows. 1 is best for sockets that seldom hold more than one.
    public var receiveBatch: Int?

    /// Differentiated services code point of what is sent, 0 to 63 (RFC 2474): 24 (CS3) or 40 (CS5) for signalling, 46 (EF) for voice
    /// (RFC 4594 §2.3).
    public var codePoint = 0

    /// The defaults: a busy socket for signalling.
    public init() {}

    /// For one leg of a call: small buffers, no backlog (late voice is worth nothing), one datagram at a time.
    public static var media: DatagramSocketConfiguration {
        var configuration = DatagramSocketConfiguration()
        configuration.receiveBuffer = 131_072
        configuration.sendBuffer = 131_072
        configuration.sendBacklog = 0
        configuration.receiveBatch = 1
        configuration.codePoint = 46
        return configuration
    }
}

/// A UDP socket that is bound to its address and waits to be opened on a lane.
///
/// Binding is apart from opening so that a server can bind all of its addresses, and fail with a clear error, before anything runs.
/// A socket that is never opened is closed when it is released.
public final class BoundDatagramSocket: Sendable {
    /// The address that it is bound to, with the port that the kernel has chosen if 0 was asked.
    public let localAddress: TransportAddress

    /// How it was set up.
    public let configuration: DatagramSocketConfiguration

    private let descriptor: Mutex<Descriptor?>

    /// Wraps a descriptor that is bound to `address`, or to what the kernel has made of it.
    init(_ descriptor: consuming Descriptor, _ address: TransportAddress, _ configuration: DatagramSocketConfiguration)
    {
        localAddress = TransportAddress(localAddressOf: descriptor.number) ?? address
        self.configuration = configuration
        self.descriptor = Mutex(descriptor)
    }

    /// Binds one socket that no other can share. Throws `SocketError` with code `addressInUse` when the port is taken.
    public static func bind(
        _ address: TransportAddress, _ configuration: DatagramSocketConfiguration = DatagramSocketConfiguration()
    ) throws(SocketError) -> BoundDatagramSocket {
        try bind(address, sharing: false, configuration)
    }

    /// Binds `count` sockets to one address, one for each lane; the kernel spreads the senders over them.
    ///
    /// The first is bound alone, so that a port which another program holds is an error although the sockets share theirs. It
    /// stays bound from then on: there is no moment at which another could take the port.
    public static func bind(
        _ address: TransportAddress, count: Int,
        _ configuration: DatagramSocketConfiguration = DatagramSocketConfiguration()
    ) throws(SocketError) -> [BoundDatagramSocket] {
        guard count > 0 else { return [] }
        let first = try bind(address, configuration)
        var sockets = [first]
        guard count > 1 else { return sockets }
        // Linux admits the option on a bound socket, and forms the group when the next one joins.
        guard first.allowSharing() else { throw SocketError.last("share UDP", first.localAddress) }
        for _ in 1..<count { sockets.append(try bind(first.localAddress, sharing: true, configuration)) }
        return sockets
    }

    private static func bind(
        _ address: TransportAddress, sharing: Bool, _ configuration: DatagramSocketConfiguration
    ) throws(SocketError) -> BoundDatagramSocket {
        let descriptor = try Descriptor(
            opened: linux_open_socket(address.socketFamily, false), by: "open UDP", address)
        let number = descriptor.number
        if sharing { SocketOptions.set(number, SOL_SOCKET, SO_REUSEPORT, 1) }
        if address.isIPv6 { SocketOptions.set(number, ProtocolLevel.ipv6, IPV6_V6ONLY, 1) }
        configure(number, address, configuration)
        guard address.withSocketAddress({ Glibc.bind(number, $0, $1) }) == 0 else {
            throw SocketError.last("bind UDP", address)
        }
        return BoundDatagramSocket(descriptor, address, configuration)
    }

    /// Options without which a socket still works: a kernel that lacks one is no reason to refuse service.
    private static func configure(
        _ number: Int32, _ address: TransportAddress, _ configuration: DatagramSocketConfiguration
    ) {
        setBuffer(number, SO_RCVBUFFORCE, SO_RCVBUF, configuration.receiveBuffer)
        setBuffer(number, SO_SNDBUFFORCE, SO_SNDBUF, configuration.sendBuffer)
        SocketOptions.set(number, SOL_SOCKET, SO_RXQ_OVFL, 1)
        if configuration.codePoint != 0 { mark(number, isIPv6: address.isIPv6, configuration.codePoint) }
        if address.isIPv6 {
            SocketOptions.set(number, ProtocolLevel.ipv6, IPV6_RECVERR, 1)
            if address.isWildcard { SocketOptions.set(number, ProtocolLevel.ipv6, IPV6_RECVPKTINFO, 1) }
        } else {
            SocketOptions.set(number, ProtocolLevel.ip, IP_RECVERR, 1)
            if address.isWildcard { SocketOptions.set(number, ProtocolLevel.ip, IP_PKTINFO, 1) }
        }
    }

    /// Has what a socket sends carry a differentiated services code point (RFC 2474 §3).
    static func mark(_ number: Int32, isIPv6: Bool, _ codePoint: Int) {
        let trafficClass = Int32(codePoint & 63) << 2
        if isIPv6 {
            SocketOptions.set(number, ProtocolLevel.ipv6, IPV6_TCLASS, trafficClass)
        } else {
            SocketOptions.set(number, ProtocolLevel.ip, IP_TOS, trafficClass)
        }
    }

    /// Beyond the system's limit if the process has the privilege, else as far as that goes.
    private static func setBuffer(_ number: Int32, _ forced: Int32, _ plain: Int32, _ bytes: Int) {
        let value = Int32(clamping: bytes)
        if !SocketOptions.set(number, SOL_SOCKET, forced, value) { SocketOptions.set(number, SOL_SOCKET, plain, value) }
    }

    private func allowSharing() -> Bool {
        descriptor.withLock { descriptor in
            switch descriptor {
            case .some(let open): SocketOptions.set(open.number, SOL_SOCKET, SO_REUSEPORT, 1)
            case .none: false
            }
        }
    }

    /// Gives the descriptor to the lane's socket.
    func take() throws(SocketError) -> Descriptor {
        let taken = descriptor.withLock { $0.take() }
        guard let taken else { throw SocketError(EBADF, "open UDP", localAddress) }
        return taken
    }
}
