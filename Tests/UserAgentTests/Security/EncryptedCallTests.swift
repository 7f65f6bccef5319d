import Media
import Reactor
import SDP
import SIP
import SRTP
import TestKit
import Testing

@testable import UserAgent

/// Two user agents on real sockets whose media is encrypted, or not.
@Suite(.serialized) struct EncryptedCallTests {
    /// Two phones, and what the callee hears.
    private struct Phones {
        let alice: UserAgent
        let bob: UserAgent
        let ear = SoundRecorder()

        init(_ caller: MediaEncryption, _ callee: MediaEncryption) async throws {
            alice = try await phone("alice", encryption: caller)
            bob = try await phone("bob", encryption: callee)
        }

        /// Alice calls Bob, who answers; both ends of the call.
        func call() async throws -> (caller: Call, callee: Call) {
            let (bob, ear) = (bob, ear)
            let answering = Task { () -> Call? in
                for await invitation in bob.invitations {
                    return try await invitation.answer(with: AudioEnds(source: { nil }, sink: { ear }))
                }
                return nil
            }
            do {
                let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: .tone(.sine(440)))
                return (call, try #require(try await answering.value))
            } catch {
                answering.cancel()
                throw error
            }
        }

        /// The tone is heard for another while, at its level.
        func hears() async {
            await ear.heard(ear.samples.count + 8_000)
            var meter = LevelMeter()
            meter.update(Array(ear.samples.suffix(4_000)).span)
            #expect(abs(meter.reading.level.dBm0 + 10) < 3)
        }

        func end() async {
            await alice.shutDown()
            await bob.shutDown()
        }
    }

    /// What protects the media of both ends, which must be the same.
    private func protection(_ call: (caller: Call, callee: Call)) async throws -> ProtectionProfile? {
        let (one, other) = (try #require(await call.caller.statistics()), try #require(await call.callee.statistics()))
        #expect(one.protection == other.protection)
        return one.protection
    }

    @Test(
        .timeLimit(.minutes(1)), arguments: MediaEncryption.Mode.allCases, MediaEncryption.KeyExchange.allCases)
    func aToneIsHeard(_ mode: MediaEncryption.Mode, _ exchange: MediaEncryption.KeyExchange) async throws {
        for other in MediaEncryption.Mode.allCases where Set([mode, other]) != [.off, .require] {
            let phones = try await Phones(MediaEncryption(mode, by: exchange), MediaEncryption(other))
            let call = try await phones.call()
            await phones.hears()
            #expect(try await protection(call) == (mode == .off || other == .off ? nil : .aeadAES128GCM))
            let heard = try #require(await call.callee.statistics())
            #expect(heard.unauthenticDatagrams == 0)
            await call.caller.hangUp()
            _ = await call.callee.ended()
            // What was true of the call is still told when it is over.
            #expect(
                await call.caller.statistics()?.protection == (mode == .off || other == .off ? nil : .aeadAES128GCM))
            await phones.end()
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: MediaEncryption.defaultProfiles, MediaEncryption.KeyExchange.allCases)
    func eachCipher(_ profile: ProtectionProfile, _ exchange: MediaEncryption.KeyExchange) async throws {
        guard exchange == .sdes || profile.dtlsIdentifier != nil else { return }
        let phones = try await Phones(
            MediaEncryption(.require, by: exchange, profiles: [profile]), MediaEncryption(.offer))
        let call = try await phones.call()
        await phones.hears()
        #expect(try await protection(call) == profile)
        await call.caller.hangUp()
        await phones.end()
    }

    /// Nobody is called, and nobody rings, when one side demands what the other does not do.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false]) func noCallWithoutEncryption(isCaller: Bool) async throws {
        let phones = try await Phones(
            MediaEncryption(isCaller ? .require : .off), MediaEncryption(isCaller ? .off : .require))
        do {
            _ = try await phones.call()
            Issue.record("there is a call in the clear")
        } catch let error as CallError {
            #expect(error.status == 488)
            #expect(error.ending.side == .remote)
            if !isCaller { #expect(error.ending.reason == MediaSecurityError.notOffered.description) }
        }
        await phones.end()
    }

    /// A re-INVITE with new keys, of either side: the sound goes on.
    @Test(.timeLimit(.minutes(1)), arguments: MediaEncryption.KeyExchange.allCases, [true, false])
    func keysChangeInTheCall(_ exchange: MediaEncryption.KeyExchange, byCaller: Bool) async throws {
        let phones = try await Phones(MediaEncryption(.require, by: exchange), MediaEncryption(.require))
        let call = try await phones.call()
        await phones.hears()
        try await (byCaller ? call.caller : call.callee).renewKeys()
        await phones.hears()
        try await call.caller.hold()
        try await call.caller.resume()
        await phones.hears()
        #expect(try await protection(call) == .aeadAES128GCM)
        await call.caller.hangUp()
        await phones.end()
    }

    /// A far side without the certificate that it announced: the call ends with the reason, and no packet was taken or sent.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false]) func theWrongCertificateEndsTheCall(isCaller: Bool)
        async throws
    {
        let policy = MediaEncryption(.require, by: .dtls)
        let liar = try await phone(isCaller ? "alice" : "bob", encryption: policy) { options in
            options.makeMedia = { LyingProvider(lane: $0, policy: policy) }
        }
        let honest = try await phone(isCaller ? "bob" : "alice", encryption: policy)
        let (alice, bob) = isCaller ? (liar, honest) : (honest, liar)
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                _ = try? await invitation.answer()
                return invitation.call
            }
            return nil
        }
        let call = try await alice.dial("sip:bob@\(bob.localAddress)", audio: .tone(.sine(440)))
        let answered = try #require(await answering.value)
        let deceived = isCaller ? answered : call
        let ending = await deceived.ended()
        #expect(ending.status == 488)
        #expect(ending.side == .local)
        #expect(ending.security == .handshake(.fingerprintMismatch))
        let statistics = try #require(await deceived.statistics())
        #expect(statistics.sentPackets == 0)
        #expect(statistics.receivedPackets == 0)
        #expect(statistics.protection == nil)
        await alice.shutDown()
        await bob.shutDown()
    }
}

/// Makes legs that announce another certificate than they show.
private struct LyingProvider: MediaProvider {
    let provider: AudioProvider
    let policy: MediaEncryption

    init(lane: Lane, policy: MediaEncryption) {
        self.policy = policy
        provider = AudioProvider(
            lane: lane, ports: 20_000...29_999, codecs: [.pcmu], security: try? MediaSecurity(policy))
    }

    func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg {
        LyingLeg(try provider.makeLeg(near: near), try? MediaSecurity(policy))
    }
}

private final class LyingLeg: MediaLeg {
    private let leg: any MediaLeg
    let security: MediaSecurity?

    init(_ leg: any MediaLeg, _ security: MediaSecurity?) {
        self.leg = leg
        self.security = security
    }

    var localAddress: TransportAddress { leg.localAddress }
    var capabilities: MediaCapabilities { leg.capabilities }

    func apply(
        _ stream: NegotiatedStream, keys: MediaKeys, onFailure: @escaping @Sendable (MediaFailure) -> Void
    ) {
        leg.apply(stream, keys: keys, onFailure: onFailure)
    }

    func move(near address: TransportAddress) throws(SocketError) { try leg.move(near: address) }
    func stop() { leg.stop() }
}
