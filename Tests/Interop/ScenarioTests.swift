import Foundation
import Server
import TestKit
import Testing

/// One play of SIPp scenarios: who is called, and who calls.
struct ScenarioPlay: Sendable, CustomStringConvertible {
    /// One who is called and registers for it.
    struct Callee: Sendable {
        var scenario: String
        /// The preference of its contact, such as `0.5`; contacts of one preference are called together.
        var preference: String?
        /// The scenario's contact for others is the next callee, which does not register.
        var namesNext = false

        init(_ scenario: String, _ preference: String? = nil, namesNext: Bool = false) {
            self.scenario = scenario
            self.preference = preference
            self.namesNext = namesNext
        }
    }

    let caller: String
    let callees: [Callee]

    /// The caller's scenario, and those of the called.
    init(_ caller: String, _ callees: Callee...) {
        self.caller = caller
        self.callees = callees
    }

    /// A caller `uac_NAME` and a callee `uas_NAME`.
    init(pair name: String) { self.init("uac_\(name)", Callee("uas_\(name)")) }

    var description: String { ([caller] + callees.map(\.scenario)).joined(separator: " ") }
}

extension Interop {
    /// SIPp's scenarios through a running server, and with `ito answer`. Those of one test share a server and run side by side.
    @Suite struct ScenarioTests {
        /// How many plays run at once.
        private static let width = 4

        /// Calls of two, and requests of two outside of calls.
        static let dialogs: [ScenarioPlay] =
            [
                "100rel", "early_update", "update", "session_timer", "422", "reinvite", "491", "glare", "bye_race",
                "refer",
                "replaces", "cancel_crossing", "no_ack", "early_bye", "info", "options_in_dialog", "late_offer",
                "message", "publish", "subscribe", "extension_method", "no_dialog",
            ].map { ScenarioPlay(pair: $0) } + [
                ScenarioPlay("uac_is_hung_up", .init("uas_hangs_up")),
                ScenarioPlay("uac_cancel_answered", .init("uas")), ScenarioPlay("uac_late_ack", .init("uas")),
                ScenarioPlay("uac_challenged", .init("uas_challenges")),
            ]

        /// Several contacts: side by side, one after the other, and both; refusals, 503 and redirections among them.
        static let forks: [ScenarioPlay] = [
            ScenarioPlay("uac_declined", .init("uas_declines"), .init("uas_rings_until_cancel")),
            ScenarioPlay("uac_server_error", .init("uas_unavailable")),
            ScenarioPlay("uac", .init("uas_busy", "0.9"), .init("uas", "0.4")),
            ScenarioPlay("uac", .init("uas_busy", "0.9"), .init("uas_busy", "0.9"), .init("uas", "0.4")),
            ScenarioPlay("uac", .init("uas_unavailable", "0.9"), .init("uas", "0.4")),
            ScenarioPlay("uac_busy", .init("uas_busy", "0.9"), .init("uas_unavailable", "0.4")),
            ScenarioPlay("uac", .init("uas_moved", namesNext: true), .init("uas")),
            ScenarioPlay("uac", .init("uas_moved", "0.9", namesNext: true), .init("uas_busy"), .init("uas", "0.4")),
            ScenarioPlay("uac_lossy", .init("uas")),
        ]

        /// What the server does by itself.
        static let server = [
            "options", "proxy_require", "max_forwards_zero", "unknown_scheme", "stray_responses", "stray_cancel",
            "stray_ack", "register_several", "register_star", "register_brief", "register_path", "register_outbound",
            "register_extension", "register_stranger", "uac_unknown",
        ]

        /// What a user agent does by itself; those in `ringing` must be caught before the answer.
        static let agent = [
            "accept", "bye_before_ack", "codecs", "interval", "late_ack", "late_offer", "media_type", "method",
            "no_dialog", "out_of_order",
            "options", "precondition", "register", "reinvite", "replaces_nothing", "require", "session_timer",
            "subscribe",
            "unknown_info",
        ]
        static let ringing = ["cancel", "merged", "100rel"]

        @Test(arguments: Wire.Transport.allCases)
        func dialogsThroughTheProxy(transport: Wire.Transport) async throws {
            try await withStage { stage in
                try await stage.run(Self.dialogs.enumerated().map { $0 }) { number, play in
                    try await stage.perform(play, user: "d\(number)", over: transport)
                }
            }
        }

        @Test func forksOfTheProxy() async throws {
            try await withStage { stage in
                try await stage.run(Self.forks.enumerated().map { $0 }) { number, play in
                    try await stage.perform(play, user: "f\(number)", over: .udp)
                }
            }
        }

        /// The same where the media of all calls goes through the relay: the signalling is as before, and no call stays behind.
        @Test func dialogsAndForksThroughTheRelay() async throws {
            try await withStage(anchored: true) { stage in
                try await stage.run((Self.dialogs + Self.forks).enumerated().map { $0 }) { number, play in
                    try await stage.perform(play, user: "r\(number)", over: .udp)
                }
                let counted = try await stage.server.statistics("the end of all calls") { $0.media["calls"] == 0 }
                #expect(counted.media["relayed"] ?? 0 > 30)
            }
        }

