import Media
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing
import UserAgent

@testable import Server

/// Two of our phones talk through our server, on real sockets.
@Suite(.serialized) struct SpeechTests {
    /// How long both talk at once.
    private static let seconds = 10

    @Test(.timeLimit(.minutes(1)), arguments: [AudioCodecName.pcmu, .pcma])
    func bothHearEverySampleOfTheOther(codec: AudioCodecName) async throws {
        try await withServer { server, _ in
            let address = server.listeners[0].address
            let alice = try await phone("alice", proxy: address) { options in
                options.codecs = [codec]
                options.audio = Self.audio
            }
            let bob = try await phone("bob", proxy: address) { $0.audio = Self.audio }
            let said = (
                alice: CuedClip(.babble(seconds: Self.seconds, seed: 1)),
                bob: CuedClip(.babble(seconds: Self.seconds, seed: 2))
            )
            let heard = (alice: SoundRecorder(), bob: SoundRecorder())
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations {
                    return try await invitation.answer(
                        with: AudioEnds(source: { said.bob }, sink: { heard.bob }))
                }
                return nil
            }
            let call = try await alice.call(
                "bob", audio: AudioEnds(source: { said.alice }, sink: { heard.alice }))
            let answered = try #require(try await answering.value)
            said.alice.cue()
            said.bob.cue()
            // All of it, and a second more for the way.
            await heard.alice.heard(heard.alice.samples.count + (Self.seconds + 1) * 8_000)
            await heard.bob.heard(heard.bob.samples.count + 8_000)
            await call.hangUp()
            let ending = await answered.ended()
            #expect(ending.status == 200)
            #expect(ending.side == .remote)
            let law: G711 = codec == .pcmu ? .muLaw : .aLaw
            for (ear, mouth, name) in [(heard.bob, said.alice, "Bob"), (heard.alice, said.bob, "Alice")] {
                let expected = mouth.clip.coded(law)
                #expect(expected.count == Self.seconds * 8_000)
                #expect(ear.samples.offset(of: expected) != nil, "\(name) did not hear all")
            }
            for statistics in [await call.statistics(), await answered.statistics()] {
                let playout = try #require(statistics?.playout)
                #expect(statistics?.lost == 0)
                #expect(playout.concealed == 0, "\(playout)")
            }
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    /// Other tests' processes run on the same machine: what a busy scheduler holds up is no fault of the phones, and must
    /// not have them stretch time.
    private static var audio: AudioSettings {
        var audio = AudioSettings()
        audio.playoutDepth = .milliseconds(300)
        audio.isPlayoutAdaptive = false
        return audio
    }
}
