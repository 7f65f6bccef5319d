import Reactor
import Relay
import Routing
import SIP
import SIPEndpoint
import TestKit
import Testing
import UserAgent

@testable import Server

/// A server that was stopped leaves nothing behind.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LetGoTests {
    private func watch(_ server: SIPServer, by leaks: LeakWatch) {
        leaks.watch(server, "the server")
        leaks.watch(server.mediaLane, "the media lane")
        for lane in server.relayLanes { leaks.watch(lane, "relay lane \(lane.index)") }
        for lane in server.endpoint.lanes {
            leaks.watch(lane, "signalling \(lane.lane.index)")
            leaks.watch(lane.lane, "signalling lane \(lane.lane.index)")
        }
        for dispatcher in server.dispatchers { leaks.watch(dispatcher, "a dispatcher") }
    }

    @Test func aServerThatNobodyCalled() async throws {
        let leaks = LeakWatch()
        try await withServer { server, _ in watch(server, by: leaks) }
        #expect(await leaks.remaining() == [])
    }

    /// Calls by the relay and to service numbers are up, and a request waits for its answer.
    @Test func aServerWithCalls() async throws {
        let leaks = LeakWatch()
        var phones: [UserAgent] = []
        try await withServer({ configuration in
            configuration.domains[0].media = .anchor
            configuration.listeners.append(.init(transport: .tcp, address: "127.0.0.1", port: 0))
        }) { server, _ in
            watch(server, by: leaks)
            let address = server.listeners[0].address
            let alice = try await phone("alice", proxy: address)
            let bob = try await phone("bob", proxy: address)
            phones = [alice, bob]
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations { return try await invitation.answer() }
                return nil
            }
            _ = try await alice.call("bob")
            _ = try await answering.value
            _ = try await alice.call("echo")
            let ringing = Task { for await invitation in bob.invitations { return invitation.ring() } }
            let call = try await alice.dial("bob")
            for await event in call.events where event == .progress(180) { break }
            await ringing.value
            #expect(server.relay.counters.calls >= 1)
        }
        #expect(await leaks.remaining() == [])
        for phone in phones { await phone.shutDown() }
    }
}
