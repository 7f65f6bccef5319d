import Foundation
import Testing
import TestKit

@testable import Server

@Suite struct RegistrationTests {
    @Test func aUserRegistersWithDigest() async throws {
        try await withServer { _, port in
            let phone = try RawPhone(server: port)
            let challenge = try await phone.ask(
                phone.request("REGISTER", "sip:localhost", from: "sip:alice@localhost", to: "sip:alice@localhost"))
            #expect(challenge.status == 401)
            let offers = challenge.values("WWW-Authenticate")
            #expect(offers.count == 1)
            #expect(offers.first?.contains("realm=\"localhost\"") == true)
            #expect(offers.first?.contains("MD5") == true)
            let answer = try await phone.register("alice", password: "secret of alice")
            #expect(answer.status == 200)
            #expect(answer.values("Contact").first?.contains("sip:phone@127.0.0.1:\(phone.port)") == true)
        }
    }

    @Test func bothAlgorithmsAreOfferedWhenConfigured() async throws {
        try await withServer({ $0.authentication.algorithms = [.sha256, .md5] }) { _, port in
            let phone = try RawPhone(server: port)
            let challenge = try await phone.ask(
                phone.request("REGISTER", "sip:localhost", from: "sip:alice@localhost", to: "sip:alice@localhost"))
            let offers = challenge.values("WWW-Authenticate")
            #expect(offers.count == 2)
            #expect(offers.first?.contains("SHA-256") == true)
            #expect(offers.last?.contains("MD5") == true)
        }
    }

    /// Somebody without the right password learns nothing, not even whether there is such a user.
    @Test(arguments: [("alice", "wrong"), ("nobody", "secret of nobody")])
    func wrongCredentialsAreChallengedAgain(user: String, password: String) async throws {
        try await withServer { _, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.register(user, password: password)
            #expect(answer.status == 401)
        }
    }

    @Test func nobodyRegistersForAnother() async throws {
        try await withServer { _, port in
            let answer = try await RawPhone(server: port).register(
                "alice", password: "secret of alice", addressOfRecord: "bob")
            #expect(answer.status == 403)
        }
    }

    @Test func bindingsOutliveARestart() async throws {
        let folder = try TemporaryFolder("server")
        let phone = try await withServer(folder: folder) { _, port in
            let phone = try RawPhone(server: port)
            #expect(try await phone.register("bob", password: "secret of bob").status == 200)
            return phone
        }
        try await withServer(folder: folder, users: []) { _, port in
            let caller = try RawPhone(server: port)
            caller.send(caller.request("INVITE", "sip:bob@localhost", from: "sip:stranger@elsewhere.test"))
            let invite = try await phone.next()
            #expect(invite.text.hasPrefix("INVITE sip:phone@127.0.0.1:\(phone.port) SIP/2.0\r\n"))
        }
    }

    @Test func memoryKeepsNothing() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer({ $0.store.kind = .memory }, folder: folder) { _, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.register("bob", password: "secret of bob")
            #expect(answer.status == 200)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("data/itodenwa.sqlite")))
        try await withServer({ $0.store.kind = .memory }, folder: folder, users: []) { _, port in
            let answer = try await RawPhone(server: port).register("bob", password: "secret of bob")
            #expect(answer.status == 401)
        }
    }

    @Test func withoutAuthenticationAnyoneRegisters() async throws {
        try await withServer({ $0.authentication.isRequired = false }, users: []) { _, port in
            let phone = try RawPhone(server: port)
            let of = "sip:load7@127.0.0.1:\(port)"
            let answer = try await phone.ask(phone.request("REGISTER", "sip:127.0.0.1:\(port)", from: of, to: of))
            #expect(answer.status == 200)
        }
    }
}
