import Reactor
import TestKit

/// What both ends of secured connections in a test have.
struct SecuredWorld {
    let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority() }

    /// A server of some names that trusts the authority.
    func server(
        _ names: [[CertificateAuthority.Name]] = [[.dns("example.com")]],
        clients: TLSConfiguration.ClientVerification = .none, from version: TLSConfiguration.Version = .tls12
    ) throws -> TLSContext {
        var configuration = TLSConfiguration(identities: try names.map { try authority.issue($0).identity })
        configuration.trust = .authorities(try authority.authorities)
        configuration.clientVerification = clients
        configuration.minimumVersion = version
        return try TLSContext(configuration)
    }

    /// A client that trusts the authority, with a certificate of its own if it has names.
    func client(_ names: [CertificateAuthority.Name] = []) throws -> TLSContext {
        var configuration = TLSConfiguration(identities: names.isEmpty ? [] : [try authority.issue(names).identity])
        configuration.trust = .authorities(try authority.authorities)
        return try TLSContext(configuration)
    }
}

extension StreamThreads {
    /// Listens for secured connections.
    func listen(
        _ handler: StreamRecorder, _ security: TLSContext,
        _ configuration: StreamConfiguration = StreamConfiguration(), family: TransportAddress.Family = .ipv4
    ) async throws -> TransportAddress {
        try await StreamListener.bind(
            .loopback(family), on: self, configuration, tag: 3, security: security, framer: { LineFramer() },
            handler: handler
        ).localAddress
    }
}

/// OpenSSL's client, which no one here wrote.
enum OpenSSLClient {
    /// Connects, and ends the connection when its handshake is done; returns all that the program has written.
    static func run(_ arguments: [String]) async throws -> String {
        try await withPeers { peers in
            let client = try peers.start(
                PeerCommand("openssl", ["s_client"] + arguments, package: "openssl"), name: "openssl s_client")
            try client.write(line: "Q")
            _ = try await client.exit()
            return client.lines.map(\.text).joined(separator: "\n")
        }
    }
}
