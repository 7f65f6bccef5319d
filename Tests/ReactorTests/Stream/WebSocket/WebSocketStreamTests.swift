import Reactor
import TestKit
import Testing

/// Messages and control frames: RFC 6455 §5, §7.
@Suite(.timeLimit(.minutes(1))) struct WebSocketStreamTests {
    private func configuration(limit: Int = 65_536, ping: Duration = .zero) -> WebSocketContext {
        var configuration = WebSocketConfiguration(subprotocol: "lines")
        configuration.messageLimit = limit
        configuration.pingInterval = ping
        return WebSocketContext(configuration)
    }

    /// A client whose handshake is done.
    private func client(_ address: TransportAddress) throws -> RawWebSocket {
        let client = try RawWebSocket(to: address)
        #expect(client.open().hasPrefix("HTTP/1.1 101 "))
        return client
    }

    private static func echo(_ connection: StreamConnection, _ event: StreamRecorder.Event) {
        if case .received(let messages) = event { connection.send(messages.map { Array($0.utf8) }) }
    }

    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func messagesGoBothWaysOneByOne(family: TransportAddress.Family) async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: Self.echo)
            let address = try await threads.listen(server, webSocket: configuration(), family: family)
            let client = try client(address)
            for text in [
                "Hello", "", "x\r\ny", String(repeating: "é", count: 200), String(repeating: "z", count: 65_536),
            ]
            where !text.isEmpty {
                client.send(text: text)
                #expect(client.next() == .text(text))
            }
            // Several in one packet are several messages still.
            client.send(RawWebSocket.frame(1, Array("a".utf8)) + RawWebSocket.frame(2, Array("b".utf8)))
            #expect(client.next() == .text("a"))
            #expect(client.next() == .text("b"))
        }
    }

    /// What was sent with the request, before its answer, is not lost.
    @Test func framesBehindTheRequest() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: Self.echo)
            let client = try RawWebSocket(to: try await threads.listen(server, webSocket: configuration()))
            client.send(Array(RawWebSocket.request().utf8) + RawWebSocket.frame(1, Array("early".utf8)))
            #expect(client.head().hasPrefix("HTTP/1.1 101 "))
            #expect(client.next() == .text("early"))
        }
    }

    /// RFC 7118 §4.2: what is no UTF-8 goes in a binary message.
    @Test func bytesGoAsBinary() async throws {
        try await withStreams { threads async throws in
            let bytes: [UInt8] = [0x53, 0xFF, 0x00, 0x80]
            let server = StreamRecorder { connection, event in
                if event == .opened { connection.send([bytes, Array("text".utf8)]) }
            }
            let client = try client(try await threads.listen(server, webSocket: configuration()))
            #expect(client.next() == .binary(bytes))
            #expect(client.next() == .text("text"))
        }
    }

    /// The fragments of RFC 6455 §5.7 and others, with a ping between them.
    @Test func fragmentsAreJoined() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: Self.echo)
            let client = try client(try await threads.listen(server, webSocket: configuration(limit: 10)))
            client.send(RawWebSocket.frame(1, Array("Hel".utf8), isLast: false))
            client.send(RawWebSocket.frame(9, Array("ping".utf8)))
            #expect(client.next() == .pong("ping"))
            client.send(RawWebSocket.frame(0, [], isLast: false) + RawWebSocket.frame(0, Array("lo".utf8)))
            #expect(client.next() == .text("Hello"))
            // A character may be cut in two.
            client.send(RawWebSocket.frame(1, [0xC3], isLast: false) + RawWebSocket.frame(0, [0xA9]))
            #expect(client.next() == .text("é"))
            // As long as the limit, in as many fragments as there are bytes.
            for index in 0..<10 {
                client.send(
                    RawWebSocket.frame(index == 0 ? 2 : 0, [UInt8(ascii: "0") + UInt8(index)], isLast: index == 9))
            }
            #expect(client.next() == .text("0123456789"))
        }
    }

    /// What a client must not send, and the code that it is closed with (§7.4.1).
    @Test(
        arguments: [
            (RawWebSocket.frame(1, [0x41], isMasked: false), 1_002),
            (RawWebSocket.frame(1, [0x41], reserved: 0x40), 1_002),
            (RawWebSocket.frame(3, [0x41]), 1_002), (RawWebSocket.frame(11, []), 1_002),
            (RawWebSocket.frame(0, [0x41]), 1_002),
            (RawWebSocket.frame(1, [0x41], isLast: false) + RawWebSocket.frame(1, [0x41]), 1_002),
            (RawWebSocket.frame(9, [0x41], isLast: false), 1_002),
            (RawWebSocket.frame(9, [UInt8](repeating: 0, count: 126)), 1_002),
            (RawWebSocket.frame(1, [0xFF, 0xFE]), 1_007),
            (RawWebSocket.frame(1, [0xC3], isLast: false) + RawWebSocket.frame(0, [0x41]), 1_007),
            // Too long: by its head alone, by itself, and in fragments.
            (RawWebSocket.frame(1, [], length: 131), 1_009), (RawWebSocket.frame(2, [], length: 1 << 40), 1_009),
            (RawWebSocket.frame(1, [UInt8](repeating: 0x41, count: 131)), 1_009),
            (
                RawWebSocket.frame(1, [UInt8](repeating: 0x41, count: 90), isLast: false)
                    + RawWebSocket.frame(0, [UInt8](repeating: 0x41, count: 41)), 1_009
            ),
            // Close frames with what may not stand in them (§7.4.1).
            (RawWebSocket.frame(8, [0x03]), 1_002), (RawWebSocket.frame(8, [0x03, 0xEC]), 1_002),
            (RawWebSocket.frame(8, [0x03, 0xED]), 1_002), (RawWebSocket.frame(8, [0x03, 0xF7]), 1_002),
            (RawWebSocket.frame(8, [0x00, 0x00]), 1_002), (RawWebSocket.frame(8, [0x03, 0xE8, 0xFF]), 1_002),
        ] as [([UInt8], UInt16)])
    func whoBreaksTheRulesIsClosed(bytes: [UInt8], code: UInt16) async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: Self.echo)
            let client = try client(try await threads.listen(server, webSocket: configuration(limit: 130)))
            #expect(try await server.next() == .opened)
            client.send(bytes)
            #expect(client.next() == .close(code))
            #expect(client.next() == nil)
            client.raw.endOutput()
            guard case .closed(.misframed) = try await server.untilClosed().last else {
                Issue.record("it was closed for another reason")
                return
            }
        }
    }

    /// A close frame is answered with its code, and nothing follows (§5.5.1, §7.1.1).
    @Test(
        arguments: [
            ([], 1_000), ([0x03, 0xE8], 1_000), ([0x03, 0xE9] + Array("bye".utf8), 1_001), ([0x0F, 0xA0], 4_000),
        ] as [([UInt8], UInt16)])
    func aFarewellIsAnswered(body: [UInt8], code: UInt16) async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: Self.echo)
            let client = try client(try await threads.listen(server, webSocket: configuration()))
            client.send(text: "last words")
            client.send(RawWebSocket.frame(8, body) + RawWebSocket.frame(1, Array("nothing".utf8)))
            #expect(client.next() == .text("last words"))
            #expect(client.next() == .close(code))
            #expect(client.next() == nil)
            client.raw.endOutput()
            #expect(try await server.untilClosed() == [.opened, .received(["last words"]), .closed(.remote)])
        }
    }

    /// We close: what was sent comes first, then the farewell.
    @Test func ourFarewell() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                guard event == .opened else { return }
                connection.send(Array("last words".utf8))
                connection.close()
            }
            let client = try client(try await threads.listen(server, webSocket: configuration()))
            #expect(client.next() == .text("last words"))
            #expect(client.next() == .close(1_000))
            client.send(RawWebSocket.frame(8, [0x03, 0xE8]))
            #expect(client.next() == nil)
            client.raw.endOutput()
            #expect(try await server.untilClosed().last == .closed(.local))
        }
    }

    @Test func whoIsShutDownGoesAway() async throws {
        let client: RawWebSocket
        let threads = StreamThreads()
        client = try self.client(try await threads.listen(StreamRecorder(), webSocket: configuration()))
        await threads.shutdown()
        #expect(client.next() == .close(1_001))
        #expect(client.next() == nil)
    }

    /// Nothing comes, the peer is asked, and is gone when it does not answer; one that answers stays.
    @Test func signsOfLife() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let address = try await threads.listen(server, webSocket: configuration(ping: .milliseconds(100)))
            let (alive, dead) = (try client(address), try client(address))
            // The living one answers ten times, longer than the dead one can last.
            for _ in 0..<10 {
                let ping = try #require(alive.next())
                #expect(ping == RawWebSocket.Frame(opcode: 9, bytes: []))
                alive.send(RawWebSocket.frame(10, ping.bytes))
            }
            var ended = 0
            while ended == 0 { if case .closed(.unanswered) = try await server.next() { ended += 1 } }
            #expect(dead.next() == RawWebSocket.Frame(opcode: 9, bytes: []))
            #expect(dead.next() == .close(1_001))
            alive.send(text: "still here")
            while try await server.next() != .received(["still here"]) {}
        }
    }

    /// A message in fragments that is not finished in time.
    @Test func unfinishedFragmentsEnd() async throws {
        try await withStreams { threads async throws in
            var times = StreamConfiguration()
            times.frameTime = .milliseconds(100)
            let server = StreamRecorder()
            let client = try client(try await threads.listen(server, webSocket: configuration(), times))
            client.send(RawWebSocket.frame(1, [0x41], isLast: false))
            #expect(try await server.untilClosed() == [.opened, .closed(.unfinishedFrame)])
            #expect(client.next() == .close(1_002))
        }
    }

    /// Who asks for signs of life without end and does not read them.
    @Test func aFloodOfPingsIsCutOff() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let address = try await threads.listen(server, webSocket: configuration())
            let client = try RawWebSocket(to: address, receiveBuffer: 4_096)
            #expect(client.open().hasPrefix("HTTP/1.1 101 "))
            #expect(try await server.next() == .opened)
            let ping = RawWebSocket.frame(9, [UInt8](repeating: 0x41, count: 125))
            let many = [UInt8]((0..<1_000).map { _ in ping }.joined())
            let flood = Task.detached { for _ in 0..<1_000 { client.sendUnlessBroken(many) } }
            #expect(try await server.next() == .closed(.slowReader))
            await flood.value
        }
    }

    @Test func securely() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: Self.echo)
            let address = try await threads.listen(
                server, webSocket: configuration(), security: world.server([[.address("127.0.0.1")]]))
            let output = try await withPeers { peers in
                let client = try peers.start(
                    PeerCommand("openssl", ["s_client", "-quiet", "-connect", "\(address)"], package: "openssl"))
                for line in RawWebSocket.request().components("\r\n") { try client.write(line: line + "\r") }
                try await client.line(containing: "101 Switching Protocols")
                return client.lines.map(\.text)
            }
            #expect(output.contains { $0.contains("101 Switching Protocols") })
            #expect(try await server.next() == .opened)
        }
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts
    }
}

// Proof of Sendable: a test hands it to one task and waits for that task before it uses it again.
extension RawWebSocket: @unchecked Sendable {
    /// Sends bytes; a connection that the other side has broken takes none.
    func sendUnlessBroken(_ bytes: [UInt8]) { send(bytes) }
}
