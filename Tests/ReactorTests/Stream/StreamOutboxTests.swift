import Reactor
import Testing

/// What a sender gives to connections in one turn.
@Suite(.timeLimit(.minutes(1))) struct StreamOutboxTests {
    private func send(_ text: String, on connection: StreamConnection, by outbox: inout StreamOutbox) -> Bool {
        Array(text.utf8).withUnsafeBytes { outbox.send($0, on: connection) }
    }

    /// Connections of two threads, in turn; each gets all of its lines, in their order and with what others send between them.
    @Test func manyMessagesOfATurnArriveInOrder() async throws {
        try await withStreams(count: 2) { threads async throws in
            let client = StreamRecorder()
            var servers: [StreamRecorder] = []
            var connections: [StreamConnection] = []
            for _ in 0..<4 {
                let server = StreamRecorder()
                connections.append(threads.connector(client).connect(to: try await threads.listen(server)))
                #expect(try await server.next() == .opened)
                servers.append(server)
            }
            var outbox = StreamOutbox()
            for number in 0..<500 {
                for connection in connections {
                    #expect(send("\(number)\n", on: connection, by: &outbox))
                    if number % 100 == 99 { #expect(connection.send(Array("between \(number)\n".utf8))) }
                }
                if number % 250 == 249 { outbox.flush() }
            }
            let expected = (0..<500).flatMap { $0 % 100 == 99 ? ["\($0)", "between \($0)"] : ["\($0)"] }
            for server in servers { #expect(try await server.lines(expected.count) == expected) }
        }
    }

    /// On the thread of the connections what is flushed leaves within the call, with nobody to be woken.
    @Test func onTheThreadOfTheConnectionsNothingIsPutOff() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                guard case .received(let lines) = event else { return }
                var outbox = StreamOutbox()
                for line in lines { Array("\(line)!\n".utf8).withUnsafeBytes { _ = outbox.send($0, on: connection) } }
                let waiting = connection.waitingBytes
                outbox.flush()
                connection.send(Array("\(waiting) waited, \(connection.waitingBytes) wait\n".utf8))
            }
            let client = StreamRecorder()
            let connection = threads.connector(client).connect(to: try await threads.listen(server))
            connection.send([Array("a\n".utf8), Array("bc\n".utf8)])
            #expect(try await client.lines(3) == ["a!", "bc!", "7 waited, 0 wait"])
        }
    }

    @Test func aSlowReaderIsCutOff() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.outboundLimit = 1_000
            let server = StreamRecorder()
            let slow = try RawStream(to: try await threads.listen(server, .ipv4, configuration))
            let connection = try await server.nextOpened()
            var outbox = StreamOutbox()
            let line = String(repeating: "x", count: 399) + "\n"
            #expect(send(line, on: connection, by: &outbox))
            #expect(send(line, on: connection, by: &outbox))
            // What is gathered counts, though nothing was given to the kernel yet.
            #expect(connection.waitingBytes == 800)
            #expect(!send(line, on: connection, by: &outbox))
            outbox.flush()
            #expect(try await server.next() == .closed(.slowReader))
            #expect(!send(line, on: connection, by: &outbox))
            withExtendedLifetime(slow) {}
        }
    }

    /// What was gathered for a connection that ends in the turn is lost with it, and does the others no harm.
    @Test func aConnectionMayEndInTheTurn() async throws {
        try await withStreams { threads async throws in
            let (servers, client) = ([StreamRecorder(), StreamRecorder()], StreamRecorder())
            var connections: [StreamConnection] = []
            for server in servers {
                connections.append(threads.connector(client).connect(to: try await threads.listen(server)))
                #expect(try await server.next() == .opened)
            }
            var outbox = StreamOutbox()
            for connection in connections { #expect(send("gathered\n", on: connection, by: &outbox)) }
            connections[0].abort()
            let end = try await servers[0].untilClosed()
            #expect(!end.contains(.received(["gathered"])))
            #expect(!send("late\n", on: connections[0], by: &outbox))
            outbox.flush()
            #expect(try await servers[1].lines(1) == ["gathered"])
        }
    }

    /// One that closes in the turn sends what it was given before.
    @Test func closingGivesWhatWasGathered() async throws {
        try await withStreams { threads async throws in
            let (server, client) = (StreamRecorder(), StreamRecorder())
            let connection = threads.connector(client).connect(to: try await threads.listen(server))
            #expect(try await server.next() == .opened)
            var outbox = StreamOutbox()
            #expect(send("last\n", on: connection, by: &outbox))
            connection.close()
            #expect(!send("too late\n", on: connection, by: &outbox))
            #expect(try await server.lines(1) == ["last"])
            outbox.flush()
            #expect(try await server.untilClosed() == [.inputEnded, .closed(.remote)])
        }
    }
}
