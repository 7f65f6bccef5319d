import Foundation
import Reactor
import TestKit
import Testing

/// Handshakes of each version that is spoken, with OpenSSL at the other end: they complete, prove who is who, and lines go both ways.
@Suite(.timeLimit(.minutes(1))) struct TLSVersionTests {
    enum Version: String, CaseIterable, Sendable {
        case tls12 = "-tls1_2"
        case tls13 = "-tls1_3"

        /// As OpenSSL writes it.
        var name: String { self == .tls12 ? "TLSv1.2" : "TLSv1.3" }
    }

    /// A client of OpenSSL that checks our certificate; with `proves` it shows one of its own, which the server requires.
    @Test(arguments: Version.allCases, [false, true])
    func aClientOfOneVersion(version: Version, proves: Bool) async throws {
        let world = try SecuredWorld()
        try await withPeers { peers in
            try await withStreams { threads async throws in
                let server = StreamRecorder(answer: StreamRecorder.echo)
                let address = try await threads.listen(server, world.server(clients: proves ? .required : .none))
                var arguments = [
                    "s_client", "-connect", "\(address)", version.rawValue, "-servername", "example.com",
                    "-verify_hostname", "example.com", "-verify_return_error", "-CAfile",
                    try peers.folder.write(world.authority.certificate + "\n", to: "authority.pem"),
                ]
                if proves {
                    arguments += ["-cert", try identity(of: [.dns("client.test")], world, "client.pem", in: peers)]
                }
                let client = try peers.start(PeerCommand("openssl", arguments, package: "openssl"), name: "s_client")
                let connection = try await server.nextOpened()
                #expect(connection.peerNames?.domains == (proves ? ["client.test"] : nil))
                try client.write(line: "hello")
                // The words may come in the midst of a line about a session ticket.
                try await client.line("its own words") { $0.hasSuffix("hello") }
                #expect(client.lines.contains { $0.text.hasPrefix("New, \(version.name), Cipher is ") })
                #expect(client.lines.contains { $0.text.hasSuffix("Verify return code: 0 (ok)") })
                try client.write(line: "Q")
                #expect(try await client.exit() == .code(0))
                #expect(threads.statistics.handshakeErrors == 0)
            }
        }
    }

    /// A server of OpenSSL, which with `asks` requires our certificate.
    @Test(arguments: Version.allCases, [false, true])
    func aServerOfOneVersion(version: Version, asks: Bool) async throws {
        let world = try SecuredWorld()
        try await withPeers { peers in
            let reservation = try PortReservation()
            var arguments = [
                "s_server", "-accept", "127.0.0.1:\(reservation.port)", version.rawValue, "-naccept", "1",
                "-cert", try identity(of: [.dns("example.com")], world, "server.pem", in: peers), "-CAfile",
                try peers.folder.write(world.authority.certificate + "\n", to: "authority.pem"),
            ]
            if asks { arguments += ["-Verify", "1", "-verify_return_error"] }
            reservation.release()
            let server = try peers.start(PeerCommand("openssl", arguments, package: "openssl"), name: "s_server")
            try await server.bound(.tcp, port: reservation.port)
            try await withStreams { threads async throws in
                let client = StreamRecorder()
                let connection = threads.connector(client).connect(
                    to: .loopback(port: reservation.port),
                    security: try world.client(asks ? [.dns("client.test")] : []),
                    domain: "example.com")
                #expect(connection.send(Array("question\n".utf8)))
                #expect(try await client.nextOpened() === connection)
                #expect(connection.peerNames?.domains == ["example.com"])
                try await server.line("what was sent") { $0 == "question" }
                // Suites of TLS 1.3 have names of their own (RFC 8446 §B.4).
                let suite = try #require(server.lines.first { $0.text.hasPrefix("CIPHER is ") }).text
                #expect(suite.hasPrefix("CIPHER is TLS_") == (version == .tls13))
                #expect(server.lines.contains { $0.text.hasPrefix("subject=") } == asks)
                try server.write(line: "answer")
                #expect(try await client.lines(1) == ["answer"])
                connection.close()
                #expect(try await client.untilClosed().last == .closed(.local))
                #expect(threads.statistics.handshakeErrors == 0)
            }
        }
    }

    /// A file with a certificate that the authority has signed, and its key.
    private func identity(
        of names: [CertificateAuthority.Name], _ world: SecuredWorld, _ file: String, in peers: Peers
    ) throws -> String {
        let issued = try world.authority.issue(names)
        return try peers.folder.write("\(issued.certificate)\n\(issued.key)\n", to: file)
    }
}
