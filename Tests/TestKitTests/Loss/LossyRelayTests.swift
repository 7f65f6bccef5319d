import Reactor
import TestKit
import Testing

@Suite struct LossyRelayTests {
    /// Collects what comes to a socket, as the first byte of each datagram and its sender.
    private final class Inbox: DatagramHandler, @unchecked Sendable {
        // Proof of Sendable: touched on the lane only; the stream may be.
        let arrivals: AsyncStream<(UInt8, TransportAddress)>
        private let end: AsyncStream<(UInt8, TransportAddress)>.Continuation

        init() { (arrivals, end) = AsyncStream.makeStream() }

        func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
            for i in 0..<batch.count {
                if let datagram = batch[i], let first = datagram.bytes.first { end.yield((first, datagram.source)) }
            }
        }

        func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
    }

    /// What arrives of a hundred numbered datagrams; the last, a mark, is sent until it comes.
    private func surviving(loss: Double, seed: UInt64) async throws -> (numbers: [UInt8], lost: Int, strays: Int) {
        let relay = try LossyRelay(loss: loss, seed: seed)
        let lane = try Lane(name: "ends")
        let inbox = Inbox()
        let bound = (alice: try BoundDatagramSocket.bind(.loopback()), bob: try BoundDatagramSocket.bind(.loopback()))
        let doors = (alice: try await relay.openDoor(), bob: try await relay.openDoor())
        let addresses = (alice: bound.alice.localAddress, bob: bound.bob.localAddress)
        await relay.connect(doors.alice, to: addresses.alice)
        await relay.connect(doors.bob, to: addresses.bob)
        try await lane.run { (lane) throws(SocketError) in
            let alice = try lane.open(bound.alice, tag: 0, handler: inbox)
            _ = try lane.open(bound.bob, tag: 1, handler: inbox)
            for number in 0..<100 as Range<UInt8> {
                withUnsafeBytes(of: number) { alice.send($0, to: doors.bob) }
            }
            for _ in 0..<200 { withUnsafeBytes(of: UInt8(255)) { alice.send($0, to: doors.bob) } }
        }
        var numbers: [UInt8] = []
        for await (number, source) in inbox.arrivals {
            #expect(source == doors.alice)
            if number == 255 { break }
            numbers.append(number)
        }
        let lost = await relay.passages()[.init(from: doors.alice, to: doors.bob)]?.lost ?? 0
        let strays = await relay.strays()
        lane.stop()
        await lane.stopped()
        await relay.stop()
        return (numbers, lost, strays)
    }

    @Test func theSameSeedLosesTheSame() async throws {
        let first = try await surviving(loss: 0.2, seed: 5)
        #expect(try await surviving(loss: 0.2, seed: 5).numbers == first.numbers)
        #expect(try await surviving(loss: 0.2, seed: 6).numbers != first.numbers)
        #expect((60...95).contains(first.numbers.count))
        #expect(first.numbers == first.numbers.sorted())
        #expect(first.strays == 0)
    }

    @Test func withoutLossAllPass() async throws {
        let outcome = try await surviving(loss: 0, seed: 1)
        #expect(outcome.numbers == Array(0..<100))
        #expect(outcome.lost == 0)
    }
}
