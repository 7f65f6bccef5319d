import Reactor
import SIP

/// Carries messages over UDP, each path a socket with a port of its own.
final class LoadSockets: LoadCarrier, DatagramHandler {
    private var sockets: [DatagramSocket] = []
    private let receiver: any LoadReceiver
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: messageLimit, alignment: 16)
    private(set) var paths: [LoadPath] = []
    private var lastDrops: UInt64 = 0

    let isReliable = false

    /// Takes sockets that are bound; on the lane.
    init(_ bound: [BoundDatagramSocket], on lane: Lane, _ receiver: any LoadReceiver) throws(SocketError) {
        self.receiver = receiver
        for (index, socket) in bound.enumerated() {
            let opened = try lane.open(socket, tag: UInt64(index), handler: self)
            sockets.append(opened)
            paths.append(LoadPath(index: index, local: opened.localAddress))
        }
    }

    deinit { scratch.deallocate() }

    var drops: UInt64 { sockets.isEmpty ? lastDrops : sockets.reduce(0) { $0 + UInt64($1.kernelDrops ?? 0) } }

    func isOpen(_ path: Int) -> Bool { path < sockets.count }

    func reserve() -> UnsafeMutableRawBufferPointer { scratch }

    func commit(_ count: Int, path: Int, to remote: TransportAddress) {
        guard path < sockets.count else { return }
        let room = sockets[path].reserve(count)
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        sockets[path].commit(count, to: remote)
    }

    func close() {
        lastDrops = drops
        for socket in sockets { socket.close() }
        sockets = []
    }

    // MARK: DatagramHandler

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        for i in 0..<batch.count {
            guard let datagram = batch[i] else { continue }
            receiver.received(datagram.bytes, path: Int(socket.tag), from: datagram.source)
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
}
