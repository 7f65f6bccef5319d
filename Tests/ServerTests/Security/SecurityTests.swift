import Foundation
import Logging
import Reactor
import TestKit
import Testing

@testable import Server

/// From the keys of the configuration to identities and trust.
@Suite struct SecurityTests {
    private let folder: TemporaryFolder
    private let authority: CertificateAuthority
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        folder = try TemporaryFolder("security")
        authority = try CertificateAuthority()
    }

    /// A file with a certificate and its key.
    private func file(_ name: String, _ names: [CertificateAuthority.Name]) throws -> String {
        let issued = try authority.issue(names)
        return try folder.write("\(issued.certificate)\n\(issued.key)\n", to: name)
    }

    private func configuration(_ change: (inout ServerConfiguration) throws -> Void) rethrows -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.dataFolder = folder.path
        configuration.domains = [.init(name: "example.test", aliases: ["[::1]"]), .init(name: "other.test")]
        configuration.listeners = [.init(transport: .tls, address: "127.0.0.1")]
        try change(&configuration)
        return configuration
    }

    @Test func withoutACertificateOneIsMadeForAllNames() throws {
        let settings = try configuration {
            $0.listeners.append(
                .init(transport: .tls, address: "::1", advertised: .init(host: "sip.example.test", port: nil)))
        }.security(logger: logger)
        #expect(settings.identities.count == 1)
        for name in ["example.test", "other.test", "::1", "127.0.0.1", "localhost", "sip.example.test"] {
            #expect(settings.identities[0].names.prove(name), "\(name)")
        }
        guard case .system = settings.trust else {
            Issue.record("the system's authorities are not trusted")
            return
        }
        #expect(settings.clientVerification == .none)
        #expect(settings.minimumVersion == .tls12)
    }

    @Test func certificatesOfDomainsFollowTheSharedOne() throws {
        let authorities = try folder.write("\(authority.certificate)\n", to: "authority.pem")
        let issued = try authority.issue([.dns("other.test")])
        let certificate = try folder.write("\(issued.certificate)\n", to: "other.pem")
        let key = try folder.write("\(issued.key)\n", to: "other.key")
        let settings = try configuration {
            $0.tls.certificate = try file("shared.pem", [.dns("example.test")])
            $0.tls.authorities = authorities
            $0.tls.clientVerification = .required
            $0.tls.minimumVersion = .tls13
            $0.domains[1].certificate = certificate
            $0.domains[1].certificateKey = key
        }.security(logger: logger)
        #expect(settings.identities.map(\.names.domains) == [["example.test"], ["other.test"]])
        guard case .authorities = settings.trust else {
            Issue.record("the authority is not trusted")
            return
        }
        #expect(settings.clientVerification == .required)
        #expect(settings.minimumVersion == .tls13)
    }

    /// The error names the key of the configuration and the file.
    @Test func whatIsWrongIsNamed() throws {
        let good = try file("good.pem", [.dns("example.test")])
        let other = try file("key.pem", [.dns("example.test")])
        func reason(_ change: (inout ServerConfiguration) -> Void) -> String {
            do throws(ServerError) {
                _ = try configuration(change).security(logger: logger)
                return ""
            } catch {
                #expect(error.code == .usage)
                return error.reason
            }
        }
        #expect(
            reason { $0.tls.certificate = "/none.pem" }
                == "tls.certificate: /none.pem cannot be read: No such file or directory")
        let mixed = reason {
            $0.tls.certificate = good
            $0.tls.key = other
        }
        #expect(mixed == "tls.certificate: \(other) is not the key of the certificate in \(good)")
        #expect(reason { $0.tls.authorities = "/none.pem" }.hasPrefix("tls.ca-file: /none.pem cannot be read"))
        #expect(
            reason { $0.domains[0].certificate = "/none.pem" }
                .hasPrefix("the certificate of the domain example.test: /none.pem"))
    }

    @Test func onlySecureListenersNeedIt() throws {
        #expect(configuration { _ in }.isSecured)
        #expect(!ServerConfiguration().isSecured)
    }

    /// At a reload files are read again though their names have not changed; an own certificate follows new domains.
    @Test func aReloadTakesOverDomainsAndFiles() async throws {
        try await withServer(
            { configuration in configuration.listeners.append(.init(transport: .tls, address: "127.0.0.1", port: 0)) }
        ) { server, _ in
            var changed = server.configuration
            changed.domains.append(.init(name: "added.test"))
            await server.reload(changed)
            let identity = try TLSIdentity(
                certificateFile: server.configuration.dataFolder + "/certificate.pem",
                keyFile: server.configuration.dataFolder + "/certificate-key.pem")
            #expect(identity.names.prove("added.test"))
        }
    }
}
