import Testing
import TestKit

@testable import Server

/// Where a phone that answers 3xx may send its callers.
@Suite struct RedirectedCallTests {
    /// `proxy.redirects`, the Contact of the 302, and what the caller hears in the end.
    @Test(arguments: [
        (ServerConfiguration.Proxy.Redirections.ownDomains, "sip:alice@localhost", 200),
        (.ownDomains, "sip:nobody@localhost", 302), (.ownDomains, "sip:echo@localhost", 302),
        (.ownDomains, "sip:x@127.0.0.2:PORT", 302), (.anywhere, "sip:x@127.0.0.2:PORT", 200),
        // Another port of our own address is a neighbour's.
        (.ownDomains, "sip:x@127.0.0.1:PORT", 302), (.anywhere, "sip:x@127.0.0.1:PORT", 200),
        (.nowhere, "sip:alice@localhost", 302),
    ])
    func aRedirectionLeadsWhereItMay(
        _ mode: ServerConfiguration.Proxy.Redirections, _ contact: String, _ status: Int
    ) async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.proxy.redirections = mode
        }) { server, port in
            let (bob, alice, caller) = (
                try RawPhone(server: port), try RawPhone(server: port), try RawPhone(server: port)
            )
            for (phone, of) in [(bob, "sip:bob@localhost"), (alice, "sip:alice@localhost")] {
                let answer = try await phone.ask(phone.request("REGISTER", "sip:localhost", from: of, to: of))
                #expect(answer.status == 200)
            }
            caller.send(caller.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            let first = try await bob.next()
            let elsewhere = try RawPhone(
                server: port, address: contact.contains("127.0.0.2") ? 0x7F00_0002 : 0x7F00_0001)
            let target = contact.replacing("PORT", with: String(elsewhere.port))
            bob.send(
                bob.response(302, to: first).replacing(
                    "Contact: <sip:phone@127.0.0.1:\(bob.port)>", with: "Contact: <\(target)>"))
            if status == 200 {
                let called = mode == .anywhere ? elsewhere : alice
                let second = try await called.next()
                let uri = mode == .anywhere ? target : "sip:phone@127.0.0.1:\(alice.port)"
                #expect(second.text.hasPrefix("MESSAGE \(uri) "))
                called.send(called.response(200, to: second))
            }
            var answer = try await caller.next()
            while answer.status < 200 { answer = try await caller.next() }
            #expect(answer.status == status)
        }
    }
}
