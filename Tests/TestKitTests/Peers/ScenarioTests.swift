import TestKit
import Testing

/// Our SIPp scenarios, played through a proxy that is not ours: so they are known to be right when ours is judged by them.
@Suite struct ScenarioTests {
    @Test(arguments: [SIPpOptions.Transport.udp, .tcp], ["uas", "uas_answers_at_once"])
    func aCallIsAnswered(transport: SIPpOptions.Transport, callee: String) async throws {
        try await withStage { stage in
            let called = try await stage.callee(callee, calls: 20, transport: transport)
            let caller = try await stage.caller("uac", calls: 20, transport: transport)
            #expect(try await caller.succeeded().successful == 20)
            #expect(try await called.succeeded().successful == 20)
            // Within the dialog everything takes the proxy's recorded route.
            for method in ["ACK", "BYE"] {
                #expect(caller.messages.contains("\(method) sip:\(called.hostPort)"))
            }
            #expect(caller.messages.contains("Route: <sip:\(stage.server.hostPort)"))
        }
    }

    @Test func aCallWithDigestIsAnswered() async throws {
        try await withStage(passwords: ["sipp": "string", "bob": "can"]) { stage in
            let called = try await stage.callee("uas", password: "can")
            let caller = try await stage.caller("uac_auth", credentials: ("sipp", "string"))
            try await caller.succeeded()
            #expect(caller.messages.contains("uri=\"sip:bob@example.test\""))
            try await called.succeeded()
        }
    }

    @Test(arguments: [
        ("uac_cancel_early", "uas_trying_until_cancel"),
        ("uac_cancel_ringing", "uas_rings_until_cancel"),
        ("uac_busy", "uas_busy"),
    ])
    func aCallThatIsNotAnsweredEndsOnBothSides(caller: String, callee: String) async throws {
        try await withStage { stage in
            let called = try await stage.callee(callee, calls: 5)
            let calling = try await stage.caller(caller, calls: 5)
            try await calling.succeeded()
            try await called.succeeded()
        }
    }

    @Test func nobodyAnswersThoughItRings() async throws {
        try await withStage { stage in
            let called = try await stage.callee("uas_rings_until_cancel")
            let caller = try await stage.caller("uac_no_answer")
            try await caller.succeeded()
            try await called.succeeded()
        }
    }

    @Test func nobodyAnswersAtAll() async throws {
        try await withStage { stage in
            let called = try await stage.callee("uas_silent")
            let caller = try await stage.caller("uac_no_answer")
            try await caller.succeeded()
            try await called.succeeded()
        }
    }

    @Test func aUserWhoIsNotThereIsReported() async throws {
        try await withStage { stage in try await stage.caller("uac_unknown").succeeded() }
    }

    @Test func ofAForkOneAnswersAndTheOthersAreCancelled() async throws {
        try await withStage { stage in
            let losers = [
                try await stage.callee("uas_rings_until_cancel"), try await stage.callee("uas_rings_until_cancel"),
            ]
            let winner = try await stage.callee("uas")
            try await stage.caller("uac").succeeded()
            try await winner.succeeded()
            for loser in losers { try await loser.succeeded() }
        }
    }

    @Test func twoAnswerAtOnce() async throws {
        try await withStage { stage in
            let called = [
                try await stage.callee("uas_answers_at_once"), try await stage.callee("uas_answers_at_once"),
            ]
            try await stage.caller("uac_two_answers").succeeded()
            for callee in called { try await callee.succeeded() }
        }
    }

    @Test(arguments: [SIPpOptions.Transport.udp, .tcp])
    func bindingsAreMadeRefreshedAndRemoved(transport: SIPpOptions.Transport) async throws {
        try await withStage { stage in
            for scenario in ["register", "register_refresh"] {
                try await stage.registration(scenario, transport: transport).succeeded()
            }
        }
        try await withStage(passwords: ["carol": "string"]) { stage in
            for scenario in ["register_auth", "register_refresh_auth"] {
                try await stage.registration(scenario, password: "string", transport: transport).succeeded()
            }
            try await stage.registration("register_refused", password: "rope", transport: transport).succeeded()
        }
    }

    @Test func aRegistrationThatIsRefusedFailsTheOtherScenarios() async throws {
        try await withStage(passwords: ["carol": "string"]) { stage in
            let wrong = try await stage.registration("register_auth", password: "rope").finished()
            #expect(wrong.exit == .code(1))
            #expect(wrong.counters["FailedUnexpectedMessage"] == 1)
        }
    }

    @Test func theServerTellsItsCapabilities() async throws {
        try await withStage { stage in
            var asking = SIPpOptions(.named("options"), remote: stage.server.hostPort)
            asking.calls = 10
            let result = try await SIPpPeer.start(asking, in: stage.peers).succeeded()
            #expect(result.successful == 10)
        }
    }
}

/// A registrar and proxy, the user bob with as many contacts as wanted, and those who call him.
private struct Stage {
    /// Long enough to hear ringing, far shorter than the proxy's patience.
    static let pause = Duration.milliseconds(100)

    let peers: Peers
    let server: KamailioPeer

    /// Starts one that is called, and registers it as a contact of bob.
    func callee(
        _ scenario: String, calls: Int = 1, transport: SIPpOptions.Transport = .udp, password: String? = nil
    ) async throws -> SIPpPeer {
        var options = SIPpOptions(.named(scenario))
        options.calls = calls
        options.transport = transport
        options.callLength = Self.pause
        let callee = try await SIPpPeer.start(options, in: peers)
        let contact = "sip:bob@\(callee.hostPort)" + (transport == .tcp ? ";transport=tcp" : "")
        let registration = SIPpOptions.registration(
            of: "bob", contact: contact, at: server.hostPort, password: password)
        try await SIPpPeer.start(registration, in: peers).succeeded()
        return callee
    }

    /// Starts calls to bob.
    func caller(
        _ scenario: String, calls: Int = 1, transport: SIPpOptions.Transport = .udp,
        credentials: (String, String)? = nil
    ) async throws -> SIPpPeer {
        var options = SIPpOptions(.named(scenario), remote: server.hostPort)
        options.service = "bob"
        options.calls = calls
        options.rate = 50
        options.transport = transport
        options.callLength = Self.pause
        options.credentials = credentials
        options.tracesMessages = true
        return try await SIPpPeer.start(options, in: peers)
    }

    /// Starts a registration of carol.
    func registration(
        _ scenario: String, password: String? = nil, transport: SIPpOptions.Transport = .udp
    ) async throws -> SIPpPeer {
        var options = SIPpOptions.registration(
            of: "carol", contact: "sip:carol@127.0.0.1:9", at: server.hostPort, password: password)
        options.scenario = .named(scenario)
        options.transport = transport
        return try await SIPpPeer.start(options, in: peers)
    }
}

private func withStage(passwords: [String: String] = [:], _ body: (Stage) async throws -> Void) async throws {
    try await withPeers { peers in
        var options = KamailioPeer.Options()
        options.passwords = passwords
        options.answerLimit = .seconds(2)
        try await body(Stage(peers: peers, server: KamailioPeer.start(options, in: peers)))
    }
}
