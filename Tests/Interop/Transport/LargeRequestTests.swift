import Server
import TestKit
import Testing

extension Interop {
    /// Requests above 1,300 bytes go by TCP, and by UDP when that is refused (RFC 3261 §18.1.1).
    @Suite struct LargeRequestTests {
        private let of = "sip:bob@example.test"

        private func withServer(_ body: (ItoServer) async throws -> Void) async throws {
            try await withPeers { peers in
                try await body(ItoServer.start(in: peers, StreamTransportTests.arguments))
            }
        }

        private func register(_ phone: Wire, contact: String? = nil) async throws {
            let request = phone.request("REGISTER", "sip:example.test", from: of, to: of, contact: contact)
            #expect(try await phone.ask(request).status == 200)
        }

        /// Calls bob with an INVITE of that many bytes or some more.
        private func call(_ server: ItoServer, bytes: Int) throws -> Wire {
            let alice = try Wire(.udp, to: server.hostPort)
            let body = "v=0\n" + String(repeating: "a=x\n", count: bytes / 5)
            alice.send(alice.request("INVITE", of, headers: ["Content-Type: application/sdp"], body: body))
            return alice
        }

        @Test func aLargeRequestGoesByTCP() async throws {
            try await withServer { server in
                let (bob, door) = try Door.beside(server.hostPort)
                try await register(bob)
                let alice = try call(server, bytes: 1_500)
                let invite = try await door.accepted().message()
                #expect(invite.startLine.hasPrefix("INVITE "))
                #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/TCP ") == true)
                #expect(invite.values("Record-Route").first?.contains(";transport=tcp") == true)
                #expect(try await alice.message().status == 100)
            }
        }

        @Test func aSmallRequestGoesByUDP() async throws {
            try await withServer { server in
                let (bob, _) = try Door.beside(server.hostPort)
                try await register(bob)
                let alice = try call(server, bytes: 100)
                let invite = try await bob.message()
                #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/UDP ") == true)
                #expect(try server.statistics().connections["connected"] == 0)
                _ = alice
            }
        }

        /// The request names nothing but UDP then, or the callee would send BYE to a transport that it does not have.
        @Test func aLargeRequestReturnsToUDPWhenTCPIsRefused() async throws {
            try await withServer { server in
                let bob = try Wire(.udp, to: server.hostPort)
                try await register(bob)
                let alice = try call(server, bytes: 1_500)
                let invite = try await bob.message()
                #expect(invite.startLine.hasPrefix("INVITE "))
                #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/UDP \(server.hostPort)") == true)
                let routes = invite.values("Record-Route")
                #expect(routes.count == 1)
                #expect(routes.first?.contains("@\(server.hostPort);lr>") == true)
                #expect(try server.statistics().connections["connectErrors"] == 1)
                _ = alice
            }
        }

        /// A phone behind a NAT can be reached by the way it has opened, and by no connection to it.
        @Test func aLargeRequestToAContactBehindNATStaysOnUDP() async throws {
            try await withServer { server in
                let (bob, door) = try Door.beside(server.hostPort)
                try await register(bob, contact: "192.168.1.2:5060")
                let alice = try call(server, bytes: 1_500)
                let invite = try await bob.message()
                #expect(invite.startLine == "INVITE sip:phone@192.168.1.2:5060 SIP/2.0")
                #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/UDP \(server.hostPort)") == true)
                let counters = try server.statistics().connections
                #expect(counters["connected"] == 0)
                #expect(counters["connectErrors"] == 0)
                _ = (alice, door)
            }
        }
    }
}
