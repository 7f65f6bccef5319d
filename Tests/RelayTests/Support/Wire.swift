import Reactor
import Synchronization

/// An end of a call: a socket on a lane of its own, and what has come to it.
final class Wire: DatagramHandler, @unchecked Sendable {
    // Proof of Sendable: `socket` is set before use and touched on the lane only; the rest is synchronised.
    private let lane: Lane
    private var socket: DatagramSocket?
    let address: TransportAddress
    private let arrivals: AsyncStream<(bytes: [UInt8], from: TransportAddress)>
    private let arrive: AsyncStream<(bytes: [UInt8], from: TransportAddress)>.Continuation

    init(_ lane: Lane, on local: TransportAddress = .loopback()) async throws {
        self.lane = lane
        (arrivals, arrive) = AsyncStream.makeStream()
        let bound = try BoundDatagramSocket.bind(local)
        address = bound.localAddress
        let opened = await lane.run { [self] lane -> Bool in
            socket = try? lane.open(bound, handler: self)
            return socket != nil
        }
        precondition(opened)
    }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            arrive.yield((Array(datagram.bytes), datagram.source))
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}

    func send(_ bytes: [UInt8], to destination: TransportAddress) async {
        await lane.run { [self] _ in bytes.withUnsafeBytes { socket?.send($0, to: destination) } }
    }

    /// Sends a datagram so often at once.
    func send(_ bytes: [UInt8], count: Int, to destination: TransportAddress) async {
        await lane.run { [self] _ in
            for _ in 0..<count { bytes.withUnsafeBytes { socket?.sendNow($0, to: destination) } }
        }
    }

    /// The next datagram.
    func next() async -> (bytes: [UInt8], from: TransportAddress)? {
        var iterator = arrivals.makeAsyncIterator()
        return await iterator.next()
    }

    func close() async { await lane.run { [self] _ in socket?.close() } }
}

/// A packet of RTP with a payload.
func packet(_ sequence: UInt8 = 1, source: UInt8 = 1, _ payload: [UInt8] = [1, 2, 3]) -> [UInt8] {
    [0x80, 0, 0, sequence, 0, 0, 0, 0, 0, 0, 0, source] + payload
}

/// A receiver report of RTCP without blocks (RFC 3550 §6.4.2).
func report(source: UInt8 = 1) -> [UInt8] { [0x80, 201, 0, 1, 0, 0, 0, source] }
