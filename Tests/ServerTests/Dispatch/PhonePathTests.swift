import Testing
import TestKit

@testable import Server

/// Proxies between a phone and its registrar.
@Suite struct PhonePathTests {
    /// The Path of a REGISTER is the Route of what the phone is sent, also after a restart (RFC 3327 §5.4).
    @Test func requestsGoByThePath() async throws {
        let folder = try TemporaryFolder("server")
        let edge = try await withServer({ $0.authentication.isRequired = false }, folder: folder) { server, port in
            let edge = try RawPhone(server: port)
            let of = "sip:bob@localhost"
            let path = "<sip:token@127.0.0.1:\(edge.port);lr;ob>"
            let answer = try await edge.ask(
                edge.request(
                    "REGISTER", "sip:localhost", from: of, to: of, headers: ["Path: \(path)", "Supported: path"]
                ).replacing("Contact: <sip:phone@127.0.0.1:\(edge.port)>", with: "Contact: <sip:bob@192.0.2.7>"))
            #expect(answer.status == 200)
            #expect(answer.values("Path") == [path])
            return edge
        }
        try await withServer({ $0.authentication.isRequired = false }, folder: folder, users: []) { _, port in
            let caller = try RawPhone(server: port)
            caller.send(caller.request("INVITE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            let invite = try await edge.next()
            #expect(invite.text.hasPrefix("INVITE sip:bob@192.0.2.7 SIP/2.0\r\n"))
            #expect(invite.values("Route") == ["<sip:token@127.0.0.1:\(edge.port);lr;ob>"])
        }
    }

    @Test func phonesAreToldTheServiceRoute() async throws {
        try await withServer({ $0.domains[0].serviceRoute = ["sip:p1.example.com;lr", "sip:p2.example.com;lr"] }) {
            server, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.register("alice", password: "secret of alice")
            #expect(answer.values("Service-Route") == ["<sip:p1.example.com;lr>, <sip:p2.example.com;lr>"])
            var new = server.configuration
            new.domains[0].serviceRoute = []
            await server.reload(new)
            let other = try await RawPhone(server: port).register("bob", password: "secret of bob")
            #expect(other.status == 200)
            #expect(other.values("Service-Route").isEmpty)
        }
    }
}
