import Media
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing
import UserAgent

@testable import Server

/// A call of two of our phones through our server, one of which changes its network meanwhile.
@Suite(.serialized, .timeLimit(.minutes(1))) struct MovedCallTests {
    private static let there = "127.0.0.2:0"

    /// The call goes on with sound both ways, and ends by whoever stayed, whose BYE must find the other at its new place.
    @Test(arguments: [ServerConfiguration.Listener.Transport.udp, .tcp], [true, false])
    func aCallSurvivesAnotherNetwork(transport: ServerConfiguration.Listener.Transport, callerMoves: Bool) async throws
    {
        try await withServer({
            $0.listeners = [.init(transport: transport, address: "127.0.0.1", port: 0)]
        }) { server, port in
            let alice = try await registered("alice", port, transport)
            let bob = try await registered("bob", port, transport)
            let heard = (alice: SoundRecorder(), bob: SoundRecorder())
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations {
                    return try await invitation.answer(
                        with: AudioEnds(source: { ToneSource(.sine(440)) }, sink: { heard.bob }))
                }
                return nil
            }
            let call = try await alice.call(
                "bob", audio: AudioEnds(source: { ToneSource(.sine(440)) }, sink: { heard.alice }))
            let answered = try #require(try await answering.value)
            let mover = callerMoves ? alice : bob
            var events = mover.registrationEvents.makeAsyncIterator()
            let address = try #require(TransportAddress(Self.there))
            try await mover.move(to: address)
            #expect(mover.localAddress.hasSameHost(as: address))
            // Bound from its first place, and from the new one.
            var bound = 0
            while bound < 2, let event = await events.next() {
                if case .registered = event { bound += 1 }
            }
            for ear in [heard.alice, heard.bob] {
                await ear.heard(ear.samples.count + 16_000)
                #expect(ear.samples.suffix(4_000).contains { abs(Int($0)) > 1_000 })
            }
            let (stays, moved) = callerMoves ? (answered, call) : (call, answered)
            await stays.hangUp()
            #expect(await moved.ended().side == .remote)
            #expect(await stays.ended().status == 200)
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    private func registered(_ user: String, _ port: UInt16, _ transport: ServerConfiguration.Listener.Transport)
        async throws -> UserAgent
    {
        var options = UserAgent.Options(address: .loopback())
        options.networkCheck = nil
        let parameter = transport == .tcp ? ";transport=tcp" : ""
        let account = try Account(
            "sip:\(user)@localhost", password: "secret of \(user)", proxy: "sip:127.0.0.1:\(port)\(parameter)")
        return try await UserAgent(account: account, options: options)
    }
}
