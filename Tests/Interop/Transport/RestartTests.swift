import Foundation
import Glibc
import TestKit
import Testing

extension Interop {
    /// What a server was told before a restart, and what it makes of that behind it.
    @Suite struct RestartTests {
        private func start(_ peers: Peers, _ data: String, _ name: String) async throws -> ItoServer {
            try await ItoServer.start(
                in: peers, ["--no-auth", "--listen", "tcp://127.0.0.1:0"], name: name, data: data)
        }

        /// A request in the dialog of an INVITE, of whoever was called.
        private func request(_ method: String, of invite: SentMessage, by wire: Wire, over hostPort: String) -> String {
            // The server has other ports now; who made the token is told by the token alone.
            let routes = invite.values("Record-Route").map { route in
                let parts = route.split(separator: "@", maxSplits: 1)
                return "Route: \(parts[0])@\(hostPort);lr>"
            }
            let contact = invite.values("Contact").first?.drop { $0 != ":" }.dropFirst().prefix { $0 != ">" } ?? ""
            return
                ([
                    "\(method) sip:\(contact) SIP/2.0",
                    "Via: SIP/2.0/UDP \(wire.hostPort);rport;branch=z9hG4bK\(UUID().uuidString)",
                    "Max-Forwards: 70", "From: \(invite.values("To").first ?? "");tag=b",
                    "To: \(invite.values("From").first ?? "")",
                    "Call-ID: \(invite.values("Call-ID").first ?? "")", "CSeq: 7 \(method)",
                ] + routes.suffix(1) + ["Content-Length: 0", "", ""]).joined(separator: "\n")
        }

        /// The flow of a caller's connection stands in the route of the dialog. The connection ends with the server; those of the
        /// next life are others, in whatever order they come (RFC 5626 §5.2, §5.3.1).
        @Test func aTokenOfBeforeNamesNobodyElse() async throws {
            try await withPeers { peers in
                let data = peers.folder.file("data")
                let first = try await start(peers, data, "first")
                let bob = try Wire(.udp, to: first.hostPort)
                #expect(
                    try await bob.ask(
                        bob.request(
                            "REGISTER", "sip:example.test", from: "sip:bob@example.test", to: "sip:bob@example.test")
                    ).status == 200)
                let alice = try Wire(.tcp, to: first.address("tcp://"))
                alice.send(alice.request("INVITE", "sip:bob@example.test", from: "sip:alice@example.test"))
                let invite = try await bob.message()
                #expect(invite.startLine.hasPrefix("INVITE "))
                #expect(!invite.values("Record-Route").isEmpty)
                first.process.signal(SIGKILL)
                #expect(try await first.process.exit() == .signal(SIGKILL))

                let second = try await start(peers, data, "second")
                let late = try Wire(.udp, to: second.hostPort)
                // The first connection of this life, as that was of the other.
                let mallory = try Wire(.tcp, to: second.address("tcp://"))
                #expect(try await mallory.ask(mallory.request("OPTIONS", "sip:example.test")).status == 200)
                #expect(
                    try await late.ask(request("BYE", of: invite, by: late, over: second.hostPort)).status == 430)
                #expect(try await mallory.ask(mallory.request("OPTIONS", "sip:example.test")).status == 200)
            }
        }
    }
}
