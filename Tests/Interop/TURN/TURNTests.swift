import Foundation
import Glibc
import TestKit
import Testing

extension Interop {
    /// coturn's client asks our server, and coturn's own clients call one another through it (RFC 8656).
    @Suite struct TURNTests {
        /// How the client comes to the server.
        enum Way: String, CaseIterable {
            case udp, tcp, tls

            var options: [String] {
                switch self {
                case .udp: []
                case .tcp: ["-t"]
                case .tls: ["-t", "-S"]
                }
            }
        }

        /// `ito relay` as a process of its own, for data among the clients of this machine.
        private struct Server {
            let process: PeerProcess
            let urls: [String]

            /// The port of the listener by a transport.
            func port(_ way: Way, _ host: String = "127.0.0.1") -> String {
                let url = urls.first {
                    $0.hasPrefix("\(way.rawValue)://\(host):") || $0.hasPrefix("\(way.rawValue)://[\(host)]:")
                }
                return url?.split(separator: ":").last.map(String.init) ?? ""
            }

            /// Stops it, and returns the counters that it has then told.
            func counts() async throws -> [String: Int] {
                process.signal(SIGTERM)
                _ = try await process.exit()
                let found = process.lines.compactMap { $0.text.firstMatch(of: /info (\w+) count=(\d+)/) }
                return Dictionary(found.map { (String($0.1), Int($0.2) ?? 0) }, uniquingKeysWith: { $1 })
            }
        }

        private static let name = "alice"
        private static let password = "secret"

        private func start(in peers: Peers, _ environment: [String: String] = [:]) async throws -> Server {
            let addresses = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "udp://[::1]:0"]
            let arguments =
                ["relay", "--data", peers.folder.file("data"), "--allow", "127.0.0.0/8", "--allow", "::1/128"]
                + addresses.flatMap { ["--listen", $0] }
            let environment = ["ITO_TURN_USERS": "\(Self.name):\(Self.password)"].merging(environment) { $1 }
            let process = try peers.start(ItoProgram.command(arguments, environment: environment), name: "ito relay")
            let ready = try await process.line(containing: "ready udp://")
            return Server(process: process, urls: ready.text.split(separator: " ").dropFirst().map(String.init))
        }

        /// Messages that a client of coturn's has sent, and received, in all.
        private func messages(
            _ arguments: [String], in peers: Peers, name: String = name, password: String = password
        ) async throws -> (sent: Int, received: Int, output: String) {
            let command = PeerCommand(
                "turnutils_uclient", ["-u", name, "-w", password] + arguments, package: "coturn")
            let process = try peers.start(command, name: "turnutils_uclient")
            _ = try await process.exit()
            let output = process.lines.map(\.text).joined(separator: "\n")
            let last = output.matches(of: /tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/).last
            return (last.flatMap { Int($0.1) } ?? 0, last.flatMap { Int($0.2) } ?? 0, output)
        }

        @Test("Clients call one another by relays and channels", arguments: Way.allCases)
        func clients(way: Way) async throws {
            try await withPeers { peers in
                let server = try await start(in: peers)
                let found = try await messages(
                    way.options + ["-y", "-n", "20", "-m", "4", "-l", "200", "-p", server.port(way), "127.0.0.1"],
                    in: peers)
                #expect(found.sent >= 80)
                // Of connections that are secured the client leaves the last messages unread, coturn's own server or not.
                let isMeasured = way == .tls ? found.received >= found.sent * 9 / 10 : found.received == found.sent
                #expect(isMeasured, "\(found.output)")
                let counts = try await server.counts()
                #expect(counts["toPeers"] == found.sent && counts["toClients"] == found.sent)
            }
        }

        @Test("Over relays of TCP (RFC 6062), one of which connects to the other")
        func connections() async throws {
            try await withPeers { peers in
                let server = try await start(in: peers)
                let found = try await messages(
                    ["-T", "-n", "5", "-m", "2", "-l", "200", "-p", server.port(.tcp), "127.0.0.1"], in: peers)
                #expect(found.sent >= 10 && found.received == found.sent, "\(found.output)")
                let counts = try await server.counts()
                #expect(counts["bound"] ?? 0 >= 2 && counts["toPeers"] == nil)
            }
        }

        @Test("By indications in place of channels")
        func indications() async throws {
            try await withPeers { peers in
                let server = try await start(in: peers)
                let found = try await messages(
                    ["-y", "-s", "-n", "20", "-m", "4", "-l", "333", "-p", server.port(.udp), "127.0.0.1"], in: peers)
                #expect(found.sent >= 80 && found.received == found.sent, "\(found.output)")
            }
        }

        @Test("Over IPv6, with relays of IPv6")
        func sixth() async throws {
            try await withPeers { peers in
                let server = try await start(in: peers)
                let found = try await messages(
                    ["-y", "-x", "-n", "20", "-m", "2", "-l", "200", "-p", server.port(.udp, "::1"), "::1"], in: peers)
                #expect(found.sent >= 40 && found.received == found.sent, "\(found.output)")
            }
        }

        @Test("Credentials that hold for a time, as coturn's client makes them of a secret")
        func secret() async throws {
            try await withPeers { peers in
                let server = try await start(in: peers, ["ITO_TURN_SECRETS": "north-by-northwest"])
                let found = try await messages(
                    ["-W", "north-by-northwest", "-y", "-n", "10", "-m", "2", "-p", server.port(.udp), "127.0.0.1"],
                    in: peers, name: "carol", password: "")
                #expect(found.sent >= 20 && found.received == found.sent, "\(found.output)")
            }
        }

        @Test("Who has the wrong password gets nothing")
        func wrongPassword() async throws {
            try await withPeers { peers in
                let server = try await start(in: peers)
                let found = try await messages(
                    ["-y", "-n", "5", "-m", "2", "-p", server.port(.udp), "127.0.0.1"], in: peers, password: "wrong")
                #expect(found.received == 0)
                let counts = try await server.counts()
                #expect(counts["allocated"] == nil && counts["unauthenticated"] ?? 0 > 0)
            }
        }
    }
}
