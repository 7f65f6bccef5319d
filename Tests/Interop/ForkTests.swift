import TestKit
import Testing

extension Interop {
    /// Calls to a user with several contacts, all of them SIPp: RFC 3261 §16.6 to §16.8.
    @Suite struct ForkTests {
        private var open: LoopbackServer.Options { .init(authenticates: false) }

        @Test func oneAnswersAndTheOthersAreCancelled() async throws {
            try await withServer(open) { server, peers in
                let losers = [
                    try await server.contact("uas_rings_until_cancel", in: peers),
                    try await server.contact("uas_rings_until_cancel", in: peers),
                ]
                let winner = try await server.contact("uas", for: .milliseconds(300), in: peers)
                try await server.caller("uac", in: peers).succeeded()
                try await winner.succeeded()
                for loser in losers { try await loser.succeeded() }
            }
        }

        @Test func theCallerGivesUpBeforeItRings() async throws {
            try await withServer(open) { server, peers in
                let callees = [
                    try await server.contact("uas_trying_until_cancel", in: peers),
                    try await server.contact("uas_trying_until_cancel", in: peers),
                ]
                try await server.caller("uac_cancel_early", in: peers).succeeded()
                for callee in callees { try await callee.succeeded() }
            }
        }

        /// One contact rings and another says nothing but 100: the scenario's caller knows one 180 only.
        @Test func theCallerGivesUpWhileItRings() async throws {
            try await withServer(open) { server, peers in
                let callees = [
                    try await server.contact("uas_rings_until_cancel", in: peers),
                    try await server.contact("uas_trying_until_cancel", in: peers),
                ]
                try await server.caller("uac_cancel_ringing", in: peers).succeeded()
                for callee in callees { try await callee.succeeded() }
            }
        }

        @Test func allRefuse() async throws {
            try await withServer(open) { server, peers in
                let callees = [
                    try await server.contact("uas_busy", in: peers), try await server.contact("uas_busy", in: peers),
                ]
                try await server.caller("uac_busy", in: peers).succeeded()
                for callee in callees { try await callee.succeeded() }
            }
        }

        /// §16.7 step 6: a refusal is kept back while another contact still rings, and forgotten when that one answers.
        @Test func oneRefusesAndTheOtherAnswers() async throws {
            try await withServer(open) { server, peers in
                let busy = try await server.contact("uas_busy", in: peers)
                let winner = try await server.contact("uas", for: .milliseconds(300), in: peers)
                try await server.caller("uac", in: peers).succeeded()
                try await busy.succeeded()
                try await winner.succeeded()
            }
        }

        /// Both 200 reach the caller, who ends the second (§13.2.2.4).
        @Test func twoAnswerAtOnce() async throws {
            try await withServer(open) { server, peers in
                let callees = [
                    try await server.contact("uas_answers_at_once", in: peers),
                    try await server.contact("uas_answers_at_once", in: peers),
                ]
                try await server.caller("uac_two_answers", in: peers).succeeded()
                for callee in callees { try await callee.succeeded() }
            }
        }

        /// Timer B ends what gives no answer at all, and Timer C what only rings; the caller is told 408 (§16.8).
        @Test(arguments: [
            ["uas_silent", "uas_silent"], ["uas_rings_until_cancel", "uas_silent"], ["uas_rings_until_cancel"],
        ])
        func nobodyAnswers(scenarios: [String]) async throws {
            var impatient = open
            impatient.configuration = "timers:\n  b: 2s\n  c: 2s"
            try await withServer(impatient) { server, peers in
                var callees: [SIPpPeer] = []
                for scenario in scenarios {
                    callees.append(try await server.contact(scenario, for: .seconds(4), in: peers))
                }
                try await server.caller("uac_no_answer", in: peers).succeeded()
                for callee in callees { try await callee.succeeded() }
            }
        }

        @Test func aUserWithoutAPhoneIsReported() async throws {
            try await withServer(open) { server, peers in
                try await server.caller("uac_unknown", in: peers).succeeded()
            }
        }
    }
}
