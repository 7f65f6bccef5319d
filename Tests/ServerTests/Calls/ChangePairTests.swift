import Media
import Reactor
import Relay
import Routing
import SIPEndpoint
import TestKit
import Testing
import UserAgent

@testable import Server

/// Changes of a call that is up, each after each: of the address, the codec, the direction, the keys and the connectivity checks, by
/// either side, past the server and through its relay. After every one of them both sides are heard, or neither while one of them holds.
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

    /// What the phones demand, and how their media goes.
    struct SetUp: Sendable, CustomTestStringConvertible {
        var caller = MediaEncryption.off
        var callee = MediaEncryption.off
        var mode = ICEPolicy.Mode.off
        /// How the relay encrypts the leg of the callee; nil where the media goes by no relay.
        var relay: MediaLegEncryption?

        init(_ encryption: MediaEncryption = .off, _ mode: ICEPolicy.Mode = .off) {
            (caller, callee, self.mode) = (encryption, encryption, mode)
        }

        init(_ caller: MediaEncryption, relay: MediaLegEncryption, _ callee: MediaEncryption, _ mode: ICEPolicy.Mode) {
            (self.caller, self.callee, self.relay, self.mode) = (caller, callee, relay, mode)
        }

        var testDescription: String {
            func name(_ encryption: MediaEncryption) -> String {
                encryption == .off ? "plain" : encryption.keyExchange.rawValue
            }
            let way = relay.map { "relay with \($0.rawValue)" } ?? "direct"
            return "\(name(caller)), \(way), \(name(callee)), ICE \(mode)"
        }

        static let sdes = MediaEncryption(.require, by: .sdes)
        static let dtls = MediaEncryption(.require, by: .dtls)

        static let all = [
            SetUp(), SetUp(sdes, .full), SetUp(dtls), SetUp(dtls, .full),
            SetUp(.off, relay: .pass, .off, .off), SetUp(.off, relay: .sdes, sdes, .off),
            SetUp(sdes, relay: .dtls, dtls, .full),
        ]
    }

    private func end(
        _ user: String, _ encryption: MediaEncryption, _ mode: ICEPolicy.Mode, proxy: TransportAddress
    ) async throws -> End {
        var account = try Account("sip:\(user)@localhost", password: "secret of \(user)", proxy: "sip:\(proxy)")
        account.encryption = encryption
        account.ice = ICEPolicy(mode)
        var options = UserAgent.Options()
        options.codecs = Self.codecs
        return End(agent: try await UserAgent(account: account, options: options))
    }

    private static let codecs: [AudioCodecName] = [.pcmu, .g722]

    @Test(.timeLimit(.minutes(4)), arguments: SetUp.all)
    func nobodyIsLeftUnheard(_ setUp: SetUp) async throws {
        try await withServer({ configuration in
            configuration.domains[0].media = setUp.relay == nil ? .direct : .anchor
            configuration.domains[0].mediaEncryption = setUp.relay ?? .pass
        }) { server, _ in
            let proxy = server.listeners[0].address
            let alice = try await end("alice", setUp.caller, setUp.mode, proxy: proxy)
            let bob = try await end("bob", setUp.callee, setUp.mode, proxy: proxy)
            let answering = Task { () -> Call? in
                for await invitation in bob.agent.invitations { return try await invitation.answer(with: bob.audio) }
                return nil
            }
            let caller = try await alice.agent.call("bob", audio: alice.audio)
            let callee = try #require(try await answering.value)
            #expect(server.relay.counters.calls == (setUp.relay == nil ? 0 : 1))
            try await walk(setUp, alice, bob, caller, callee)
            await caller.hangUp()
            _ = await callee.ended()
            await alice.agent.shutDown()
            await bob.agent.shutDown()
        }
    }

    private func walk(_ setUp: SetUp, _ alice: End, _ bob: End, _ caller: Call, _ callee: Call) async throws {
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
                try await call.renegotiate(codecs: [codec] + Self.codecs.filter { $0 != codec })
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
            #expect((heard.0.protection != nil) == (setUp.caller != .off), step)
            #expect((heard.1.protection != nil) == (setUp.callee != .off), step)
        }
        #expect(!Task.isCancelled)
        if caller.isHeld { try await caller.resume() }
        if callee.isHeld { try await callee.resume() }
        await bothHear()
    }
}
