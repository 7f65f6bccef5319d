import Server
import TestKit
import Testing

extension Interop {
    /// Peers that connect and do not go on, while well-behaved clients are served.
    @Suite struct StalledPeerTests {
        /// A way to stall.
        private enum Kind: CaseIterable {
            case silentTLS, halfHello, halfUpgrade, silentWSS, halfMessage

            var scheme: String {
                switch self {
                case .silentTLS, .halfHello: "tls://"
                case .halfUpgrade: "ws://"
                case .silentWSS: "wss://"
                case .halfMessage: "tcp://"
                }
            }

            var beginning: [UInt8] {
                switch self {
                case .silentTLS, .silentWSS: []
                // The head of a record of TLS, and the first byte of 512.
                case .halfHello: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]
                case .halfUpgrade: Array("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n".utf8)
                case .halfMessage: Array("INVITE sip:bob@example.test SIP/2.0\r\nVia: ".utf8)
                }
            }
        }

        private static let arguments =
            ["tcp", "tls", "ws", "wss"].flatMap { ["--listen", "\($0)://127.0.0.1:0"] } + ["--no-auth"]

        /// A thousand of them: all are cut off when their time is over, and what they took is given back.
        @Test func aThousandAreServedBesideAndCutOff() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, Self.arguments,
                    environment: [
                        "ITO_TLS_HANDSHAKE_TIMEOUT": "3s", "ITO_TCP_MESSAGE_TIMEOUT": "3s",
                        "ITO_TCP_CONNECTIONS_PER_SOURCE": "2000",
                    ])
                let each = 200
                // A handshake that has begun takes some tens of kB.
                try await withServedClients(of: server, memory: 128 << 20) {
                    var stalled: [Wire] = []
                    for _ in 0..<each {
                        for kind in Kind.allCases {
                            let wire = try Wire(.tcp, to: server.address(kind.scheme))
                            wire.send(kind.beginning)
                            stalled.append(wire)
                        }
                    }
                    for wire in stalled { #expect(await wire.untilClosed() != nil) }
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["handshakeErrors"] == UInt64(4 * each))
                #expect(counters["unfinishedFrames"] == UInt64(each))
            }
        }

        /// Many who ask and do not read: each is cut off when `tcp.unread-bytes` wait for it, and others are served.
        @Test func manySlowReadersAreCutOff() async throws {
            try await withPeers { peers in
                // They ask so much at a time that a debug build is overloaded, and would refuse the others too.
                let server = try await ItoServer.start(
                    in: peers, Self.arguments,
                    environment: ["ITO_TCP_UNREAD_BYTES": "64KiB", "ITO_OVERLOAD_SHED": "no"])
                let count = 30
                try await withServedClients(of: server, memory: 64 << 20) {
                    try await withThrowingTaskGroup { group in
                        for _ in 0..<count {
                            group.addTask {
                                let wire = try Wire(.tcp, to: server.address("tcp://"), receiveBuffer: 4_096)
                                let requests = Wire.bytes(
                                    (0..<100).map { _ in wire.request("OPTIONS", "sip:example.test") }.joined())
                                var rounds = 0
                                while wire.send(requests), rounds < 5_000 { rounds += 1 }
                                #expect(rounds < 5_000)
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                let counters = try await server.statistics("all ends") { $0.connections["open"] == 0 }.connections
                #expect(counters["slowReaders"] == UInt64(count))
            }
        }
    }
}
