import Reactor
import Testing

/// A port that connections are taken at and made from.
@Suite(.timeLimit(.minutes(1))) struct BoundStreamSocketTests {
    @Test func connectionsAreTakenAndMadeAtOnePort() async throws {
        try await withStreams { threads async throws in
            let (own, peer) = (StreamRecorder(answer: StreamRecorder.echo), StreamRecorder())
            let others = [try await threads.listen(peer), try await threads.listen(peer)]
            let socket = try BoundStreamSocket.listen(.loopback(), backlog: 4)
            let address = socket.localAddress
            let listener = StreamListener.accept(
                at: socket, on: threads, tag: 9, framer: { LineFramer() }, handler: own)
            #expect(listener.localAddress == address)
            for other in others {
                _ = threads.connector(own).connect(to: other, from: address, sharesPort: true)
                let made = try await own.nextOpened()
                #expect(made.isOutbound && made.localAddress == address)
                #expect(try await peer.nextOpened().remoteAddress == address)
            }
            // Who comes to the port meanwhile is taken.
            let raw = try RawStream(to: address)
            let taken = try await own.nextOpened()
            #expect(!taken.isOutbound && taken.tag == 9)
            raw.send("x\n")
            #expect(raw.some() == "x\n")
            listener.closeSoon()
            await listener.close()
        }
    }

    @Test func nobodyElseHasThePort() throws {
        let socket = try BoundStreamSocket.listen(.loopback(), backlog: 4)
        #expect(throws: SocketError.self) { try BoundStreamSocket.listen(socket.localAddress, backlog: 4) }
        withExtendedLifetime(socket) {}
    }
}
