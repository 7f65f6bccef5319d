import Media
import SDP
import TestKit
import Testing

@testable import UserAgent

/// Changes of a call that is up, each after each: of the address, the codec, the direction, the keys and the connectivity checks, by
/// either side. After every one of them both sides are heard, or neither while one of them holds.
@Suite(.serialized) struct ChangePairTests {
    /// What changes; a hold ends by the same change again.
    private enum Kind: CaseIterable {
        case address, codec, direction, keys, checks
    }

    private struct Change: CustomStringConvertible {
        let kind: Kind
        let isByCaller: Bool

        var description: String { "\(kind) by the \(isByCaller ? "caller" : "callee")" }

        static let all = Kind.allCases.flatMap { kind in [true, false].map { Change(kind: kind, isByCaller: $0) } }

        /// Each change once after each, itself among them: a de Bruijn sequence of pairs, and its first element again.
        static var walk: [Change] {
            var walk: [Change] = []
            for (index, one) in all.enumerated() {
                walk.append(one)
                for other in all[(index + 1)...] { walk += [one, other] }
            }
            return walk + all.prefix(1)
        }
    }

    /// A phone and what it hears.
    private struct End {
        let agent: UserAgent
        let ear = SoundRecorder()

        var audio: AudioEnds {
            let ear = ear
            return AudioEnds(source: { ToneSource(.sine(440)) }, sink: { ear })
        }

        /// Waits until the tone is heard at its level for 200 ms on end, of what comes after the next 100 ms.
        func hears() async {
            await ear.heard(ear.samples.count + 800)
            while !Task.isCancelled {
                await ear.heard(ear.samples.count + 1_600)
                var meter = LevelMeter()
                meter.update(Array(ear.samples.suffix(1_600)).span)
                if abs(meter.reading.level.dBm0 + 10) < 3 { return }
            }
        }
    }

    @Test func theWalkHasEachPairOnce() {
        let walk = Change.walk.map(\.description)
        let pairs = Set(zip(walk, walk.dropFirst()).map { "\($0), \($1)" })
        #expect(pairs.count == Change.all.count * Change.all.count)
        #expect(walk.count == pairs.count + 1)
    }

    @Test(
        .timeLimit(.minutes(4)),
        arguments: [
            (MediaEncryption.off, ICEPolicy.Mode.off), (MediaEncryption(.require, by: .sdes), .full),
            (MediaEncryption(.require, by: .dtls), .off), (MediaEncryption(.require, by: .dtls), .full),
        ])
    func nobodyIsLeftUnheard(_ encryption: MediaEncryption, _ mode: ICEPolicy.Mode) async throws {
        let codecs: [AudioCodecName] = [.pcmu, .g722]
        func end(_ user: String) async throws -> End {
            End(agent: try await phone(user, encryption: encryption, ice: ICEPolicy(mode)) { $0.codecs = codecs })
        }
        let (alice, bob) = (try await end("alice"), try await end("bob"))
        let answering = Task { () -> Call? in
            for await invitation in bob.agent.invitations { return try await invitation.answer(with: bob.audio) }
            return nil
        }
        let caller = try await alice.agent.call("sip:bob@\(bob.agent.localAddress)", audio: alice.audio)
        let callee = try #require(try await answering.value)
        func bothHear() async {
            async let one: Void = alice.hears()
            async let other: Void = bob.hears()
            _ = await (one, other)
        }
        await bothHear()
        var codec = AudioCodecName.pcmu
        for (number, change) in Change.walk.enumerated() {
            let call = change.isByCaller ? caller : callee
            let step = Comment("\(number): \(change)")
            switch change.kind {
            case .address:
                let agent = (change.isByCaller ? alice : bob).agent
                try await agent.move(to: agent.localAddress)
                try await call.renegotiate()
            case .codec:
                codec = codec == .pcmu ? .g722 : .pcmu
                try await call.renegotiate(codecs: [codec] + codecs.filter { $0 != codec })
            case .direction:
                if call.isHeld { try await call.resume() } else { try await call.hold() }
            case .keys: try await call.renewKeys()
            case .checks: try await call.restartICE()
            }
            guard !caller.isHeld, !callee.isHeld else { continue }
            await bothHear()
            let heard = (try #require(await caller.statistics()), try #require(await callee.statistics()))
            #expect(heard.0.codec.name == heard.1.codec.name, step)
            if change.kind == .codec { #expect(heard.0.codec.name == codec.codec.name, step) }
            #expect((heard.0.protection != nil) == (encryption != .off), step)
        }
        #expect(!Task.isCancelled)
        if caller.isHeld { try await caller.resume() }
        if callee.isHeld { try await callee.resume() }
        await bothHear()
        await caller.hangUp()
        _ = await callee.ended()
        await alice.agent.shutDown()
        await bob.agent.shutDown()
    }
}
