import Reactor
import Testing

/// The opening handshake: RFC 6455 §4.2, RFC 7118 §4.1.
@Suite(.timeLimit(.minutes(1))) struct WebSocketHandshakeTests {
    private func withWebSockets(
        origins: [String] = [], _ body: (TransportAddress, StreamRecorder, StreamThreads) async throws -> Void
    ) async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            var configuration = WebSocketConfiguration(subprotocol: "lines")
            configuration.origins = origins
            let address = try await threads.listen(server, webSocket: WebSocketContext(configuration))
            try await body(address, server, threads)
        }
    }

    /// The key and its answer are those of RFC 6455 §1.3.
    @Test func theExampleOfTheRFC() async throws {
        try await withWebSockets { address, server, _ in
            let client = try RawWebSocket(to: address)
            let lines = Set(client.open().split(separator: "\r\n").map(String.init))
            #expect(
                lines == [
                    "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Protocol: lines",
                ])
            #expect(try await server.next() == .opened)
        }
    }

    /// Fields are lists, their names and tokens have no case, and what stands beside them does not disturb.
    @Test(arguments: [
        ["Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade"], ["Sec-WebSocket-Protocol": "other, lines"],
        ["Sec-WebSocket-Extensions": "permessage-deflate"], ["Origin": "https://anywhere.example"], ["Cookie": "a=b"],
    ])
    func whatIsTaken(changes: [String: String?]) async throws {
        try await withWebSockets { address, server, _ in
            let client = try RawWebSocket(to: address)
            let answer = client.open(changes)
            #expect(answer.hasPrefix("HTTP/1.1 101 "))
            #expect(!answer.contains("Extensions"))
            #expect(try await server.next() == .opened)
        }
    }

    @Test(
        arguments: [
            (["Upgrade": nil], 426), (["Upgrade": "h2c"], 426), (["Connection": "close"], 426),
            (["Sec-WebSocket-Version": "8"], 426), (["Sec-WebSocket-Version": nil], 426),
            (["Sec-WebSocket-Key": nil], 400), (["Sec-WebSocket-Key": "short=="], 400),
            (["Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j?Q=="], 400), (["Host": nil], 400),
            (["Sec-WebSocket-Protocol": nil], 400), (["Sec-WebSocket-Protocol": "LINES, chat"], 400),
        ] as [([String: String?], Int)])
    func whatIsRefused(changes: [String: String?], status: Int) async throws {
        try await withWebSockets { address, server, threads in
            let client = try RawWebSocket(to: address)
            let answer = client.open(changes)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            if status == 426, changes["Sec-WebSocket-Version"] != nil {
                #expect(answer.contains("\r\nSec-WebSocket-Version: 13"))
            }
            guard case .refused(.notUpgraded(let reason)) = try await server.next() else {
                Issue.record("the connection was opened")
                return
            }
            #expect(reason.hasPrefix("\(status): "))
            #expect(threads.statistics.handshakeErrors == 1)
        }
    }

    @Test(arguments: ["POST /chat HTTP/1.1", "GET /chat HTTP/1.0"])
    func otherRequestsAreToldWhatIsSpoken(line: String) async throws {
        try await withWebSockets { address, _, _ in
            let client = try RawWebSocket(to: address)
            client.send(Array(RawWebSocket.request(line: line).utf8))
            #expect(client.head().hasPrefix("HTTP/1.1 426 "))
        }
    }

    /// RFC 6455 §10.2: pages of other origins may not connect; programs that are no browsers name none.
    @Test(
        arguments: [
            (["Origin": "https://phone.example"], true), (["Origin": "HTTPS://Phone.Example"], true), ([:], true),
            (["Origin": "https://evil.example"], false), (["Origin": "http://phone.example"], false),
            (["Origin": "https://phone.example.evil.example"], false), (["Origin": "null"], false),
        ] as [([String: String?], Bool)])
    func onlyPagesOfWelcomeOrigins(changes: [String: String?], isWelcome: Bool) async throws {
        try await withWebSockets(origins: ["https://phone.example", "https://other.example"]) { address, _, _ in
            let client = try RawWebSocket(to: address)
            #expect(client.open(changes).hasPrefix(isWelcome ? "HTTP/1.1 101 " : "HTTP/1.1 403 "))
        }
    }

    @Test func theListOfOriginsCanChange() async throws {
        try await withStreams { threads async throws in
            var configuration = WebSocketConfiguration(subprotocol: "lines")
            let context = WebSocketContext(configuration)
            let address = try await threads.listen(StreamRecorder(), webSocket: context)
            for (origins, status) in [([], 101), (["https://a.example"], 403), (["https://b.example"], 101)] {
                configuration.origins = origins
                context.replace(with: configuration)
                let client = try RawWebSocket(to: address)
                #expect(client.open(["Origin": "https://b.example"]).hasPrefix("HTTP/1.1 \(status) "))
            }
        }
    }

    /// Who says nothing, half of a request, or ever more of one.
    @Test func whoDoesNotFinishIsCutOff() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.handshakeTime = .milliseconds(200)
            let server = StreamRecorder()
            let context = WebSocketContext(WebSocketConfiguration(subprotocol: "lines"))
            let address = try await threads.listen(server, webSocket: context, configuration)
            var clients: [RawWebSocket] = []
            for text in ["", "GET / HTTP/1.1\r\nHost: a\r\n"] {
                let client = try RawWebSocket(to: address)
                client.send(Array(text.utf8))
                clients.append(client)
            }
            for _ in clients {
                #expect(
                    try await server.next()
                        == .refused(.notUpgraded("the peer did not finish its handshake in time")))
            }
        }
    }

    @Test(arguments: [
        "OPTIONS sip:example.com SIP/2.0\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 20_000),
        "GET /" + String(repeating: "x", count: 20_000) + " HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 200),
    ])
    func whatIsNoHTTPOrTooMuchOfItIsRefused(text: String) async throws {
        try await withWebSockets { address, server, _ in
            let client = try RawWebSocket(to: address)
            client.send(Array(text.utf8))
            guard case .refused(.notUpgraded) = try await server.next() else {
                Issue.record("the connection was opened")
                return
            }
        }
    }

    /// A client that leaves in the middle is no connection.
    @Test func whoLeavesIsForgotten() async throws {
        try await withWebSockets { address, server, _ in
            do {
                let client = try RawWebSocket(to: address)
                client.send(Array("GET / HTTP/1.1\r\n".utf8))
                client.raw.endOutput()
                #expect(client.next() == nil)
            }
            guard case .refused(.notUpgraded) = try await server.next() else {
                Issue.record("the connection was opened")
                return
            }
        }
    }
}
