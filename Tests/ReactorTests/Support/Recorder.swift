import Reactor

/// Receives on a lane and passes copies on to the test; answers if it is told how.
final class Recorder: DatagramHandler {
    struct Received: Sendable, Equatable {
        let bytes: [UInt8]
        let source: TransportAddress
        let destination: TransportAddress
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    let received: Mailbox<Received>
    let failures: Mailbox<DatagramFailure>
    private let answer: ((Datagram, DatagramSocket) -> Void)?

    init(
        _ received: Mailbox<Received> = Mailbox(), failures: Mailbox<DatagramFailure> = Mailbox(),
        answer: ((Datagram, DatagramSocket) -> Void)? = nil
    ) {
        self.received = received
        self.failures = failures
        self.answer = answer
    }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            received.post(
                Received(bytes: Array(datagram.bytes), source: datagram.source, destination: datagram.destination))
            answer?(datagram, socket)
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) { failures.post(failure) }

    /// Sends every datagram back, from the address that was asked.
    static func echo(_ datagram: Datagram, _ socket: DatagramSocket) {
        socket.send(datagram.bytes, to: datagram.source, from: datagram.destination)
    }
}

/// A socket on a lane with a recorder, in the hands of a test.
struct Peer: Sendable {
    let address: TransportAddress
    let received = Mailbox<Recorder.Received>()
    let failures = Mailbox<DatagramFailure>()
    private let bound: LaneBound<DatagramSocket>

    init(
        _ lane: Lane, _ address: TransportAddress,
        _ configuration: DatagramSocketConfiguration = DatagramSocketConfiguration(),
        answer: (@Sendable (Datagram, DatagramSocket) -> Void)? = nil
    ) async throws {
        try await self.init(lane, BoundDatagramSocket.bind(address, configuration), answer: answer)
    }

    init(
        _ lane: Lane, _ socket: BoundDatagramSocket, answer: (@Sendable (Datagram, DatagramSocket) -> Void)? = nil
    ) async throws {
        address = socket.localAddress
        let (received, failures) = (received, failures)
        bound = try await lane.run { lane throws(SocketError) in
            let recorder = Recorder(received, failures: failures, answer: answer)
            return LaneBound(try lane.open(socket, tag: 7, handler: recorder), on: lane)
        }
    }

    /// Does something with the socket on its lane.
    func with<Result: Sendable>(_ body: @escaping @Sendable (DatagramSocket) throws(SocketError) -> Result)
        async throws(SocketError)
        -> Result
    {
        try await bound.lane.run { [bound] _ throws(SocketError) in try body(bound.value) }
    }

    func send(_ text: String, to destination: TransportAddress?, from source: TransportAddress? = nil) async throws {
        try await with { socket in Array(text.utf8).withUnsafeBytes { socket.send($0, to: destination, from: source) } }
    }
}
