import Reactor
import Synchronization

@testable import ICE

/// A STUN server that answers when it is told to, and then whoever asks; it sees everybody at 192.0.2.99.
final class LateServer: DatagramHandler, @unchecked Sendable {
    // Proof of Sendable: `socket` is touched on the lane only; the rest is constant or synchronised.
    private struct State {
        var isOpen = false
        var waiting: [([UInt8], TransportAddress)] = []
    }

    private let lane: Lane
    private var socket: DatagramSocket?
    private let state = Mutex(State())
    let address: TransportAddress

    init() async throws {
        let lane = try Lane(name: "stun")
        let bound = try BoundDatagramSocket.bind(.loopback())
        self.lane = lane
        address = bound.localAddress
        await lane.run { [self] in socket = try? $0.open(bound, handler: self) }
    }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            let request = (Array(datagram.bytes), datagram.source)
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(request) }
                return state.isOpen
            }
            if isOpen { answer(request) }
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}

    /// Answers from now on, those too who have asked before.
    func open() async {
        await lane.run { [self] _ in
            let waiting = state.withLock { state in
                state.isOpen = true
                return state.waiting
            }
            for request in waiting { answer(request) }
        }
    }

    private func answer(_ request: ([UInt8], TransportAddress)) {
        guard let message = try? STUNMessage(parsing: request.0.span.bytes) else { return }
        let seen = STUNAddress(ip4: 0xC000_0263, port: request.1.port)
        let bytes = STUNWriter.message(.success, .binding, message.transaction) { writer, bytes in
            try writer.add(.xorMappedAddress, seen, into: &bytes)
        }
        bytes?.withUnsafeBytes { socket?.send($0, to: request.1) }
    }

    func stop() async {
        lane.stop()
        await lane.stopped()
    }
}
