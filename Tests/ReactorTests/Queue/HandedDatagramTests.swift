import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct HandedDatagramTests {
    private final class Owner: HandedDatagramReceiver {
        let received = Mailbox<
            (text: String, source: TransportAddress, destination: TransportAddress, words: [UInt64], lane: Int)
        >()

        func received(_ datagram: HandedDatagram, on lane: Lane) {
            let text = datagram.withBytes { String(decoding: $0, as: UTF8.self) }
            #expect(lane.isCurrent && datagram.count == text.utf8.count)
            received.post(
                (text, datagram.source, datagram.destination, [datagram.socket, datagram.context], lane.index))
        }
    }

    @Test func aDatagramGoesToAnotherLane() async throws {
        let lanes = try LaneGroup(name: "hand", count: 2)
        let owner = Owner()
        let server = try await Peer(lanes[0], .loopback()) { datagram, socket in
            let copy = HandedDatagram.copy(of: datagram, socket: socket.tag, context: 5, to: owner)
            lanes[1].send(copy, .sheddable)
        }
        let client = try await Peer(lanes[0], .loopback())
        for text in ["first", "", String(repeating: "long", count: 1_000)] {
            try await client.send(text, to: server.address)
            let received = try await owner.received.next()
            #expect(received.text == text)
            #expect(received.source == client.address)
            #expect(received.destination == server.address)
            #expect(received.words == [7, 5])
            #expect(received.lane == 1)
        }
        lanes.stop()
        await lanes.stopped()
    }
}
