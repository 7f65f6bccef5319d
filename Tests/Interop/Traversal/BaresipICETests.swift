import Foundation
import Reactor
import TestKit
import Testing

extension Interop {
    /// Speech through calls with baresip, both sides checking the way (RFC 8445), judged by what each side heard.
    @Suite(
        .enabled(
            if: LocalAddresses.preferred(isIPv6: false)?.isLoopback == false,
            "needs an interface with an IPv4 address: baresip tells no address of loopback"))
    struct BaresipICETests {
        /// What part our phone takes, and whether media is encrypted by a handshake, which goes where the checks lead.
        struct Case: Sendable, CustomTestStringConvertible {
            let part: String
            let isEncrypted: Bool

            var testDescription: String { "ice \(part), \(isEncrypted ? "DTLS-SRTP" : "in the clear")" }

            static let all = ["full", "lite"].flatMap { part in
                [false, true].map { Case(part: part, isEncrypted: $0) }
            }

            var arguments: [String] {
                ["--ice", part] + (isEncrypted ? ["--encrypt", "require", "--key-exchange", "dtls"] : [])
            }
        }

        /// What our phone says of its call at the end.
        private struct Report: Decodable {
            struct Audio: Decodable { let encryption: String? }
            struct Way: Decodable {
                let local: String
                let local_kind: String
                let remote: String
                let remote_kind: String
            }

            let status: Int
            let audio: Audio
            let way: Way?
        }

        /// The parties of a call on an address that is not of loopback.
        private struct Parties {
            let host: String
            let server: String
            let clips: SpokenClips
            /// What our phone records.
            let heard: String
            /// baresip's user.
            let alice: BaresipPeer

            init(_ call: Case, in peers: Peers) async throws {
                host =
                    try #require(LocalAddresses.preferred(isIPv6: false)).description.split(separator: ":")
                    .first.map(String.init) ?? ""
                let users = ["alice": "string", "bob": "tin can"]
                var options = LoopbackServer.Options(
                    passwords: users, configuration: "domains:\n  - name: localhost\n    media: direct")
                options.address = host
                let running = try await LoopbackServer.start(options, in: peers)
                server = running.hostPort
                clips = try await SpokenClips(in: peers)
                heard = peers.folder.file("heard-by-bob.wav")
                var phone = BaresipOptions(user: "alice")
                phone.domain = LoopbackServer.domain
                phone.password = users["alice"]
                phone.proxy = server
                phone.address = host
                phone.speech = clips.garden
                // The server answers STUN at the port of SIP.
                phone.connectivityServer = server
                if call.isEncrypted {
                    phone.modules = ["dtls_srtp"]
                    phone.parameters = ["mediaenc=dtls_srtp"]
                }
                alice = try await BaresipPeer.start(phone, in: peers)
                try await alice.registered()
            }

            /// The line of our phone.
            func bob(_ command: [String], _ call: Case) -> PeerCommand {
                let account = ["--as", "sip:bob@\(LoopbackServer.domain)", "--proxy", "sip:\(server)", "--json"]
                return ItoProgram.command(
                    command + account + ["--play", clips.river, "--record", heard] + call.arguments, password: "tin can"
                )
            }

            /// Both have heard one another, by the way that the checks have found.
            func expectCall(_ call: Case, _ bob: PeerProcess, _ peers: Peers) async throws {
                #expect(try await bob.exit() == .code(0))
                let last = try #require(bob.lines.last { $0.text.contains(#""event":"ended""#) })
                let report = try JSONDecoder().decode(Report.self, from: Data(last.text.utf8))
                #expect(report.status == 200)
                #expect((report.audio.encryption != nil) == call.isEncrypted)
                let way = try #require(report.way)
                #expect(way.local_kind == "host" && way.remote_kind == "host")
                #expect(way.local.hasPrefix("\(host):") && way.remote.hasPrefix("\(host):") && way.local != way.remote)
                try await expectHeard(clips.garden, in: heard, by: "ito", peers)
                try await expectHeard(clips.river, in: #require(alice.heard.first), by: "baresip", peers)
            }
        }

        @Test(arguments: Case.all) func baresipCalls(_ call: Case) async throws {
            try await withPeers { peers in
                let parties = try await Parties(call, in: peers)
                let bob = try peers.start(parties.bob(["answer", "--count", "1"], call), name: "ito answer")
                try await bob.line(containing: #""event":"ready""#)
                try await parties.alice.dial("sip:bob@\(LoopbackServer.domain)")
                try await parties.alice.event(.established)
                try await parties.alice.event(.closed)
                try await parties.expectCall(call, bob, peers)
            }
        }

        @Test(arguments: Case.all) func baresipIsCalled(_ call: Case) async throws {
            try await withPeers { peers in
                let parties = try await Parties(call, in: peers)
                let bob = try peers.start(parties.bob(["call", "alice"], call), name: "ito call")
                try await parties.alice.event(.established)
                try await parties.alice.event(.closed)
                try await parties.expectCall(call, bob, peers)
            }
        }
    }
}
