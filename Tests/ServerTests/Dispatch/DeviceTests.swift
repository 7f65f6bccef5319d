import Foundation
import SIP
import SIPEndpoint
import Synchronization
import TestKit
import Testing
import UserAgent

@testable import Server

/// Requests to one device of a user by its GRUU (RFC 5627), over sockets and lanes.
@Suite struct DeviceTests {
    private static let urn = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"
    private static let bob = "sip:bob@localhost"

    /// Registers a phone of bob's, and returns its GRUUs.
    private func register(
        _ phone: RawPhone, _ urn: String, callID: String, cSeq: Int = 1, parameters: String = ""
    ) async throws -> (public: String, temporary: String) {
        let answer = try await phone.ask(
            phone.request(
                "REGISTER", "sip:localhost", from: Self.bob, to: Self.bob, callID: callID, cSeq: cSeq,
                contactParameters: ";+sip.instance=\"<\(urn)>\"\(parameters)", headers: ["Supported: gruu"]))
        #expect(answer.status == 200)
        let own = answer.values("Contact").first { $0.contains(":\(phone.port)>") } ?? ""
        func gruu(_ name: String) -> String {
            guard let start = own.firstRange(of: name + "=\"") else { return "" }
            return String(own[start.upperBound...].prefix { $0 != "\"" })
        }
        return (gruu("pub-gruu"), gruu("temp-gruu"))
    }

    @Test func requestsReachOneDevice() async throws {
        try await withServer({ $0.authentication.isRequired = false }) { _, port in
            let (first, second, caller) = (
                try RawPhone(server: port), try RawPhone(server: port), try RawPhone(server: port)
            )
            let gruus = try await register(first, Self.urn, callID: "1")
            _ = try await register(second, "urn:uuid:2", callID: "2")
            #expect(gruus.public == "\(Self.bob);gr=\(Self.urn)")
            for gruu in [gruus.public, gruus.temporary] {
                caller.send(caller.request("MESSAGE", gruu, from: "sip:a@elsewhere.test"))
                let request = try await first.next()
                #expect(request.text.hasPrefix("MESSAGE sip:phone@127.0.0.1:\(first.port) SIP/2.0\r\n"))
                first.send(first.response(200, to: request))
                #expect(try await caller.next().status == 200)
            }
            // Another Call-ID makes the old temporary one unknown; the end of the binding the new one too.
            let renewed = try await register(first, Self.urn, callID: "3", cSeq: 1)
            let message = { caller.request("MESSAGE", $0, from: "sip:a@elsewhere.test") }
            #expect(try await caller.ask(message(gruus.temporary)).status == 404)
            _ = try await register(first, Self.urn, callID: "3", cSeq: 2, parameters: ";expires=0")
            #expect(try await caller.ask(message(renewed.temporary)).status == 404)
            #expect(try await caller.ask(message(gruus.public)).status == 480)
        }
    }

    /// A domain that redirects does not redirect what is for one device.
    @Test func areNotRedirected() async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.domains[0].mode = .redirect
        }) { _, port in
            let (phone, caller) = (try RawPhone(server: port), try RawPhone(server: port))
            let gruus = try await register(phone, Self.urn, callID: "1")
            let redirected = try await caller.ask(caller.request("MESSAGE", Self.bob, from: "sip:a@elsewhere.test"))
            #expect(redirected.status == 302)
            caller.send(caller.request("MESSAGE", gruus.public, from: "sip:a@elsewhere.test"))
            #expect(try await phone.next().text.hasPrefix("MESSAGE "))
        }
    }

    /// Two phones of ours whose Contacts are GRUUs: the dialog goes on by them.
    @Test(arguments: [UserAgent.GRUUChoice.public, .temporary])
    func dialogsGoByGRUUs(_ choice: UserAgent.GRUUChoice) async throws {
        try await withServer { server, _ in
            let seen = Contacts()
            let proxy = server.listeners[0].address
            let alice = try await phone("alice", proxy: proxy) {
                $0.instance = .random()
                $0.gruu = choice
                $0.trace = { seen.note($0) }
            }
            let bob = try await phone("bob", proxy: proxy) {
                $0.instance = InstanceID(Self.urn)
                $0.gruu = choice
            }
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations { return try await invitation.answer(with: .silence) }
                return nil
            }
            let call = try await alice.call("sip:bob@localhost")
            let answered = try #require(try await answering.value)
            try await call.hold()
            await answered.hangUp()
            for await event in call.events { if case .ended = event { break } }
            let contacts = seen.all
            #expect(contacts.count >= 4)
            #expect(contacts.allSatisfy { $0.contains("@localhost;gr") }, "\(contacts)")
            if choice == .public {
                #expect(contacts.contains { $0.contains("sip:bob@localhost;gr=\(Self.urn)") })
            } else {
                #expect(contacts.allSatisfy { $0.contains("sip:tgruu.") })
            }
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    /// A user may not give the GRUU of another as the own Contact (§6.2).
    @Test func aContactOfAnotherUserIsRefused() async throws {
        try await withServer { server, port in
            let phone = try RawPhone(server: port)
            let invite = { (headers: [String]) in
                phone.request("INVITE", Self.bob, from: "sip:alice@localhost", headers: headers)
                    .replacing("<sip:phone@127.0.0.1:\(phone.port)>", with: "<\(Self.bob);gr=\(Self.urn)>")
            }
            let challenge = try await phone.ask(invite([]))
            #expect(challenge.status == 407)
            let credentials = try challenge.answer(
                "Proxy-Authenticate", "alice", "secret of alice", method: "INVITE", uri: Self.bob)
            let refused = try await phone.ask(invite(["Proxy-Authorization: \(credentials)"]))
            #expect(refused.status == 403)
            #expect(await server.statistics().refused["identityMismatch"] == 1)
        }
    }
}

/// The Contacts of INVITEs and of their 2xx that a phone has sent and got.
private final class Contacts: Sendable {
    private let values = Mutex<[String]>([])

    var all: [String] { values.withLock { $0 } }

    func note(_ message: TracedMessage) {
        let text = String(decoding: message.bytes, as: UTF8.self)
        guard text.contains(" INVITE\r\n"), text.hasPrefix("INVITE ") || text.hasPrefix("SIP/2.0 200") else { return }
        for line in text.split(separator: "\r\n") where line.hasPrefix("Contact:") {
            values.withLock { $0.append(String(line)) }
        }
    }
}
