import Media
import Reactor
import SIP
import SRTP
import TestKit
import Testing

@testable import UserAgent

/// Two user agents on real sockets that check how they reach each other, or do not.
@Suite(.serialized) struct ICECallTests {
    /// Two phones, and what the callee hears.
    private struct Phones {
        let alice: UserAgent
        let bob: UserAgent
        let ear = SoundRecorder()

        init(alice: UserAgent, bob: UserAgent) {
            self.alice = alice
            self.bob = bob
        }

        init(
            _ caller: ICEPolicy.Mode, _ callee: ICEPolicy.Mode, _ encryption: MediaEncryption = .off
        ) async throws {
            try await self.init(ICEPolicy(caller), ICEPolicy(callee), encryption)
        }

        init(_ caller: ICEPolicy, _ callee: ICEPolicy, _ encryption: MediaEncryption = .off) async throws {
            alice = try await phone("alice", encryption: encryption, ice: caller)
            bob = try await phone("bob", encryption: encryption, ice: callee)
        }

        /// Alice calls Bob, who answers; both ends of the call.
        func call() async throws -> (caller: Call, callee: Call) {
            let (bob, ear) = (bob, ear)
            let answering = Task { () -> Call? in
                // One that is made anew from elsewhere comes twice, the first time to be cancelled.
                for await invitation in bob.invitations {
                    if let call = try? await invitation.answer(with: AudioEnds(source: { nil }, sink: { ear })) {
                        return call
                    }
                }
                return nil
            }
            let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: .tone(.sine(440)))
            return (call, try #require(await answering.value))
        }

        /// Waits until the tone is heard at its level for half a second on end.
        func hears() async {
            while !Task.isCancelled {
                await ear.heard(ear.samples.count + 4_000)
                var meter = LevelMeter()
                meter.update(Array(ear.samples.suffix(4_000)).span)
                if abs(meter.reading.level.dBm0 + 10) < 3 { return }
            }
        }

