import Reactor
import SIP
import SIPEndpoint
import Synchronization
import Testing
import UserAgent

@testable import Server

/// RFC 5630: what SIPS demands, by phones over TLS and UDP in one server.
@Suite(.timeLimit(.minutes(1))) struct SIPSTests {
    /// What a phone has received.
    private final class Received: Sendable {
        private let list = Mutex<[Message]>([])

        func add(_ traced: TracedMessage) {
            guard let message = try? Message(traced.bytes) else { return }
            list.withLock { $0.append(message) }
        }

        /// The first request of a method, wherever it was going.
        func first(_ method: String) -> Message? {
            list.withLock { $0 }.first { String(decoding: $0.bytes.prefix(method.utf8.count), as: UTF8.self) == method }
        }
    }

    private struct Phone {
        let agent: UserAgent
        let seen: Received
    }

    private func withSecureServer(_ body: (SIPServer, UInt16, UInt16) async throws -> Void) async throws {
        try await withServer(
            { $0.listeners.append(.init(transport: .tls, address: "127.0.0.1", port: 0)) }
        ) { server, port in try await body(server, port, server.listeners[1].address.port) }
    }

    private func phone(_ uri: String, proxy: String, _ server: SIPServer) async throws -> Phone {
        let seen = Received()
        var options = UserAgent.Options(address: .loopback())
        options.trust = .authorities(
            try TLSAuthorities(file: server.configuration.dataFolder + "/certificate.pem"))
        options.trace = { seen.add($0) }
        let user = uri.split(separator: ":")[1].split(separator: "@")[0]
        let account = try Account(uri, password: "secret of \(user)", proxy: proxy)
        return Phone(agent: try await UserAgent(account: account, options: options), seen: seen)
    }

    /// Calls, takes the call and ends it; returns the INVITE as it came.
    private func call(_ caller: Phone, _ target: String, _ callee: Phone) async throws -> Message {
        async let answered = callee.agent.invitations.first { _ in true }?.answer()
        let call = try await caller.agent.call(target)
        let other = try #require(try await answered)
        await call.hangUp()
        #expect(await other.ended().status == 200)
        return try #require(callee.seen.first("INVITE"))
    }

    /// `domains[].service-route` for those who register by SIPS (RFC 3261 §19.1.2, §26.2.2).
    @Test(arguments: [
        ("sip:p1.example.com;lr", "sips:p1.example.com;lr"), ("SIP:p1.example.com:5060", "sips:p1.example.com"),
        ("sip:p1.example.com:5080;transport=tcp;lr", "sips:p1.example.com:5080;lr"),
        ("sip:[2001:db8::5060];lr;TRANSPORT=udp", "sips:[2001:db8::5060];lr"),
        ("sip:[2001:db8::1]:5060;lr", "sips:[2001:db8::1];lr"),
        ("sips:p1.example.com:5071;lr", "sips:p1.example.com:5071;lr"),
    ])
    func aRouteIsSecured(_ route: String, _ expected: String) {
        #expect(ServerConfiguration.secured(route) == expected)
    }

    @Test func fromEndToEnd() async throws {
        try await withSecureServer { server, _, port in
            let alice = try await phone("sips:alice@localhost", proxy: "sips:127.0.0.1:\(port)", server)
            let bob = try await phone("sips:bob@localhost", proxy: "sips:127.0.0.1:\(port)", server)
            let invite = try await call(alice, "sips:bob@localhost", bob)
            #expect(invite.withView { (try? $0.requestURI)?.scheme } == .sips)
            #expect(invite.text(.via).hasPrefix("SIP/2.0/TLS "))
            #expect(invite.text(.recordRoute).hasPrefix("<sips:"))
            #expect(invite.text(.recordRoute).hasSuffix("@127.0.0.1:\(port);lr>"))
            #expect(invite.text(.contact).hasPrefix("<sips:alice@"))
            let bye = try #require(bob.seen.first("BYE"))
            #expect(bye.text(.via).hasPrefix("SIP/2.0/TLS "))
            for phone in [alice, bob] { await phone.agent.shutDown() }
        }
    }

    /// A request to a SIP URI stays one, and goes by TLS to whoever is bound by SIPS (§5.3).
    @Test func aSIPCallToASIPSContact() async throws {
        try await withSecureServer { server, plain, port in
            let alice = try await phone("sip:alice@localhost", proxy: "sip:127.0.0.1:\(plain)", server)
            let bob = try await phone("sips:bob@localhost", proxy: "sips:127.0.0.1:\(port)", server)
            let invite = try await call(alice, "bob", bob)
            #expect(invite.withView { (try? $0.requestURI)?.scheme } == .sip)
            #expect(invite.text(.via).hasPrefix("SIP/2.0/TLS "))
            #expect(invite.text(.contact).hasPrefix("<sip:alice@"))
            for phone in [alice, bob] { await phone.agent.shutDown() }
        }
    }

    /// A request to a SIPS URI is not sent to whoever is bound by SIP only (§5.3).
    @Test func aSIPSCallToASIPContactIsRefused() async throws {
        try await withSecureServer { server, plain, port in
            let alice = try await phone("sips:alice@localhost", proxy: "sips:127.0.0.1:\(port)", server)
            for proxy in ["sip:127.0.0.1:\(plain)", "sip:127.0.0.1:\(port);transport=tls"] {
                let bob = try await phone("sip:bob@localhost", proxy: proxy, server)
                let error = await #expect(throws: CallError.self) {
                    _ = try await alice.agent.call("sips:bob@localhost")
                }
                #expect(error?.status == 480)
                #expect(alice.seen.first("SIP/2.0 480")?.text(.warning) == "380 itodenwa \"SIPS Not Allowed\"")
                await bob.agent.shutDown()
            }
            await alice.agent.shutDown()
        }
    }

    /// What claims SIPS and comes without TLS, and a SIPS contact at a SIP address (§5.2).
    @Test func contradictionsAreRefused() async throws {
        try await withSecureServer { _, port, _ in
            let phone = try RawPhone(server: port)
            let options = try await phone.ask(phone.request("OPTIONS", "sips:localhost", from: "sips:a@elsewhere.test"))
            #expect(options.text.hasPrefix("SIP/2.0 400 SIPS Without TLS"))
            let register = phone.request("REGISTER", "sip:localhost", from: "sip:alice@localhost")
                .replacing("Contact: <sip:", with: "Contact: <sips:")
            let answer = try await phone.ask(register)
            #expect(answer.text.hasPrefix("SIP/2.0 400 SIPS Contact At A SIP Address"), "\(answer.text)")
        }
    }
}

extension Message {
    /// The first value of a header, as text.
    fileprivate func text(_ name: HeaderName) -> String {
        withView { view in view.firstValue(of: name).map { view.text($0) } ?? "" }
    }
}
