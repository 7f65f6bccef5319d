import Glibc
import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func linesComeAndGo(family: TransportAddress.Family) async throws {
        try await withStreams { threads async throws in
            let (server, client) = (StreamRecorder(answer: StreamRecorder.echo), StreamRecorder())
            let address = try await threads.listen(server, family)
            #expect(address.port != 0 && address.family == family)
            let connection = threads.connector(client).connect(to: address, tag: 9)
            #expect(connection.isOpen)
            #expect(connection.send(Array("early\n".utf8)))
            #expect(try await client.next() == .opened)
            #expect(try await client.next() == .received(["early"]))
            let accepted = try await server.events.next().connection
            #expect(accepted.remoteAddress == connection.localAddress)
            #expect(accepted.localAddress == address)
            #expect(connection.remoteAddress == address)
            #expect(accepted.id != connection.id)
            #expect([accepted.tag, connection.tag] == [3, 9])
            #expect([accepted.isOutbound, connection.isOutbound] == [false, true])
            #expect(connection.send(["a\n", "b\nc", "\n"].map { Array($0.utf8) }))
            #expect(try await client.lines(3) == ["a", "b", "c"])
            #expect(connection.waitingBytes == 0)
            connection.close()
            #expect(!connection.isOpen)
            #expect(!connection.send([1]))
            #expect(try await client.next() == .closed(.local))
            #expect(try await server.untilClosed().last == .closed(.remote))
            let statistics = threads.statistics
            #expect(statistics.accepted == 1 && statistics.connected == 1)
            #expect(statistics.bytesReceived == 24 && statistics.bytesSent == 24)
            #expect(statistics.framesReceived == 8)
        }
    }

    @Test func framesOfOneReadComeInOneBatch() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let raw = try RawStream(to: try await threads.listen(server))
            #expect(try await server.next() == .opened)
            raw.send("1\n2\n3\n4")
            #expect(try await server.next() == .received(["1", "2", "3"]))
            raw.send("4\n")
            #expect(try await server.next() == .received(["44"]))
        }
    }

    @Test func sendersOnManyThreadsKeepTheirOrder() async throws {
        try await withStreams(count: 2) { threads async throws in
            let (server, client) = (StreamRecorder(), StreamRecorder())
            let connection = threads.connector(client).connect(to: try await threads.listen(server))
            await withTaskGroup { group in
                for sender in 0..<4 {
                    group.addTask {
                        for number in 0..<2_000 { _ = connection.send(Array("\(sender) \(number)\n".utf8)) }
                    }
                }
            }
            let lines = try await server.lines(8_000)
            for sender in 0..<4 {
                let own = lines.filter { $0.hasPrefix("\(sender) ") }
                #expect(own == (0..<2_000).map { "\(sender) \($0)" })
            }
        }
    }

    @Test func aSecondListenerOnThePortFails() async throws {
        try await withStreams { threads async throws in
            let address = try await threads.listen(StreamRecorder())
            let error = await #expect(throws: SocketError.self) {
                try await StreamListener.bind(address, on: threads, framer: { LineFramer() }, handler: StreamRecorder())
            }
            #expect(error?.code == .addressInUse)
            #expect(error?.description.contains("port \(address.port) is in use; stop the program") == true)
        }
    }

    @Test func aClosedListenerAcceptsNoMore() async throws {
        try await withStreams { threads async throws in
            let (server, client) = (StreamRecorder(answer: StreamRecorder.echo), StreamRecorder())
            let listener = try await StreamListener.bind(
                .loopback(), on: threads, framer: { LineFramer() }, handler: server)
            let first = threads.connector(client).connect(to: listener.localAddress)
            #expect(try await client.next() == .opened)
            await listener.close()
            await listener.close()
            // A process that another test starts has a copy of the socket for a moment: then the kernel still makes connections, which
            // nobody accepts.
            var event = StreamRecorder.Event.opened
            while event == .opened {
                let late = StreamRecorder()
                let second = threads.connector(late).connect(to: listener.localAddress)
                event = try await late.next()
                second.abort()
            }
            let refused = SocketError(ECONNREFUSED, "connect TCP", listener.localAddress)
            #expect(event == .closed(.notConnected(refused)))
            #expect(first.send(Array("still\n".utf8)))
            #expect(try await client.next() == .received(["still"]))
            #expect(threads.statistics.connectErrors == 1)
            #expect(threads.statistics.accepted == 1)
        }
    }

    @Test func theLocalAddressCanBeChosen() async throws {
        try await withStreams { threads async throws in
            let (server, client) = (StreamRecorder(), StreamRecorder())
            let local = try #require(TransportAddress("127.0.0.2:0"))
            let connection = threads.connector(client).connect(to: try await threads.listen(server), from: local)
            #expect(try await server.events.next().connection.remoteAddress.ip == "127.0.0.2")
            #expect(try await client.next() == .opened)
            #expect(connection.localAddress?.ip == "127.0.0.2")
        }
    }

    /// A system whose queue for connections is full does not answer: the kernel drops what comes to begin one.
    @Test func connectingTakesNoLongerThanItMay() async throws {
        let full = socket(AF_INET, Int32(bitPattern: SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(full) }
        #expect(RawStream.call(.loopback()) { bind(full, $0, $1) } == 0)
        #expect(listen(full, 0) == 0)
        var storage = [UInt8](repeating: 0, count: 28)
        var length: socklen_t = 28
        let address = try storage.withUnsafeMutableBytes { bytes in
            getsockname(full, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length)
            return try #require(TransportAddress(socketAddress: bytes.baseAddress!, length: Int(length)))
        }
        let filler = try RawStream(to: address)
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.connectTime = .milliseconds(200)
            let client = StreamRecorder()
            let connection = threads.connector(client, configuration).connect(to: address)
            #expect(connection.send(Array("lost\n".utf8)))
            #expect(try await client.next() == .closed(.notConnected(SocketError(ETIMEDOUT, "connect TCP", address))))
            // One that is given up before its time has come.
            let second = threads.connector(client).connect(to: address)
            second.abort()
            #expect(try await client.next() == .closed(.local))
        }
        withExtendedLifetime(filler) {}
    }

    @Test func whatWasGivenIsSentBeforeClosing() async throws {
        try await withStreams { threads async throws in
            let (server, client) = (StreamRecorder(), StreamRecorder())
            let address = try await threads.listen(server)
            // Closed while it is being made.
            let connection = threads.connector(client).connect(to: address)
            let lines = (0..<1_000).map { "line \($0)" }
            #expect(connection.send(lines.map { Array("\($0)\n".utf8) }))
            connection.close()
            #expect(!connection.send(Array("late\n".utf8)))
            #expect(try await server.lines(1_000) == lines)
            #expect(try await client.untilClosed() == [.opened, .closed(.local)])
        }
    }

    @Test func shutdownEndsEverything() async throws {
        let threads = StreamThreads()
        let (server, client) = (StreamRecorder(), StreamRecorder())
        let address = try await threads.listen(server)
        let connection = threads.connector(client).connect(to: address)
        #expect(try await client.next() == .opened)
        #expect(try await server.next() == .opened)
        await threads.shutdown()
        // Whichever side is closed first is shut down; the other may see that first.
        let reasons = [try await client.next(), try await server.next()]
        #expect(reasons.contains(.closed(.shutdown)))
        #expect(!connection.send([1]))
        let late = threads.connector(client).connect(to: address)
        #expect(!late.isOpen)
        #expect(try await client.next() == .closed(.shutdown))
        await threads.shutdown()
    }

    @Test func identitiesAreNeverUsedAgain() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let address = try await threads.listen(server)
            var last: UInt64 = 0
            for _ in 0..<20 {
                let raw = try RawStream(to: address)
                let id = try await server.nextOpened().id
                #expect(id.number > last)
                last = id.number
                withExtendedLifetime(raw) {}
            }
        }
    }
}
