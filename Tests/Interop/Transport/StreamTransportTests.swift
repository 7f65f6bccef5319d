import Server
import TestKit
import Testing
import UserAgent

extension Interop {
    /// Calls over TCP, and between TCP and UDP, through the running server.
    @Suite struct StreamTransportTests {
        static let arguments = ["--no-auth", "--listen", "tcp://127.0.0.1:0"]

        /// Transports of caller and callee.
        @Test(arguments: [
            (SIPpOptions.Transport.tcp, SIPpOptions.Transport.tcp), (.udp, .tcp), (.tcp, .udp), (.tcpPerCall, .tcp),
        ])
        func hundredsOfCalls(caller: SIPpOptions.Transport, callee: SIPpOptions.Transport) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                var called = SIPpOptions(.named("uas"))
                called.transport = callee
                called.calls = 200
                let uas = try await SIPpPeer.start(called, name: "uas", in: peers)
                let suffix = callee == .udp ? "" : ";transport=tcp"
                try await SIPpPeer.start(
                    .registration(of: "bob", contact: "sip:bob@\(uas.hostPort)\(suffix)", at: server.hostPort),
                    name: "register", in: peers
                ).succeeded()
                var calling = SIPpOptions(
                    .named("uac"), remote: caller == .udp ? server.hostPort : server.address("tcp://"))
                calling.transport = caller
                calling.service = "bob"
                calling.calls = 200
                calling.rate = 100
                let uac = try await SIPpPeer.start(calling, name: "uac", in: peers)
                let result = try await uac.succeeded()
                #expect(result.successful == 200)
                #expect(result.failed == 0)
                try await uas.succeeded()
                let counters = try server.statistics().connections
                // All calls go to the callee by one connection (RFC 3261 §18: connections are kept and used again).
                #expect(counters["connected"] == (callee == .udp ? 0 : 1))
            }
        }

        @Test func baresipRegistersAndCallsOverTCP() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                let pair = try await BaresipPair.start(
                    at: server.address("tcp://"), over: .tcp, in: peers)
                try await pair.callTwice()
                // Both are reached by the connections that they have made, and by no other.
                let counters = try server.statistics().connections
                #expect(counters["connected"] == 0)
                #expect(counters["accepted"] == 2)
            }
        }

        @Test func ourPhonesRegisterAndCallOverTCP() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tcp://127.0.0.1:0"], users: ["alice": "secret", "bob": "secret"])
                let address = server.address("tcp://")
                let alice = try await Phone.start("alice", at: address, over: "tcp")
                let bob = try await Phone.start("bob", at: address, over: "tcp")
                try await callBothWays(alice, bob, user: "bob") { callee in
                    let invite = try #require(callee.last("INVITE "))
                    let routes = invite.values("Record-Route")
                    #expect(routes.count == 1)
                    #expect(routes.first?.contains("\(address);transport=tcp;lr>") == true)
                    #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/TCP \(address)") == true)
                }
                let counters = try server.statistics().connections
                #expect(counters["connected"] == 0)
                #expect(counters["accepted"] == 2)
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// The proxy stands in the route twice, once for each side's transport (RFC 5658 §3.1).
        @Test(arguments: [("udp", "tcp"), ("tcp", "udp")])
        func phonesOfBothTransportsCallEachOther(caller: String, callee: String) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "tcp://127.0.0.1:0"], users: ["alice": "secret", "bob": "secret"])
                func own(_ transport: String) -> String {
                    server.address("\(transport)://") + (transport == "tcp" ? ";transport=tcp" : "") + ";lr>"
                }
                let alice = try await Phone.start("alice", at: server.address("\(caller)://"), over: caller)
                let bob = try await Phone.start("bob", at: server.address("\(callee)://"), over: callee)
                try await callBothWays(alice, bob, user: "bob") { phone in
                    let invite = try #require(phone.last("INVITE "))
                    let routes = invite.values("Record-Route")
                    #expect(routes.count == 2)
                    #expect(routes.first?.hasSuffix(own(callee)) == true)
                    #expect(routes.last?.hasSuffix(own(caller)) == true)
                }
                #expect(try server.statistics().connections["connected"] == 0)
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// Whoever registers over TCP is reached by that connection alone; when it is gone so is the binding, and callers hear
        /// so at once and not after Timer B.
        @Test func aClosedFlowFailsPromptly() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                let wire = try Wire(.tcp, to: server.address("tcp://"))
                // Another address, where the server could be led to connect.
                let (elsewhere, door) = try Door.beside(server.hostPort)
                defer { _ = door }
                let of = "sip:bob@example.test"
                let registered = try await wire.ask(
                    wire.request("REGISTER", "sip:example.test", from: of, to: of, contact: elsewhere.hostPort))
                #expect(registered.status == 200)
                let alice = try Wire(.udp, to: server.hostPort)
                alice.send(alice.request("MESSAGE", of))
                let received = try await wire.message()
                #expect(received.startLine.hasPrefix("MESSAGE "))
                let answer = received.lines.filter { line in
                    ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"].contains { line.hasPrefix($0 + ":") }
                }
                wire.send("SIP/2.0 200 OK\n" + answer.joined(separator: "\n") + "\n\n")
                #expect(try await alice.message().status == 200)
                // The server has seen the end when it closes its own side.
                wire.end()
                #expect(await wire.untilClosed() == [])
                _ = try await server.statistics("the end") { $0.connections["open"] == 0 }
                let call = try await alice.ask(alice.request("INVITE", of))
                #expect(call.status == 480)
                #expect(try server.statistics().connections["connected"] == 0)
            }
        }
    }
}
