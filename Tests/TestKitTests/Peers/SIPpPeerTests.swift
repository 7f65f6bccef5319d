import TestKit
import Testing

@Suite struct SIPpPeerTests {
    @Test(arguments: [SIPpOptions.Transport.udp, .tcp], ["127.0.0.1", "::1"])
    func callerAndCalleeMakeTwentyCalls(transport: SIPpOptions.Transport, address: String) async throws {
        try await withPeers { peers in
            var answering = SIPpOptions(.builtIn("uas"))
            answering.transport = transport
            answering.address = address
            answering.calls = 20
            let callee = try await SIPpPeer.start(answering, name: "callee", in: peers)

            var calling = SIPpOptions(.builtIn("uac"), remote: callee.hostPort)
            calling.transport = transport
            calling.address = address
            calling.calls = 20
            calling.rate = 50
            calling.callLength = .milliseconds(50)
            calling.tracesMessages = true
            let caller = try await SIPpPeer.start(calling, name: "caller", in: peers)

            let called = try await caller.succeeded()
            #expect(called.successful == 20)
            #expect(called.counters["OutgoingCall"] == 20)
            let answered = try await callee.finished()
            #expect(answered.counters["IncomingCall"] == 20)
            // Four seconds after a call this scenario still counts the end of the caller's connection as a failure.
            if transport == .udp { #expect(answered.isSuccess) }
            #expect(caller.messages.contains("INVITE sip:service@\(callee.hostPort) SIP/2.0"))
        }
    }

    @Test func aCallThatIsNotAnsweredFails() async throws {
        try await withPeers { peers in
            let silent = try PortReservation()
            var calling = SIPpOptions(.builtIn("uac"), remote: "127.0.0.1:\(silent.port)")
            calling.arguments = ["-max_retrans", "1"]
            let caller = try await SIPpPeer.start(calling, in: peers)
            let result = try await caller.finished()
            #expect(result.exit == .code(1))
            #expect(result.failed == 1)
            #expect(result.counters["FailedMaxUDPRetrans"] == 1)
            #expect(!result.isSuccess)
            #expect(result.errors.contains { $0.contains("UDP retransmission timeout") })
        }
    }

    @Test func aScenarioThatCannotBeReadIsReported() async throws {
        try await withPeers { peers in
            let file = try peers.folder.write("<scenario>", to: "broken.xml")
            let error = await #expect(throws: PeerError.self) {
                try await SIPpPeer.start(SIPpOptions(.file(file)), in: peers)
            }
            #expect(error?.code == .ended)
            #expect(error?.description.contains("broken.xml") == true)
        }
    }
}
