import Media
import Reactor
import SIP
import Synchronization
import TestKit
import Testing
import UserAgent

@Suite(.serialized) struct CallTests {
    private func uri(_ user: String, _ agent: UserAgent) -> String { "sip:\(user)@\(agent.localAddress)" }

    @Test func whatOneSaysTheOtherHearsSampleForSample() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let said = (
            alice: CuedClip(.babble(seconds: 4, seed: 1)), bob: CuedClip(.babble(seconds: 4, seed: 2))
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
            uri("bob", bob), audio: AudioEnds(source: { said.alice }, sink: { heard.alice }))
        let answered = try #require(try await answering.value)
        // Both listen now: each hears all of the other, and a second of silence.
        said.alice.cue()
        said.bob.cue()
        await heard.alice.heard(heard.alice.samples.count + 5 * 8_000)
        await heard.bob.heard(heard.bob.samples.count + 8_000)
        await call.hangUp()
        let ending = await answered.ended()
        #expect(ending.status == 200)
        #expect(ending.side == .remote)
        #expect(heard.bob.samples.offset(of: said.alice.clip.coded()) != nil)
        #expect(heard.alice.samples.offset(of: said.bob.clip.coded()) != nil)
        let statistics = try #require(await call.statistics())
        #expect(statistics.lost == 0)
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func theCalleeRefuses() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let refusing = Task { for await invitation in bob.invitations { return invitation.reject(486) } }
        let statuses = Mutex<[StatusCode]>([])
        await #expect(throws: CallError.self) {
            do {
                _ = try await alice.call(uri("bob", bob)) { status in statuses.withLock { $0.append(status) } }
            } catch let error as CallError {
                #expect(error.status == 486)
                #expect(error.ending.reason == "Busy Here")
                #expect(error.ending.side == .remote)
                throw error
            }
        }
        await refusing.value
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func cancellingTheTaskCancelsTheCall() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let ringing = Task { () -> Invitation? in
            for await invitation in bob.invitations {
                invitation.ring()
                return invitation
            }
            return nil
        }
        let (rings, ring) = AsyncStream<StatusCode>.makeStream()
        let target = uri("bob", bob)
        let calling = Task { try await alice.call(target) { ring.yield($0) } }
        for await status in rings where status == 180 { break }
        calling.cancel()
        let result = await calling.result
        #expect(throws: CallError.self) { try result.get() }
        if case .failure(let error as CallError) = result { #expect(error.status == 487) }
        let invitation = try #require(await ringing.value)
        await #expect(throws: CallError.self) { try await invitation.answer() }
        await alice.shutDown()
        await bob.shutDown()
    }

    /// Before anything has come from the far side there is nothing to cancel yet; what comes then is no call any more.
    @Test func aTaskThatIsCancelledAtOnceHasNoCall() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let answering = Task {
            for await invitation in bob.invitations { _ = try? await invitation.answer() }
        }
        let target = uri("bob", bob)
        for _ in 0..<20 {
            let calling = Task { try await alice.call(target) }
            calling.cancel()
            let result = await calling.result
            guard case .failure(let error as CallError) = result else {
                Issue.record("a task that was cancelled has a call")
                continue
            }
            #expect(error.status == 487)
        }
        await alice.shutDown()
        await bob.shutDown()
        await answering.value
    }

    @Test func nobodyIsThere() async throws {
        let alice = try await phone("alice")
        // A port that was bound and given back: nobody listens there, and the kernel says so.
        let port = try BoundDatagramSocket.bind(.loopback()).localAddress.port
        do {
            _ = try await alice.call("sip:bob@127.0.0.1:\(port)")
            Issue.record("a call to nobody was answered")
        } catch let error as CallError {
            #expect(error.status == 503)
            #expect(error.ending.reason.contains("refused"))
        }
        await alice.shutDown()
    }

    /// By events where both have them, and as it is demanded: tones are heard by who has no events.
    @Test(arguments: [KeyMethod.automatic, .events, .info])
    func keysAreHeard(by method: KeyMethod) async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations { return try await invitation.answer() }
            return nil
        }
        let call = try await alice.call(uri("bob", bob))
        let answered = try #require(try await answering.value)
        call.send(digits: "159#", by: method)
        var heard = ""
        for await digit in answered.digits {
            heard.append(digit)
            if heard.count == 4 { break }
        }
        #expect(heard == "159#")
        await answered.hangUp()
        #expect(await call.ended().side == .remote)
        await alice.shutDown()
        await bob.shutDown()
    }
}
