import Media
import Reactor
import TestKit
import Testing

@testable import UserAgent

@Suite(.serialized) struct AudioSettingsTests {
    /// Both sockets of a leg, and 46 (Expedited Forwarding) by default; what is set later counts for later legs.
    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func packetsAreMarked(family: TransportAddress.Family) async throws {
        let lane = try Lane(name: "media")
        let provider = AudioProvider(lane: lane, ports: 20_000...29_999, codecs: [.pcmu])
        var legs: [any MediaLeg] = []
        for codePoint in [nil, 34, 0] {
            if let codePoint { provider.settings.codePoint = codePoint }
            let leg = try provider.makeLeg(near: .loopback(family))
            legs.append(leg)
            for port in [leg.localAddress.port, leg.localAddress.port + 1] {
                #expect(OwnSockets.trafficClass(ofPort: port) == Int32(codePoint ?? 46) << 2)
            }
        }
        #expect(OwnSockets.trafficClass(ofPort: legs[0].localAddress.port) == 46 << 2)
        for leg in legs { leg.stop() }
        lane.stop()
        await lane.stopped()
    }

    @Test func aRangeWithoutAPairOfPortsIsAnError() async throws {
        let lane = try Lane(name: "media")
        let provider = AudioProvider(lane: lane, ports: 20_001...20_001, codecs: [.pcmu])
        #expect(throws: SocketError.self) { try provider.makeLeg(near: .loopback()) }
        lane.stop()
        await lane.stopped()
    }

    /// What one phone hears is as much later as it was told, whatever the other one is told.
    @Test func thePlayoutDepthIsThePhones() async throws {
        var options = UserAgent.Options()
        options.registers = false
        let alice = try await UserAgent(account: Account("sip:alice@127.0.0.1"), options: options)
        options.audio.playoutDepth = .milliseconds(300)
        let bob = try await UserAgent(account: Account("sip:bob@127.0.0.1"), options: options)
        let heard = SoundRecorder()
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                return try await invitation.answer(with: AudioEnds(source: { nil }, sink: { heard }))
            }
            return nil
        }
        let call = try await alice.call("sip:bob@\(bob.localAddress)", audio: .tone(.sine(440)))
        let answered = try #require(try await answering.value)
        await heard.heard(16_000)
        let statistics = try #require(await answered.statistics())
        #expect(statistics.playoutDelay >= .milliseconds(290))
        // Silence for the depth, and then the tone: nothing was played sooner.
        let silence = heard.samples.prefix { abs(Int($0)) < 100 }.count
        #expect((2_400..<16_000).contains(silence))
        await call.hangUp()
        await alice.shutDown()
        await bob.shutDown()
    }
}
