import Media
import TestKit
import Testing
import UserAgent

/// Two calls that are connected through this process.
@Suite(.serialized) struct BridgeTests {
    private func uri(_ user: String, _ agent: UserAgent) -> String { "sip:\(user)@\(agent.localAddress)" }

    /// Answers one call.
    private func answer(_ agent: UserAgent, with audio: AudioEnds = .silence) -> Task<Call?, any Error> {
        Task {
            for await invitation in agent.invitations { return try await invitation.answer(with: audio) }
            return nil
        }
    }

    /// The frequency of the last half second that was heard, in Hz, by the times that it crosses zero upwards.
    private func frequency(at ear: SoundRecorder) -> Int {
        let last = ear.samples.suffix(4000)
        return zip(last, last.dropFirst()).filter { $0 < 0 && $1 >= 0 }.count * 2
    }

    /// Alice with G.711 calls the middle, which calls Bob, who has Opus alone and demands keys.
    private func connect(
        _ body: (
            _ alice: Call, _ near: Call, _ far: Call, _ bob: Call, _ ears: (alice: SoundRecorder, bob: SoundRecorder)
        )
            async throws -> Void
    ) async throws {
        let alice = try await phone("alice") { $0.codecs = [.pcmu] }
        let middle = try await phone("middle", encryption: .init(.offer, by: .sdes)) {
            $0.codecs = AudioCodecName.available
        }
        let bob = try await phone("bob", encryption: .init(.require, by: .sdes)) { $0.codecs = [.opus] }
        let ears = (alice: SoundRecorder(), bob: SoundRecorder())
        let answeringMiddle = answer(middle)
        let answeringBob = answer(
            bob, with: AudioEnds(source: { ToneSource(.sine(880)) }, sink: { ears.bob }))
        let fromAlice = try await alice.call(
            uri("middle", middle), audio: AudioEnds(source: { ToneSource(.sine(440)) }, sink: { ears.alice }))
        let near = try #require(try await answeringMiddle.value)
        let far = try await middle.call(uri("bob", bob))
        let atBob = try #require(try await answeringBob.value)
        near.bridge(to: far)
        try await body(fromAlice, near, far, atBob, ears)
        await fromAlice.hangUp()
        await atBob.hangUp()
        for agent in [alice, middle, bob] { await agent.shutDown() }
    }

    @Test(.timeLimit(.minutes(1))) func bothHearEachOther() async throws {
        try await connect { alice, near, far, bob, ears in
            #expect(await near.statistics()?.codec == .pcmu)
            #expect(await far.statistics()?.codec == .opus(.wideband))
            #expect(await far.statistics()?.protection != nil)
            await ears.alice.heard(12_000)
            await ears.bob.heard(12_000)
            #expect(abs(frequency(at: ears.alice) - 880) <= 10)
            #expect(abs(frequency(at: ears.bob) - 440) <= 10)
        }
    }

    /// Whatever way a key comes, it goes in the way of the other call, once.
    @Test(.timeLimit(.minutes(1))) func keysGoFromCallToCall() async throws {
        try await connect { alice, near, far, bob, _ in
            for method in [KeyMethod.info, .events, .automatic] {
                alice.send(digits: "15", by: method)
                bob.send(digits: "9#", by: method)
            }
            var heard = (alice: "", bob: "")
            for await key in bob.digits {
                heard.bob.append(key)
                if heard.bob.count == 6 { break }
            }
            for await key in alice.digits {
                heard.alice.append(key)
                if heard.alice.count == 6 { break }
            }
            #expect(heard.bob.sorted() == "111555".sorted())
            #expect(heard.alice.sorted() == "###999".sorted())
            // The keys are there in the middle, too.
            var first = ""
            for await key in near.digits {
                first.append(key)
                if first.count == 6 { break }
            }
            #expect(first.sorted() == heard.bob.sorted())
        }
    }

    /// The call that is left goes on, and plays what it is told to.
    @Test(.timeLimit(.minutes(1))) func oneCallSurvivesTheOther() async throws {
        try await connect { alice, near, far, bob, ears in
            await ears.bob.heard(4_000)
            await alice.hangUp()
            _ = await near.ended()
            far.play(.tone(.sine(1000)))
            await ears.bob.heard(ears.bob.samples.count + 16_000)
            #expect(abs(frequency(at: ears.bob) - 1000) <= 10)
            // Who plays something else is connected no longer.
            bob.send(digits: "7")
            #expect(await far.digits.first { _ in true } == "7")
        }
    }
}
