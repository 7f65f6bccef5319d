import Reactor
import SIP
import SIPEndpoint
import Synchronization
import TestKit
import Testing

@testable import Server
@testable import UserAgent

/// Flows that phones keep (RFC 5626), over sockets and lanes.
@Suite struct OutboundTests {
    private static let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\""

    /// A server for UDP and TCP to which anyone may register.
    private func withOpenServer(
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (SIPServer, _ udp: UInt16, _ tcp: UInt16) async throws -> Void
    ) async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.listeners.append(ServerConfiguration.Listener(transport: .tcp, address: "127.0.0.1", port: 0))
            change(&$0)
        }) { server, port in try await body(server, port, server.listeners[1].address.port) }
    }

    private func register(_ tcp: UInt16, _ number: Int) async throws -> RawConnection {
        let phone = try RawConnection(server: tcp)
        phone.send(
            phone.register(
                "bob", parameters: ";reg-id=\(number);\(Self.instance)", headers: ["Supported: path, outbound"]))
        let answer = try await phone.next()
        #expect(answer.status == 200)
        #expect(answer.values("Require") == ["outbound"])
        #expect(answer.values("Flow-Timer") == ["120"])
        return phone
    }

    /// Two flows of one phone: a call comes by the younger, and when that is cut by the older; when both are, 480.
    @Test func callsComeByTheFlowThatIsThere() async throws {
        try await withOpenServer { server, udp, tcp in
            let (first, second) = (try await register(tcp, 1), try await register(tcp, 2))
            #expect(await server.statistics().bindings == 2)
            let caller = try RawPhone(server: udp)
            let message = { caller.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test") }
            // Whichever was refreshed last gets the first; the other one the next, when that is cut.
            // Unanswered when its flow is cut, the first goes on by the other as well.
            caller.send(message())
            let isSecond = second.isReadable(within: .seconds(5), or: first)
            let (used, other) = isSecond ? (second, first) : (first, second)
            #expect(try await used.next().text.hasPrefix("MESSAGE "))
            used.end()
            caller.send(message())
            #expect(try await other.next().text.hasPrefix("MESSAGE "))
            other.end()
            while await server.statistics().bindings > 0 { await Task.yield() }
            let late = try RawPhone(server: udp)
            let answer = try await late.ask(
                late.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            #expect(answer.status == 480)
        }
    }

    /// A phone of ours with an instance asks for its flow, keeps it alive by what the server answers, and is reached by it.
    @Test(arguments: [TransportName.udp, .tcp]) func aPhoneOfOursKeepsItsFlow(transport: TransportName) async throws {
        try await withOpenServer({ $0.registrar.flowTimer = .seconds(2) }) { _, udp, tcp in
            let answers = Mutex<[Message]>([])
            var options = UserAgent.Options()
            options.instance = .random()
            options.serves = [.message]
            options.trace = { message in
                guard let answer = try? Message(message.bytes), answer[.cSeq]?.hasSuffix(" REGISTER") == true,
                    !answer.isRequest
                else { return }
                answers.withLock { $0.append(answer) }
            }
            let port = transport == .udp ? udp : tcp
            let proxy = "sip:127.0.0.1:\(port);transport=\(transport.parameterText)"
            let bob = try await UserAgent(account: Account("sip:bob@localhost", proxy: proxy), options: options)
            let answer = try #require(answers.withLock { $0.last })
            #expect(answer[.require] == "outbound")
            #expect(answer[.flowTimer] == "2")
            let lane = bob.endpoint.lanes[0]
            while await lane.lane.run({ _ in lane.layer.counters.keepAlives }) == 0 { await Task.yield() }
            let serving = Task { for await request in bob.requests { return request.respond(200) } }
            let caller = try RawPhone(server: udp)
            let taken = try await caller.ask(
                caller.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            #expect(taken.status == 200)
            await serving.value
            await bob.shutDown()
        }
    }

    /// A binding dies with its connection, on whichever lane it was made.
    @Test func aBindingDiesWithItsConnection() async throws {
        try await withOpenServer { server, udp, tcp in
            let phones = try (0..<6).map { _ in try RawConnection(server: tcp) }
            for (index, phone) in phones.enumerated() {
                phone.send(phone.register("user\(index)"))
                #expect(try await phone.next().status == 200)
            }
            #expect(await server.statistics().bindings == 6)
            for phone in phones { phone.end() }
            while await server.statistics().bindings > 0 { await Task.yield() }
            let caller = try RawPhone(server: udp)
            let answer = try await caller.ask(
                caller.request("MESSAGE", "sip:user3@localhost", from: "sip:a@elsewhere.test"))
            #expect(answer.status == 480)
        }
    }

    /// STUN and double line ends keep flows open (§4.4, §8).
    @Test func keepAlivesAreAnswered() async throws {
        try await withOpenServer { server, udp, tcp in
            let phone = try RawPhone(server: udp)
            let transaction: [UInt8] = Array(1...12)
            for _ in 0..<4 {
                phone.send(bytes: [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + transaction)
                let answer = try await phone.nextBytes()
                let port = phone.port ^ 0x2112
                let mapped: [UInt8] = [
                    0, 0x20, 0, 8, 0, 1, UInt8(port >> 8), UInt8(port & 255), 0x7F ^ 0x21, 0x12, 0xA4, 0x01 ^ 0x42,
                ]
                #expect(answer == [1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42] + transaction + mapped)
            }
            // What is no request is not answered, and what follows is.
            phone.send(bytes: [0, 0x11, 0, 0, 0x21, 0x12, 0xA4, 0x42] + transaction)
            let options = phone.request("OPTIONS", "sip:localhost", from: "sip:a@elsewhere.test")
            #expect(try await phone.ask(options).status == 200)
            #expect(await server.statistics().signalling["malformed"] == 0)
            let connection = try RawConnection(server: tcp)
            connection.send("\r\n\r\n")
            #expect(try await connection.nextBytes(2) == [13, 10])
        }
    }

    /// This server as the edge proxy before another registrar, played here by hand.
    @Test func phonesOfOtherDomainsRegisterThroughUs() async throws {
        try await withServer({ $0.proxy.edgeDomains = ["127.0.0.2"] }) { _, port in
            let (phone, home) = (try RawPhone(server: port), try RawPhone(server: port, address: 0x7F00_0002))
            let registrar = "sip:127.0.0.2:\(home.port)"
            phone.send(
                phone.request(
                    "REGISTER", registrar, from: "sip:bob@127.0.0.2", to: "sip:bob@127.0.0.2",
                    headers: ["Supported: path, outbound"]))
            let request = try await home.next()
            let path = try #require(request.values("Path").first)
            #expect(path.hasSuffix("@127.0.0.1:\(port);lr;ob>"))
            home.send(home.response(200, to: request))
            #expect(try await phone.next().status == 200)
            // A call comes back by that Path; a stranger's token does not lead anywhere.
            home.send(
                home.request("INVITE", "sip:bob@10.1.2.3", from: "sip:a@elsewhere.test", headers: ["Route: \(path)"]))
            let invite = try await phone.next()
            #expect(invite.text.hasPrefix("INVITE sip:bob@10.1.2.3 SIP/2.0\r\n"))
            #expect(invite.values("Record-Route").count == 1)
            let forged = path.replacing("@127", with: "0@127")
            let refused = try await home.ask(
                home.request("MESSAGE", "sip:bob@10.1.2.3", from: "sip:a@elsewhere.test", headers: ["Route: \(forged)"])
            )
            #expect(refused.status == 403)
            // Nobody else is relayed.
            let other = try await phone.ask(
                phone.request("REGISTER", "sip:127.0.0.3", from: "sip:b@127.0.0.3", to: "sip:b@127.0.0.3"))
            #expect(other.status == 403)
        }
    }
}
