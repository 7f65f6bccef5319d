import Reactor
import Registrar
import Routing
import SIPEndpoint
import Synchronization
import TestKit
import Testing
import UserAgent

@testable import Server

/// Phones that sleep and are woken through a web service (RFC 8599), over sockets and lanes.
@Suite(.timeLimit(.minutes(2))) struct PushTests {
    private static let parameters = ";pn-provider=apns;pn-prid=ZTY4%3DZ;pn-param=T1.com.example"
    private static let bob = "sip:bob@localhost"

    private func withPushServer(
        status: UInt = 204, _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (SIPServer, _ udp: UInt16, _ tcp: UInt16, WebhookReceiver) async throws -> Void
    ) async throws {
        let receiver = try await WebhookReceiver(status: status)
        try await withServer({
            $0.authentication.isRequired = false
            $0.push.webhookURL = receiver.url
            $0.listeners.append(ServerConfiguration.Listener(transport: .tcp, address: "127.0.0.1", port: 0))
            change(&$0)
        }) { server, port in try await body(server, port, server.listeners[1].address.port, receiver) }
        await receiver.stop()
    }

    /// A REGISTER of bob's phone, whose address looks the same on each connection.
    private func register(
        _ phone: RawConnection, _ parameters: String = Self.parameters, cSeq: Int = 1, more: String = ""
    ) async throws -> RawMessage {
        phone.send(
            phone.register("bob", parameters: more, cSeq: cSeq).replacing(
                "127.0.0.1:\(phone.port);transport=tcp>", with: "10.0.0.9:5060;transport=tcp\(parameters)>"
            ).replacing("Call-ID: \(phone.port)", with: "Call-ID: bob-phone"))
        return try await phone.next()
    }

    /// The connection is gone, the binding is not: a call waits, the phone is woken, comes back, and gets it.
    /// A domain without state keeps what waits, and nothing else.
    @Test(arguments: [ServerConfiguration.Domain.Mode.proxy, .stateless])
    func aCallWaitsForThePhone(_ mode: ServerConfiguration.Domain.Mode) async throws {
        try await withPushServer({ $0.domains[0].mode = mode }) { server, udp, tcp, receiver in
            let first = try RawConnection(server: tcp)
            let answer = try await register(first)
            #expect(answer.status == 200)
            #expect(answer.values("Feature-Caps").first?.hasPrefix("*;+sip.pns=\"apns\";+sip.pnspurr=\"") == true)
            first.end()
            while await server.statistics().connections["open"] != 0 { await Task.yield() }
            #expect(await server.statistics().bindings == 1)
            let caller = try RawPhone(server: udp)
            caller.send(caller.request("INVITE", Self.bob, from: "sip:a@elsewhere.test"))
            #expect(try await caller.next().status == 100)
            let wish = WebhookSender.Body(
                provider: "apns", prid: "ZTY4=Z", param: "T1.com.example", reason: "request")
            #expect(await receiver.next() == wish)
            let second = try RawConnection(server: tcp)
            #expect(try await register(second, cSeq: 2).status == 200)
            let invite = try await second.next()
            #expect(invite.text.hasPrefix("INVITE sip:bob@10.0.0.9:5060;transport=tcp;pn-provider=apns;"))
            second.send(
                """
                SIP/2.0 486 Busy
                \(invite.lines.filter { $0.hasPrefix("Via:") || $0.hasPrefix("From:") || $0.hasPrefix("Call-ID:") }
                    .joined(separator: "\n"))
                To: \(invite.values("To")[0]);tag=1
                CSeq: \(invite.values("CSeq")[0])
                Content-Length: 0


                """)
            #expect(try await caller.next().status == 486)
            let counted = await server.statistics().push
            #expect(counted["parked"] == 1 && counted["delivered"] == 1 && counted["requested"] == 1)
        }
    }

    private func reference(_ answer: RawMessage) throws -> Substring {
        let caps = try #require(answer.values("Feature-Caps").first)
        return try #require(caps.firstMatch(of: /\+sip\.pnspurr="([^"]+)"/)).1
    }

    /// A response of bob's phone over its connection.
    private func respond(_ phone: RawConnection, _ status: Int, to request: RawMessage, contact: String) {
        let copied = request.lines.filter { line in
            ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"].contains { line.hasPrefix($0) }
        }
        let to = request.values("To")[0]
        let lines =
            ["SIP/2.0 \(status) Said by hand"] + copied.map(String.init)
            + [
                "To: \(to.contains("tag=") ? to : to + ";tag=bob")", "Contact: <\(contact)>", "Content-Length: 0", "",
                "",
            ]
        phone.send(lines.joined(separator: "\n"))
    }

    /// RFC 8599 §6.2: a call is up, the phone falls asleep; what comes in the dialog wakes it, as its Contact names its registration,
    /// and reaches it with that Request-URI though it has come back by another connection.
    @Test(arguments: [true, false]) func aRequestInADialogWakesThePhone(_ recordsRoute: Bool) async throws {
        try await withPushServer({ $0.proxy.recordsRoute = recordsRoute }) { server, udp, tcp, receiver in
            let first = try RawConnection(server: tcp)
            let contact = "sip:bob@10.0.0.9:5060;transport=tcp;pn-purr=\(try reference(try await register(first)))"
            let caller = try RawPhone(server: udp)
            caller.send(caller.request("INVITE", Self.bob, from: "sip:a@elsewhere.test"))
            let invite = try await first.next()
            #expect(invite.text.hasPrefix("INVITE "))
            // §6.2.2: the proxy stays in the way of the dialog, even where it does not otherwise.
            let routes = invite.values("Record-Route")
            #expect(!routes.isEmpty)
            respond(first, 200, to: invite, contact: contact)
            var answer = try await caller.next()
            while answer.status < 200 { answer = try await caller.next() }
            let route = "Route: \(routes.reversed().joined(separator: ", "))\nCSeq:"
            caller.send(try caller.request("ACK", after: answer, cSeq: 1).replacing("CSeq:", with: route))
            #expect(try await first.next().text.hasPrefix("ACK \(contact) "))
            first.end()
            while await server.statistics().connections["open"] != 0 { await Task.yield() }
            caller.send(try caller.request("BYE", after: answer, cSeq: 2).replacing("CSeq:", with: route))
            let wish = WebhookSender.Body(
                provider: "apns", prid: "ZTY4=Z", param: "T1.com.example", reason: "request")
            #expect(await receiver.next() == wish)
            let second = try RawConnection(server: tcp)
            #expect(try await register(second, cSeq: 2).status == 200)
            let bye = try await second.next()
            #expect(bye.text.hasPrefix("BYE \(contact) SIP/2.0\r\n"))
            respond(second, 200, to: bye, contact: contact)
            #expect(try await caller.next().status == 200)
            let counted = await server.statistics().push
            #expect(counted["parked"] == 1 && counted["delivered"] == 1)
        }
    }

    /// §6.2.2: also the calls that a phone makes are record-routed, when its Contact names a registration of ours.
    @Test(arguments: [true, false]) func whoCallsStaysReachable(_ isOurs: Bool) async throws {
        try await withPushServer({ $0.proxy.recordsRoute = false }) { _, udp, tcp, _ in
            let sleeper = try RawConnection(server: tcp)
            let reference = try reference(try await register(sleeper))
            let (alice, caller) = (try RawPhone(server: udp), try RawPhone(server: udp))
            let of = "sip:alice@localhost"
            #expect(try await alice.ask(alice.request("REGISTER", "sip:localhost", from: of, to: of)).status == 200)
            let purr = isOurs ? String(reference) : String(reference.reversed())
            caller.send(
                caller.request("INVITE", of, from: Self.bob).replacing(
                    "Contact: <sip:phone@127.0.0.1:\(caller.port)>",
                    with: "Contact: <sip:phone@127.0.0.1:\(caller.port);pn-purr=\(purr)>"))
            #expect(try await alice.next().values("Record-Route").isEmpty == !isOurs)
        }
    }

    /// Nobody comes back: 480 in time.
    @Test func aPhoneThatDoesNotComeBack() async throws {
        try await withPushServer({ $0.push.waitingTime = .seconds(1) }) { server, udp, tcp, receiver in
            let phone = try RawConnection(server: tcp)
            #expect(try await register(phone).status == 200)
            phone.end()
            while await server.statistics().connections["open"] != 0 { await Task.yield() }
            let caller = try RawPhone(server: udp)
            let answer = try await caller.ask(caller.request("INVITE", Self.bob, from: "sip:a@elsewhere.test"))
            #expect(answer.status == 480)
            #expect(await receiver.next()?.reason == "request")
            #expect(await server.statistics().push["expired"] == 1)
        }
    }

    /// The service does not take the notification: 480 at once.
    @Test func aNotificationThatFails() async throws {
        try await withPushServer(status: 502, { $0.push.awakeTime = .zero }) { server, udp, _, receiver in
            let phone = try RawPhone(server: udp)
            let own = "<sip:phone@127.0.0.1:\(phone.port)"
            let register = phone.request("REGISTER", "sip:localhost", from: Self.bob, to: Self.bob)
                .replacing("\(own)>", with: "\(own)\(Self.parameters)>")
            #expect(try await phone.ask(register).status == 200)
            await fallAsleep(server)
            let caller = try RawPhone(server: udp)
            let message = caller.request("MESSAGE", Self.bob, from: "sip:a@elsewhere.test")
            #expect(try await caller.ask(message).status == 480)
            #expect(await receiver.next() != nil)
            #expect(await server.statistics().push["refused"] == 1)
        }
    }

    /// Waits until bob's phone counts as asleep: a second after its REGISTER.
    private func fallAsleep(_ server: SIPServer) async {
        while true {
            let found = Array("bob".utf8).withUnsafeBytes { server.table.location(user: $0, domain: 0) }
            if case .bindings(let bindings) = found, let first = bindings.first, first.age > 0 { return }
            await Task.yield()
        }
    }

    @Test func whatTheRegistrarSays() async throws {
        try await withPushServer({ $0.push.services = ["acme", "fcm"] }) { _, _, tcp, _ in
            let phone = try RawConnection(server: tcp)
            #expect(try await register(phone).status == 555)
            // Asking for all there is, and for one (§4.1.5).
            let all = try await register(phone, ";pn-provider", cSeq: 2)
            #expect(all.values("Feature-Caps") == ["*;+sip.pns=\"acme\"", "*;+sip.pns=\"fcm\""])
            let one = try await register(phone, ";pn-provider=ACME", cSeq: 3)
            #expect(one.values("Feature-Caps") == ["*;+sip.pns=\"acme\""])
            let brief = try await register(
                phone, ";pn-provider=acme;pn-prid=1", cSeq: 4, more: ";expires=239")
            #expect(brief.status == 423 && brief.values("Min-Expires") == ["240"])
            let own = try await register(phone, ";pn-provider=acme;pn-prid=1", cSeq: 5, more: ";+sip.pnsreg")
            #expect(
                own.values("Feature-Caps").first?.hasPrefix("*;+sip.pns=\"acme\";+sip.pnsreg=\"121\";+sip.pnspurr=\"")
                    == true)
            // Without a word of it nothing is said.
            #expect(try await register(phone, "", cSeq: 6).values("Feature-Caps").isEmpty)
        }
    }

    /// The SDK's phone over UDP, asleep as far as the server knows.
    @Test func aPhoneOfTheSDK() async throws {
        try await withPushServer({
            $0.authentication.isRequired = true
            $0.push.awakeTime = .zero
        }) { server, _, _, receiver in
            let proxy = server.listeners[0].address
            let contacts = Mutex<[String]>([])
            let bob = try await phone("bob", proxy: proxy) {
                $0.push = PushParameters(provider: "fcm", resourceID: "a=b;c", parameter: "x")
                $0.trace = { message in
                    let text = RawMessage(text: String(decoding: message.bytes, as: UTF8.self))
                    guard text.status == 200, text.values("CSeq").first?.hasSuffix("INVITE") == true else { return }
                    contacts.withLock { $0 += text.values("Contact") }
                }
            }
            let alice = try await phone("alice", proxy: proxy)
            let waking = Task {
                let wish = await receiver.next()
                bob.pushReceived()
                return wish
            }
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations { return try await invitation.answer(with: .silence) }
                return nil
            }
            await fallAsleep(server)
            let call = try await alice.call("sip:bob@localhost")
            let wish = WebhookSender.Body(provider: "fcm", prid: "a=b;c", param: "x", reason: "request")
            #expect(await waking.value == wish)
            _ = try await answering.value
            // §6.1.1
            #expect(contacts.withLock { $0 }.first?.contains(";pn-purr=") == true)
            await call.hangUp()
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    @Test(arguments: ["ftp://x", "http://", "push.example.com"])
    func whatIsNoURLIsRefused(_ url: String) {
        #expect(throws: ServerError.self) { _ = try WebhookSender(url) }
    }
}
