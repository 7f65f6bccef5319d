import Server
import TestKit
import Testing

extension Interop {
    /// Bad streams against the running server, each while well-behaved clients are served.
    @Suite struct HostileStreamTests {
        private func withServer(
            _ environment: [String: String] = [:], _ body: (ItoServer, String) async throws -> Void
        ) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, HostileDatagramTests.arguments, environment: environment)
                try await body(server, server.address("tcp://"))
            }
        }

        @Test func randomBytesEndTheirConnections() async throws {
            try await withServer { server, address in
                let count = 100
                try await withServedClients(of: server) {
                    var generator = SeededGenerator(seed: 3_261)
                    for _ in 0..<count {
                        let wire = try Wire(.tcp, to: address)
                        // More than a head may have, so that an end of it need not come by chance.
                        wire.send(generator.bytes(64 << 10))
                        #expect(await wire.untilClosed() == [])
                    }
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["misframed"] == UInt64(count))
            }
        }

        /// What is sent on a stream, and the status that answers before the connection is closed.
        static let unreadable: [(what: String, headers: [String], status: Int)] = [
            ("64 KiB of header fields", Array(repeating: "X: " + String(repeating: "a", count: 1_020), count: 64), 513),
            ("10,000 header fields", Array(repeating: "a: b", count: 10_000), 513),
            ("1,000 header fields", Array(repeating: "a: b", count: 1_000), 400),
            ("two lengths", ["l: 10000000"], 400),
            ("a length that is no number", ["l: many"], 400),
        ]

        @Test(arguments: unreadable.indices)
        func whatIsTooLargeIsAnsweredAndCutOff(index: Int) async throws {
            let (what, headers, status) = Self.unreadable[index]
            try await withServer { server, address in
                try await withServedClients(of: server) {
                    let wire = try Wire(.tcp, to: address)
                    async let answer = wire.untilClosed()
                    wire.send(wire.request("OPTIONS", "sip:example.test", headers: headers))
                    let bytes = await answer
                    let text = SentMessage(try #require(bytes))
                    #expect(text.status == status, "\(what)")
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["misframed"] == 1)
            }
        }

        @Test func aBodyBeyondTheLimitIsRefusedBeforeItComes() async throws {
            try await withServer { server, address in
                let wire = try Wire(.tcp, to: address)
                let request = wire.request("OPTIONS", "sip:example.test")
                wire.send(request.replacing("Content-Length: 0", with: "Content-Length: 10000000"))
                let bytes = await wire.untilClosed()
                let answer = SentMessage(try #require(bytes))
                #expect(answer.status == 513)
                #expect(answer.values("Call-ID").count == 1)
            }
        }

        @Test func aMillionViasNeedNoMemory() async throws {
            try await withServer { server, address in
                try await withServedClients(of: server, memory: 32 << 20) {
                    let wire = try Wire(.tcp, to: address)
                    async let answer = wire.untilClosed()
                    let request = wire.request("OPTIONS", "sip:example.test")
                    wire.send(String(request.prefix { $0 != "M" }))
                    let vias = Wire.bytes((0..<1_000).map { "Via: SIP/2.0/TCP h\($0);branch=z9hG4bK\($0)\n" }.joined())
                    var rounds = 0
                    while rounds < 1_000, wire.send(vias) { rounds += 1 }
                    let bytes = await answer
                    #expect(SentMessage(try #require(bytes)).status == 513)
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["misframed"] == 1)
            }
        }

        /// Those who send a byte at a time have as long for a message as others (`tcp.message-timeout`), and no longer.
        @Test func slowSendersAreCutOff() async throws {
            try await withServer(["ITO_TCP_MESSAGE_TIMEOUT": "1s"]) { server, address in
                let count = 20
                try await withServedClients(of: server) {
                    try await withThrowingTaskGroup { group in
                        for _ in 0..<count {
                            group.addTask {
                                let wire = try Wire(.tcp, to: address)
                                let request = Array(wire.request("OPTIONS", "sip:example.test").utf8)
                                var sent = 0
                                // The header fields go on for as long as the server listens.
                                while case .nothing = await wire.receive(within: .milliseconds(20)) {
                                    wire.send([sent < 300 ? request[sent] : UInt8(ascii: "a")])
                                    sent += 1
                                    try #require(sent < 1_000, "the server waits for ever")
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["unfinishedFrames"] == UInt64(count))
            }
        }

        /// Line ends alone are keep-alives (RFC 3261 §7.5, RFC 5626 §4.4.1): no message has begun with them.
        @Test func aPhoneThatSendsSingleLineEndsStays() async throws {
            try await withServer(["ITO_TCP_MESSAGE_TIMEOUT": "1s"]) { server, address in
                let idle = try Wire(.tcp, to: address)
                idle.send([0x0D, 0x0A])
                // Another connection shows when the time for a message is over.
                let unfinished = try Wire(.tcp, to: address)
                unfinished.send("OPTIONS")
                #expect(await unfinished.untilClosed() == [])
                try await WellBehavedClient(wire: idle).ask()
                #expect(try server.statistics().connections["unfinishedFrames"] == 1)
            }
        }

        @Test func whoDoesNotReadIsCutOff() async throws {
            try await withServer(["ITO_TCP_UNREAD_BYTES": "64KiB"]) { server, address in
                try await withServedClients(of: server, memory: 32 << 20) {
                    let wire = try Wire(.tcp, to: address, receiveBuffer: 4_096)
                    let requests = Wire.bytes(
                        (0..<100).map { _ in wire.request("OPTIONS", "sip:example.test") }.joined())
                    // Far more than the kernel keeps for both sides; the connection breaks long before.
                    var rounds = 0
                    while wire.send(requests), rounds < 5_000 { rounds += 1 }
                    #expect(rounds < 5_000)
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["slowReaders"] == 1)
            }
        }

        @Test(arguments: ["ITO_TCP_CONNECTIONS", "ITO_TCP_CONNECTIONS_PER_SOURCE"])
        func connectionsOverTheLimitAreRefused(key: String) async throws {
            try await withServer([key: "5"]) { server, address in
                try await withServedClients(of: server) {
                    // One connection is a well-behaved client's.
                    let admitted = try (0..<4).map { _ in try Wire(.tcp, to: address) }
                    for wire in admitted { try await WellBehavedClient(wire: wire).ask() }
                    for _ in 0..<50 {
                        let wire = try Wire(.tcp, to: address)
                        #expect(await wire.untilClosed() == [])
                    }
                    for wire in admitted { try await WellBehavedClient(wire: wire).ask() }
                }
                #expect(try server.statistics().connections["refused"] == 50)
                // Who has gone makes room.
                _ = try await server.statistics("all ends") { $0.connections["open"] == 0 }
                try await WellBehavedClient(wire: Wire(.tcp, to: address)).ask()
            }
        }

        /// `ito stats` tells of all this.
        @Test func theCommandShowsTheCounters() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, HostileDatagramTests.arguments)
                let wire = try Wire(.tcp, to: server.address("tcp://"))
                wire.send("this is no SIP\n\n")
                #expect(await wire.untilClosed() == [])
                _ = try await server.statistics("the end") { $0.connections["open"] == 0 }
                let outcome = try await ItoProgram.run(["stats", "--data", server.data], in: peers)
                #expect(outcome.output.contains("connections"))
                #expect(outcome.output.contains("  misframed 1"))
            }
        }
    }
}
