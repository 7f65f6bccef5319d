import Foundation
import Reactor
import TestKit

/// The certificates of a test, in files for programs.
struct Certificates {
    let authority: CertificateAuthority
    /// The PEM file of the authority.
    let authorityFile: String
    private let peers: Peers

    init(in peers: Peers) throws {
        authority = try CertificateAuthority()
        authorityFile = try peers.folder.write(authority.certificate + "\n", to: "authority.pem")
        self.peers = peers
    }

    /// A PEM file with a certificate of some names and its key.
    func identity(_ names: [CertificateAuthority.Name], file: String) throws -> String {
        let issued = try authority.issue(names)
        return try peers.folder.write("\(issued.certificate)\n\(issued.key)\n", to: file)
    }

    /// Whom clients of the test believe.
    var trust: TLSConfiguration.Trust {
        get throws { .authorities(try authority.authorities) }
    }

    /// What tells a server of `example.test` on the loopback addresses its certificate, and whom to believe.
    func environment(_ more: [String: String] = [:]) throws -> [String: String] {
        let names: [CertificateAuthority.Name] = [.dns("example.test"), .address("127.0.0.1"), .address("::1")]
        return [
            "ITO_TLS_CERTIFICATE": try identity(names, file: "server.pem"), "ITO_TLS_CA_FILE": authorityFile,
        ].merging(more) { $1 }
    }
}