        /// A user whose contact is the user: 482. One whose caller wants to be told the contacts: 302.
        @Test func loopsAndRedirections() async throws {
            try await withStage { stage in
                try await stage.register("loop", contact: "sip:loop@\(stage.server.hostPort)")
                try await stage.perform(ScenarioPlay("loop"), user: "loop", over: .udp)
                try await stage.register("away", contact: "sip:away@127.0.0.1:9")
                try await stage.perform(ScenarioPlay("uac_redirected"), user: "away", over: .udp)
            }
        }

        @Test(arguments: Wire.Transport.allCases)
        func theServerAlone(transport: Wire.Transport) async throws {
            try await withStage { stage in
                try await stage.run(Self.server.enumerated().map { $0 }) { number, name in
                    try await stage.perform(ScenarioPlay(name), user: "s\(number)", over: transport)
                }
            }
        }

        @Test func theUserAgentAlone() async throws {
            try await withPeers { peers in
                let quick = try await Self.answering(in: peers, [])
                let slow = try await Self.answering(in: peers, ["--ring", "400ms"])
                let stage = Stage(peers: peers)
                // An agent of one user has one call after the other.
                for (names, target) in [(Self.agent, quick), (Self.ringing, slow)] {
                    for name in names { try await stage.call(target, "agent_\(name)") }
                }
            }
        }

        private static func answering(in peers: Peers, _ arguments: [String]) async throws -> String {
            let reservation = try PortReservation()
            let port = reservation.port
            reservation.release()
            let phone = try peers.start(
                PeerCommand(
                    ItoServer.executable,
                    [
                        "answer", "--as", "sip:bob@example.test", "--no-register", "--local-port", "\(port)",
                        "--local-address", "127.0.0.1", "--json",
                    ] + arguments, package: "ito"), name: "answer\(arguments.count)")
            try await phone.line(containing: #""event":"ready""#)
            return "127.0.0.1:\(port)"
        }

        private func withStage(anchored: Bool = false, _ body: (ServerStage) async throws -> Void) async throws {
            try await withPeers { peers in
                // Phones redirect to one another here.
                let server = try await ItoServer.start(
                    in: peers, ["--no-auth", "--memory", "--listen", "tcp://127.0.0.1:0"],
                    environment: ["ITO_PROXY_REDIRECTS": "anywhere"],
                    configuration: anchored ? "domains:\n  - name: example.test\n    media: anchor" : "")
                try await body(ServerStage(server: server, stage: Stage(peers: peers)))
                #expect(server.process.isRunning)
            }
        }

        /// Where SIPp plays.
        struct Stage: Sendable {
            let peers: Peers

            static func options(_ scenario: String, remote: String? = nil) -> SIPpOptions {
                var options = SIPpOptions(.named(scenario), remote: remote)
                options.callLength = .milliseconds(100)
                options.receiveLimit = .seconds(8)
                options.limitOfAll = .seconds(20)
                options.tracesMessages = true
                return options
            }

            func call(_ target: String, _ scenario: String) async throws {
                var options = Self.options(scenario, remote: target)
                options.service = "bob"
                try await SIPpPeer.start(options, in: peers).succeeded()
            }
        }

        /// The same with a server.
        struct ServerStage: Sendable {
            let server: ItoServer
            let stage: Stage

            /// Runs a body for each element, some at once; a failure of one is recorded and stops no other.
            func run<Element: Sendable>(
                _ elements: [(offset: Int, element: Element)],
                _ body: @escaping @Sendable (Int, Element) async throws -> Void
            ) async throws {
                await withTaskGroup(of: Void.self) { group in
                    for (number, element) in elements {
                        if number >= width { await group.next() }
                        group.addTask {
                            do {
                                try await body(number, element)
                            } catch {
                                Issue.record("\(element): \(error)")
                            }
                        }
                    }
                }
            }

            func register(_ user: String, contact: String, preference: String? = nil) async throws {
                var options = Stage.options(preference == nil ? "register" : "register_q", remote: server.hostPort)
                options.user = user
                options.keys = ["contact": contact, "expires": "300", "q": preference ?? "1"]
                try await SIPpPeer.start(options, in: stage.peers).succeeded()
            }

            /// Starts the called, registers them for a user, and lets the caller call that user.
            func perform(_ play: ScenarioPlay, user: String, over transport: Wire.Transport) async throws {
                var called: [SIPpPeer] = []
                let isTCP = transport == .tcp
                // From the last to the first, since one may name the one behind it.
                for (place, callee) in play.callees.enumerated().reversed() {
                    var options = Stage.options(callee.scenario)
                    options.transport = isTCP ? .tcp : .udp
                    // Whom a phone redirects to is at an address that is none of the server's.
                    if place > 0, play.callees[place - 1].namesNext { options.address = "127.0.0.2" }
                    if callee.namesNext, let next = called.last {
                        options.keys = ["contact": "sip:there@\(next.hostPort)"]
                    }
                    let peer = try await SIPpPeer.start(options, in: stage.peers)
                    called.append(peer)
                    guard place == 0 || !play.callees[place - 1].namesNext else { continue }
                    let contact = "sip:\(user)@\(peer.hostPort)\(isTCP ? ";transport=tcp" : "")"
                    try await register(user, contact: contact, preference: callee.preference)
                }
                var options = Stage.options(play.caller, remote: isTCP ? server.address("tcp://") : server.hostPort)
                options.transport = isTCP ? .tcp : .udp
                options.service = user
                options.user = play.callees.isEmpty ? user : "alice"
                try await SIPpPeer.start(options, in: stage.peers).succeeded()
                for peer in called { try await peer.succeeded() }
            }
        }
    }
}