        func end() async {
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    /// Both have the same way, from its two ends.
    private func expectWay(_ call: (caller: Call, callee: Call)) async throws {
        let (one, other) = (try #require(await call.caller.way), try #require(await call.callee.way))
        #expect(one.remote == other.local)
        #expect(other.remote == one.local)
    }

    @Test(.timeLimit(.minutes(1)), arguments: ICEPolicy.Mode.allCases, ICEPolicy.Mode.allCases)
    func aToneIsHeard(_ caller: ICEPolicy.Mode, _ callee: ICEPolicy.Mode) async throws {
        let phones = try await Phones(caller, callee)
        let call = try await phones.call()
        await phones.hears()
        if caller == .off || callee == .off {
            #expect(await call.caller.way == nil)
            #expect(await call.callee.way == nil)
        } else {
            try await expectWay(call)
        }
        let heard = try #require(await call.callee.statistics())
        #expect(heard.refusedDatagrams == 0)
        await phones.end()
    }

    @Test(.timeLimit(.minutes(1)), arguments: MediaEncryption.KeyExchange.allCases, [ICEPolicy.Mode.full, .lite])
    func anEncryptedToneIsHeard(_ exchange: MediaEncryption.KeyExchange, _ callee: ICEPolicy.Mode) async throws {
        let phones = try await Phones(.full, callee, MediaEncryption(.require, by: exchange))
        let call = try await phones.call()
        await phones.hears()
        try await expectWay(call)
        #expect(await call.callee.statistics()?.protection == .aeadAES128GCM)
        await phones.end()
    }

    @Test(.timeLimit(.minutes(1))) func aHoldKeepsTheWay() async throws {
        let phones = try await Phones(.full, .full)
        let call = try await phones.call()
        await phones.hears()
        let before = await call.caller.way
        try await call.caller.hold()
        try await call.caller.resume()
        try await call.callee.hold()
        try await call.callee.resume()
        await phones.hears()
        #expect(await call.caller.way == before)
        try await expectWay(call)
        await phones.end()
    }

    /// The phone goes on at other ports, of either side: both begin anew with the checks.
    @Test(
        .timeLimit(.minutes(1)), arguments: [true, false], [MediaEncryption.off, MediaEncryption(.require, by: .dtls)])
    func aMoveFindsAnotherWay(ofCaller: Bool, _ encryption: MediaEncryption) async throws {
        let phones = try await Phones(.full, .full, encryption)
        let call = try await phones.call()
        await phones.hears()
        let before = try #require(await call.caller.way)
        let mover = ofCaller ? phones.alice : phones.bob
        try await mover.move(to: mover.localAddress)
        try await (ofCaller ? call.caller : call.callee).renegotiate()
        await phones.hears()
        try await expectWay(call)
        let after = try #require(await call.caller.way)
        #expect((ofCaller ? after.local : after.remote) != (ofCaller ? before.local : before.remote))
        #expect((ofCaller ? after.remote : after.local) == (ofCaller ? before.remote : before.local))
        await phones.end()
    }

    @Test func serversAreAwaitedForASecond() { #expect(ICEPolicy(.full).gatheringLimit == .seconds(1)) }

    /// A server that says nothing holds a call up for a time, and nothing else.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false]) func aSilentServerIsNotWaitedForLong(ofCaller: Bool)
        async throws
    {
        let silent = try PortReservation()
        var policy = ICEPolicy(.full)
        policy.servers = [.init(stun: .loopback(port: silent.port))]
        policy.gatheringLimit = .milliseconds(50)
        let other = ICEPolicy(.full)
        let phones = try await Phones(ofCaller ? policy : other, ofCaller ? other : policy)
        let call = try await phones.call()
        await phones.hears()
        try await expectWay(call)
        await phones.end()
        silent.release()
    }

    /// RFC 8840: a caller who takes candidates by INFO has the answer at once, whatever the callee's servers do; the rest follows.
    @Test(.timeLimit(.minutes(1))) func anAnswerDoesNotWaitForServers() async throws {
        let silent = try PortReservation()
        var policy = ICEPolicy(.full)
        policy.servers = [.init(stun: .loopback(port: silent.port))]
        // Longer than this test may take.
        policy.gatheringLimit = .seconds(600)
        let phones = try await Phones(ICEPolicy(.full), policy)
        let call = try await phones.call()
        await phones.hears()
        try await expectWay(call)
        await phones.end()
        silent.release()
    }

    /// RFC 8840 §4.4: what the callee's servers say behind its answer is told by INFO, all of it at once.
    @Test(.timeLimit(.minutes(1))) func candidatesFollowAnAnswer() async throws {
        let server = try await LateServer()
        var policy = ICEPolicy(.full)
        policy.servers = [.init(stun: server.address)]
        policy.gatheringLimit = .seconds(600)
        let (messages, end) = AsyncStream.makeStream(of: String.self)
        let alice = try await phone("alice", ice: ICEPolicy(.full)) { options in
            options.trace = { end.yield(String(decoding: $0.bytes, as: UTF8.self)) }
        }
        let phones = Phones(alice: alice, bob: try await phone("bob", ice: policy))
        _ = try await phones.call()
        await server.open()
        var iterator = messages.makeAsyncIterator()
        var answer = ""
        while let message = await iterator.next() {
            if message.hasPrefix("SIP/2.0 200"), message.contains("m=audio") { answer = message }
            guard message.hasPrefix("INFO ") else { continue }
            #expect(message.contains("Info-Package: trickle-ice\r\n"))
            #expect(message.contains("Content-Type: application/trickle-ice-sdpfrag\r\n"))
            #expect(message.contains("typ srflx") && message.contains(" 192.0.2.99 "))
            #expect(message.hasSuffix("a=end-of-candidates\r\n"))
            // Those of the answer are told once more.
            let told = answer.split(separator: "\r\n").filter { $0.hasPrefix("a=candidate:") }
            #expect(!told.isEmpty && told.allSatisfy { message.contains($0) })
            #expect(!answer.contains("a=end-of-candidates") && !answer.contains("srflx"))
            break
        }
        await phones.hears()
        await phones.end()
        await server.stop()
    }

    /// Nobody learns an address that is not to be told: without a relay there is no call.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false]) func withoutARelayThereIsNoCall(ofCaller: Bool)
        async throws
    {
        let silent = try PortReservation()
        var policy = ICEPolicy(.full)
        policy.usesRelaysOnly = true
        policy.servers = [.init(turn: .loopback(port: silent.port), username: "alice", password: "secret")]
        policy.gatheringLimit = .milliseconds(50)
        let other = ICEPolicy(.full)
        let phones = try await Phones(ofCaller ? policy : other, ofCaller ? other : policy)
        let (alice, bob) = (phones.alice, phones.bob)
        let error = await #expect(throws: CallError.self) { try await alice.call("sip:bob@\(bob.localAddress)") }
        #expect(error?.status == 500)
        #expect(error?.ending.side == (ofCaller ? .local : .remote))
        await phones.end()
        silent.release()
    }

    /// The phone goes elsewhere while its first servers are still asked.
    @Test(.timeLimit(.minutes(1))) func aMoveWhileServersAreAskedDoesNotLoseTheCall() async throws {
        let silent = try PortReservation()
        var policy = ICEPolicy(.full)
        policy.servers = [.init(stun: .loopback(port: silent.port))]
        policy.gatheringLimit = .milliseconds(300)
        let phones = try await Phones(policy, ICEPolicy(.full))
        async let call = phones.call()
        try await phones.alice.move(to: phones.alice.localAddress)
        _ = try await call
        await phones.hears()
        await phones.end()
        silent.release()
    }
}
