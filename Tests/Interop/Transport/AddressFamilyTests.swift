import Reactor
import SIP
import Server
import TestKit
import Testing
import UserAgent

extension Interop {
    /// Calls over IPv6, and between IPv6 and IPv4.
    @Suite struct AddressFamilyTests {
        private func withPhones(
            configuration: String = "", _ body: (ItoServer, (String, Bool) async throws -> Phone) async throws -> Void
        ) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "udp://[::1]:0"], users: ["alice": "secret", "bob": "secret"],
                    configuration: configuration)
                try await body(server) { user, isIPv6 in
                    try await Phone.start(
                        user, at: server.address(isIPv6 ? "udp://[" : "udp://127"),
                        address: .loopback(isIPv6 ? .ipv6 : .ipv4))
                }
            }
        }

        @Test func aCallOverIPv6() async throws {
            try await withPhones { server, phone in
                let (alice, bob) = (try await phone("alice", true), try await phone("bob", true))
                try await callBothWays(alice, bob, user: "bob") { callee in
                    let invite = try #require(callee.last("INVITE "))
                    #expect(invite.values("Record-Route").count == 1)
                    let own = server.address("udp://[")
                    #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/UDP \(own);") == true)
                }
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// The proxy stands in the route twice, once for each side's address (RFC 5658 §3.1).
        @Test(arguments: [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
        func callsBetweenTheFamilies(caller: String, callee: String) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, ["--no-auth", "--listen", "udp://[::1]:0"])
                func own(_ address: String) -> String { server.address(address == "::1" ? "udp://[" : "udp://127") }
                var called = SIPpOptions(.named("uas"))
                called.address = callee
                called.calls = 50
                called.tracesMessages = true
                let uas = try await SIPpPeer.start(called, name: "uas", in: peers)
                var registration = SIPpOptions.registration(
                    of: "bob", contact: "sip:bob@\(uas.hostPort)", at: own(callee))
                registration.address = callee
                try await SIPpPeer.start(registration, name: "register", in: peers).succeeded()
                var calling = SIPpOptions(.named("uac"), remote: own(caller))
                calling.address = caller
                calling.service = "bob"
                calling.calls = 50
                calling.rate = 50
                #expect(try await SIPpPeer.start(calling, name: "uac", in: peers).succeeded().successful == 50)
                try await uas.succeeded()
                let invite = try #require(uas.messages.firstRange(of: "INVITE sip:"))
                let routes = uas.messages[invite.lowerBound...].split(whereSeparator: \.isNewline)
                    .filter { $0.hasPrefix("Record-Route:") }.prefix(2)
                #expect(routes.first?.hasSuffix("@\(own(callee));lr>") == true)
                #expect(routes.last?.hasSuffix("@\(own(caller));lr>") == true)
            }
        }

        /// The server relays what could not go from end to end.
        @Test func voiceBetweenTheFamiliesIsRelayed() async throws {
            try await withPhones { server, phone in
                let (alice, bob) = (try await phone("alice", true), try await phone("bob", false))
                let answering = Task { try await bob.answered() }
                let call = try await alice.agent.call("sip:bob@example.test")
                let answered = try await answering.value
                #expect(try server.statistics().media["calls"] == 1)
                await call.hangUp()
                #expect(await answered.ended().status == 200)
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// Voice finds no way between the families without the relay: our phones say so.
        @Test func aPhoneRefusesVoiceOfTheOtherFamily() async throws {
            let direct = "domains:\n  - name: example.test\n    media: direct"
            try await withPhones(configuration: direct) { _, phone in
                let (alice, bob) = (try await phone("alice", true), try await phone("bob", false))
                let answering = Task { try await bob.answered() }
                let refusal = await #expect(throws: CallError.self) {
                    try await alice.agent.call("sip:bob@example.test")
                }
                #expect(refusal?.status == 488)
                await #expect(throws: CallError.self) { try await answering.value }
                await alice.agent.shutDown()
                await bob.agent.shutDown()
            }
        }

        /// WebSocket on an IPv6 address, the certificate proven by it: phones in browsers call one another, and one over UDP and IPv4.
        @Test(arguments: ["ws", "wss"])
        func phonesInBrowsersCallOverIPv6(scheme: String) async throws {
            try await withPeers { peers in
                let certificates = try Certificates(in: peers)
                let server = try await ItoServer.start(
                    in: peers, ["--listen", "\(scheme)://[::1]:0"], users: ["alice": "secret", "bob": "secret"],
                    environment: try certificates.environment())
                let own = server.address("\(scheme)://")
                #expect(own.hasPrefix("[::1]:"))
                let more = scheme == "wss" ? ["--ca", certificates.authorityFile] : []
                let alice = try await WebSocketPhone.registered("alice", at: "\(scheme)://\(own)", more, in: peers)
                let bob = try await WebSocketPhone.registered(
                    "bob", at: "\(scheme)://\(own)", more + ["--call", "sip:alice@example.test"], in: peers)
                try await bob.says("answered")
                try await alice.says("message ACK")
                try bob.hangUp()
                try await bob.says("ended 200")
                try await alice.says("ended")
                // The proxy stands in the route twice (RFC 5658 §3.1): by IPv6 towards the browser, and by IPv4.
                let phone = try await Phone.start("bob", at: server.address("udp://127"))
                let before = alice.process.lines.last
                let call = try await phone.agent.call("sip:alice@example.test")
                try await alice.says("message ACK", after: before)
                let answer = try #require(phone.last("SIP/2.0 200 OK")?.values("Record-Route"))
                #expect(answer.first?.contains("\(own);transport=ws") == true)
                #expect(answer.last?.contains(server.address("udp://127")) == true)
                await call.hangUp()
                try await alice.says("ended", after: before)
                let counters = try server.statistics().connections
                #expect(counters["accepted"] == 2 && counters["connected"] == 0)
                await phone.agent.shutDown()
            }
        }

        @Test func sippCallsOverIPv6() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, ["--no-auth", "--listen", "udp://[::1]:0"])
                var called = SIPpOptions(.named("uas"))
                called.address = "::1"
                called.calls = 100
                let uas = try await SIPpPeer.start(called, name: "uas", in: peers)
                let registrar = server.address("udp://[")
                var registration = SIPpOptions.registration(
                    of: "bob", contact: "sip:bob@\(uas.hostPort)", at: registrar)
                registration.address = "::1"
                try await SIPpPeer.start(registration, name: "register", in: peers).succeeded()
                var calling = SIPpOptions(.named("uac"), remote: registrar)
                calling.address = "::1"
                calling.service = "bob"
                calling.calls = 100
                calling.rate = 100
                #expect(try await SIPpPeer.start(calling, name: "uac", in: peers).succeeded().successful == 100)
            }
        }
    }
}
