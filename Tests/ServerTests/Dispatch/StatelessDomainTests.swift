import Testing
import TestKit

@testable import Server

/// `domains[].mode: stateless`.
@Suite struct StatelessDomainTests {
    @Test func aCallGoesThroughWithoutTransactions() async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.domains[0].mode = .stateless
        }) { server, port in
            let (bob, caller) = (try RawPhone(server: port), try RawPhone(server: port))
            let of = "sip:bob@localhost"
            #expect(try await bob.ask(bob.request("REGISTER", "sip:localhost", from: of, to: of)).status == 200)
            let invite = caller.request("INVITE", of, from: "sip:a@elsewhere.test")
            caller.send(invite)
            let first = try await bob.next()
            // A repetition is the same to the byte, and so is the way of what ends the call before it is answered.
            caller.send(invite)
            #expect(try await bob.next().text == first.text)
            bob.send(bob.response(180, to: first))
            #expect(try await caller.next().status == 180)
            let name = { (text: String, method: String) in
                text.replacing("INVITE sip:", with: "\(method) sip:").replacing(" INVITE\n", with: " \(method)\n")
            }
            caller.send(name(invite, "CANCEL"))
            let cancel = try await bob.next()
            #expect(cancel.text.hasPrefix("CANCEL sip:phone@127.0.0.1:\(bob.port) "))
            #expect(cancel.values("Via").first == first.values("Via").first)
            bob.send(bob.response(487, to: first))
            #expect(try await caller.next().status == 487)
            caller.send(name(invite, "ACK"))
            let ack = try await bob.next()
            #expect(ack.text.hasPrefix("ACK "))
            #expect(ack.values("Via").first == first.values("Via").first)
            let counted = await server.statistics()
            #expect(counted.signalling["serverTransactions"] == 0)
            #expect(counted.signalling["clientTransactions"] == 0)
            #expect(counted.proxy["stateless"] == 3)
        }
    }

    @Test func theDialogGoesOnWithoutState() async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.domains[0].mode = .stateless
        }) { server, port in
            let (bob, caller) = (try RawPhone(server: port), try RawPhone(server: port))
            let of = "sip:bob@localhost"
            #expect(try await bob.ask(bob.request("REGISTER", "sip:localhost", from: of, to: of)).status == 200)
            caller.send(caller.request("INVITE", of, from: "sip:a@elsewhere.test"))
            bob.send(bob.response(200, to: try await bob.next()))
            let answer = try await caller.next()
            let route = try #require(answer.values("Record-Route").first)
            for method in ["ACK", "BYE"] {
                let request = try caller.request(method, after: answer, cSeq: method == "ACK" ? 1 : 2)
                caller.send(request.replacing("Max-Forwards:", with: "Route: \(route)\nMax-Forwards:"))
                #expect(try await bob.next().text.hasPrefix("\(method) "))
            }
            #expect(await server.statistics().signalling["serverTransactions"] == 0)
        }
    }

    /// A CANCEL for nobody is answered as anywhere.
    @Test func aCancelForNobodyGets481() async throws {
        try await withServer({ $0.domains[0].mode = .stateless }) { _, port in
            let caller = try RawPhone(server: port)
            let answer = try await caller.ask(
                caller.request("CANCEL", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            #expect(answer.status == 481)
        }
    }
}
