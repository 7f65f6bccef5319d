import Reactor
import SIPEndpoint
import TestKit
import Testing

@testable import Server

/// Calls of a phone that loses its connection and comes back by another.
@Suite struct LostFlowTests {
    /// How a phone registers again: with the contact of before, with one that names its new connection, or not at all; or somebody
    /// else does.
    enum Return: CaseIterable {
        case sameContact, newPort, no, another
    }

    @Test(arguments: Return.allCases) func theFarSideHangsUp(_ how: Return) async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.listeners.append(ServerConfiguration.Listener(transport: .tcp, address: "127.0.0.1", port: 0))
        }) { server, udp in
            let tcp = server.listeners[1].address.port
            let first = try RawConnection(server: tcp)
            first.send(first.register("bob"))
            #expect(try await first.next().status == 200)
            let caller = try RawPhone(server: udp)
            caller.send(caller.request("INVITE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            first.send(first.accept(try await first.next(), "bob"))
            var answer = try await caller.next()
            while answer.status < 200 { answer = try await caller.next() }
            let route = try #require(answer.values("Record-Route").last)
            func send(_ method: String, _ cSeq: Int) throws {
                let text = try caller.request(method, after: answer, cSeq: cSeq)
                caller.send(text.replacing("Max-Forwards:", with: "Route: \(route)\nMax-Forwards:"))
            }
            try send("ACK", 1)
            #expect(try await first.next().text.hasPrefix("ACK "))
            first.end()
            while await server.statistics().bindings > 0 { await Task.yield() }
            let second = try RawConnection(server: tcp)
            let old = "sip:bob@127.0.0.1:\(first.port);transport=tcp"
            let register = second.register(how == .another ? "alice" : "bob")
            switch how {
            case .no: break
            case .sameContact:
                second.send(register.replacing(":\(second.port);transport", with: ":\(first.port);transport"))
            case .newPort, .another: second.send(register)
            }
            if how != .no { #expect(try await second.next().status == 200) }
            try send("BYE", 2)
            if how == .no || how == .another {
                #expect(try await caller.next().status == 430)
                second.send(second.register("carol", cSeq: 9))
                #expect(try await second.next().status == 200)
            } else {
                let bye = try await second.next()
                #expect(bye.text.hasPrefix("BYE \(old) SIP/2.0"))
                second.send(second.accept(bye, "bob"))
                #expect(try await caller.next().status == 200)
            }
        }
    }
}

extension RawConnection {
    /// A 200 to a request that came over this connection.
    fileprivate func accept(_ request: RawMessage, _ user: String) -> String {
        let copied = request.lines.filter { line in
            ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"].contains { line.hasPrefix($0) }
        }
        let to = request.values("To").first ?? ""
        return
            (["SIP/2.0 200 OK"] + copied.map(String.init) + [
                "To: \(to)\(to.contains("tag=") ? "" : ";tag=\(port)")",
                "Contact: <sip:\(user)@127.0.0.1:\(port);transport=tcp>", "Content-Length: 0", "", "",
            ]).joined(separator: "\n")
    }
}
