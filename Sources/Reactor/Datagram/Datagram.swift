/// A datagram in the receive arena of a lane: plain words and pointers, valid until the handler returns.
public struct Datagram {
    /// The payload. The memory is used again when the handler has returned: copy what is to be kept.
    public let bytes: UnsafeRawBufferPointer

    /// Who sent it.
    public let source: TransportAddress

    /// The local address that it was sent to: give it as the source of the answer.
    public let destination: TransportAddress

    /// A datagram as a lane would give it to a handler; for what drives handlers without sockets.
    public init(bytes: UnsafeRawBufferPointer, source: TransportAddress, destination: TransportAddress) {
        self.bytes = bytes
        self.source = source
        self.destination = destination
    }
}

/// The datagrams that one system call has received from one socket.
public struct DatagramBatch: ~Copyable {
    /// Number of datagrams, 1 or more.
    public let count: Int

    private let arena: UnsafeMutablePointer<ReceiveArena>
    private let local: TransportAddress
    private let asksPacketInfo: Bool

    init(_ arena: UnsafeMutablePointer<ReceiveArena>, count: Int, local: TransportAddress, asksPacketInfo: Bool) {
        self.arena = arena
        self.count = count
        self.local = local
        self.asksPacketInfo = asksPacketInfo
    }

    /// The datagram at a place in the batch, 0 for the first. Nil when it was longer than the lane's limit, and cut.
    public subscript(index: Int) -> Datagram? {
        precondition(index >= 0 && index < count, "no such datagram in the batch")
        guard !arena.pointee.isTruncated(index), let source = arena.pointee.source(index) else { return nil }
        var destination = local
        if asksPacketInfo {
            for item in arena.pointee.control(index) {
                if let asked = item.packetInfo(port: local.port) { destination = asked }
            }
        }
        return Datagram(bytes: arena.pointee.bytes(index), source: source, destination: destination)
    }
}

/// Receives the datagrams of a socket and what the network says about those that were sent.
public protocol DatagramHandler: AnyObject {
    /// Called on the lane when datagrams have come. The batch and its bytes are valid until the call returns.
    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket)

    /// Called on the lane when a datagram did not reach its destination.
    func failed(_ failure: DatagramFailure, on socket: DatagramSocket)
}

/// The report that a datagram did not reach its destination.
public struct DatagramFailure: Hashable, Sendable {
    /// Who found out.
    public enum Origin: Hashable, Sendable {
        /// A host on the way or the destination itself, by ICMP; some time after sending.
        case network
        /// This machine, when it was to send.
        case local
    }

    /// Where the datagram was going.
    public let destination: TransportAddress

    /// The reason: `refused` when nobody listens there, `unreachable`, `tooLarge` …
    public let error: SocketError

    /// Who found out.
    public let origin: Origin

    /// The host that reported it, if one did; with port 0.
    public let reporter: TransportAddress?

    /// The largest packet that fits the path, in bytes with all headers, when it was too large (RFC 1191); else nil.
    public let pathMTU: Int?

    /// The beginning of the payload that failed: all of it when the origin is local, what ICMP quotes otherwise (RFC 792: eight
    /// bytes behind the IP header at least, so perhaps none; routers and Linux quote more).
    public let payload: [UInt8]
}
