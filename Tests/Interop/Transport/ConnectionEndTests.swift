import Glibc
import Server
import TestKit
import Testing

extension Interop {
    /// What depends on a connection ends with it, and what is owed on it is given before.
    @Suite struct ConnectionEndTests {
        private let of = "sip:bob@example.test"

        /// RFC 5626 §5.3: nobody is called by a way that is closed; the caller hears 480 at once, as of somebody who is not there.
        @Test func aBindingDiesWithItsConnection() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, ["--no-auth", "--listen", "tcp://127.0.0.1:0"])
                let wire = try Wire(.tcp, to: server.address("tcp://"))
                let registered = try await wire.ask(
                    wire.request("REGISTER", "sip:example.test", from: of, to: of, contact: "phone.invalid"))
                #expect(registered.status == 200)
                #expect(try server.statistics().bindings == 1)
                wire.end()
                #expect(await wire.untilClosed() == [])
                _ = try await server.statistics("the binding that is lost") {
                    $0.registrar["lostWithConnections"] == 1
                }
                let alice = try Wire(.udp, to: server.hostPort)
                #expect(try await alice.ask(alice.request("INVITE", of)).status == 480)
                _ = try await server.statistics("no binding") { $0.bindings == 0 }
            }
        }

        /// A browser that is closed without a word, and one that says farewell.
        @Test func aBrowserThatIsClosedIsNotCalled() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "ws://127.0.0.1:0"], users: ["alice": "secret"])
                for (number, count) in [(SIGKILL, UInt64(1)), (SIGTERM, 2)] {
                    let phone = try await WebSocketPhone.registered(
                        "alice", at: "ws://\(server.address("ws://"))", in: peers)
                    #expect(try server.statistics().connections["open"] == 1)
                    phone.process.signal(number)
                    _ = try await server.statistics("the binding that is lost") {
                        $0.registrar["lostWithConnections"] == count
                    }
                    let caller = try Wire(.udp, to: server.hostPort)
                    let answer = try await caller.ask(
                        caller.request("MESSAGE", "sip:alice@example.test", from: "sip:a@elsewhere.test"))
                    #expect(answer.status == 480)
                }
            }
        }

        /// Who closes its sending side behind a request gets its answer: at once, after the other side's, and when nobody
        /// answers.
        @Test func aHalfClosedClientIsAnswered() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, ["--no-auth", "--listen", "tcp://127.0.0.1:0"])
                let asking = try Wire(.tcp, to: server.address("tcp://"))
                asking.send(asking.request("OPTIONS", "sip:example.test"))
                asking.end()
                #expect(try await asking.message().status == 200)
                #expect(await asking.untilClosed() == [])
                // A call that rings first: the callee answers when the caller has closed its side already.
                let bob = try Wire(.udp, to: server.hostPort)
                _ = try await bob.ask(
                    bob.request("REGISTER", "sip:example.test", from: of, to: of, contact: bob.hostPort))
                let alice = try Wire(.tcp, to: server.address("tcp://"))
                alice.send(alice.request("MESSAGE", of))
                alice.end()
                let request = try await bob.message()
                #expect(request.startLine.hasPrefix("MESSAGE "))
                let fields = request.lines.filter { line in
                    ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"].contains { line.hasPrefix($0 + ":") }
                }
                bob.send("SIP/2.0 202 Accepted\n" + fields.joined(separator: "\n") + "\n\n")
                #expect(try await alice.message().status == 202)
                #expect(await alice.untilClosed() == [])
                _ = try await server.statistics("no connection") { $0.connections["open"] == 0 }
            }
        }
    }
}
