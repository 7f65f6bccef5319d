import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing
import UserAgent

@testable import Server

/// What proves who a user is, by the domain's policy: passwords, certificates, either or both.
@Suite(.timeLimit(.minutes(2))) struct ClientCertificateTests {
    typealias Policy = ServerConfiguration.Domain.Authentication

    /// What a phone shows: nothing, its user's certificate, that of the whole domain, or another user's.
    enum Shown: String, CaseIterable {
        case nothing, user, domain, other
    }

    private static func isAccepted(_ policy: Policy, _ shown: Shown, _ hasPassword: Bool) -> Bool {
        let fits = shown == .user || shown == .domain
        return switch policy {
        case .digest: hasPassword
        case .certificate: fits
        case .either: fits || hasPassword
        case .both: fits && hasPassword
        }
    }

    /// A server with a TLS listener that asks for certificates, the authority that it believes, and the port.
    private func withSecureServer(
        _ policy: Policy, _ body: (SIPServer, CertificateAuthority, UInt16) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder("certificates")
        let authority = try CertificateAuthority()
        let own = try authority.issue([.dns("localhost"), .address("127.0.0.1")])
        let file = try folder.write("\(own.certificate)\n\(own.key)\n", to: "server.pem")
        let authorities = try folder.write("\(authority.certificate)\n", to: "authority.pem")
        try await withServer({
            $0.listeners.append(.init(transport: .tls, address: "127.0.0.1", port: 0))
            $0.tls.certificate = file
            $0.tls.authorities = authorities
            $0.tls.clientVerification = .optional
            $0.domains[0].authentication = policy
        }) { server, _ in
            try await body(server, authority, server.listeners[1].address.port)
        }
    }

    @Test(arguments: Policy.allCases)
    func usersProveThemselves(_ policy: Policy) async throws {
        try await withSecureServer(policy) { server, authority, port in
            for shown in Shown.allCases {
                for hasPassword in [true, false] {
                    var options = UserAgent.Options(address: .loopback())
                    options.trust = .authorities(try authority.authorities)
                    options.identity =
                        switch shown {
                        case .nothing: nil
                        case .user: try authority.issue([.uri("sip:alice@localhost")]).identity
                        case .domain: try authority.issue([.uri("sip:localhost")]).identity
                        case .other: try authority.issue([.uri("sip:bob@localhost"), .dns("example.com")]).identity
                        }
                    options.registers = false
                    let account = try Account(
                        "sip:alice@localhost", password: hasPassword ? "secret of alice" : "wrong",
                        proxy: "sip:127.0.0.1:\(port);transport=tls")
                    let agent = try await UserAgent(account: account, options: options)
                    var isRegistered = true
                    do throws(RegistrationError) { try await agent.register() } catch { isRegistered = false }
                    #expect(
                        isRegistered == Self.isAccepted(policy, shown, hasPassword),
                        "\(policy) \(shown) \(hasPassword)")
                    await agent.shutDown()
                }
            }
            if policy == .certificate || policy == .both {
                #expect((await server.statistics().refused["uncertified"] ?? 0) >= 4)
            }
        }
    }

    /// A certificate holds for calls too: no Digest is asked for, and who shows that of somebody else, or none, is refused.
    @Test(arguments: Shown.allCases) func callsByCertificate(_ shown: Shown) async throws {
        try await withSecureServer(.certificate) { server, authority, port in
            func agent(_ user: String, _ identity: TLSIdentity?, registers: Bool) async throws -> UserAgent {
                var options = UserAgent.Options(address: .loopback())
                options.trust = .authorities(try authority.authorities)
                options.identity = identity
                options.registers = registers
                let account = try Account("sip:\(user)@localhost", proxy: "sip:127.0.0.1:\(port);transport=tls")
                return try await UserAgent(account: account, options: options)
            }
            let bob = try await agent(
                "bob", try authority.issue([.uri("sip:bob@localhost")]).identity, registers: true)
            let identity: TLSIdentity? =
                switch shown {
                case .nothing: nil
                case .user: try authority.issue([.uri("sip:alice@localhost")]).identity
                case .domain: try authority.issue([.uri("sip:localhost")]).identity
                case .other: try authority.issue([.uri("sip:alice@example.com"), .dns("example.com")]).identity
                }
            let alice = try await agent("alice", identity, registers: false)
            if shown == .user || shown == .domain {
                async let answered = bob.invitations.first { _ in true }?.answer(with: .silence)
                let call = try await alice.call("sip:bob@localhost")
                let other = try #require(try await answered)
                await call.hangUp()
                #expect(await other.ended().status == 200)
            } else {
                let error = await #expect(throws: CallError.self) { _ = try await alice.call("sip:bob@localhost") }
                #expect(error?.status == 403)
                #expect(await server.statistics().refused["uncertified"] == 1)
            }
            #expect(await server.statistics().authentication["challenged"] == 0)
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    /// By UDP there is no certificate.
    @Test func requestsWithoutConnectionHaveNoCertificate() async throws {
        try await withServer({ $0.domains[0].authentication = .certificate }) { _, port in
            let phone = try RawPhone(server: port)
            let message = phone.request("MESSAGE", "sip:bob@localhost", from: "sip:alice@localhost")
            let answer = try await phone.ask(message)
            #expect(answer.status == 403)
            #expect(answer.text.hasPrefix("SIP/2.0 403 A client certificate for this user is needed"))
        }
    }
}
