import Foundation
import Glibc
import Reactor
import Relay
import SIPEndpoint
import Synchronization
import TestKit
import Testing
import UserAgent

@testable import Server

/// The keys `media.dscp` and `media.playout-depth` reach the sockets and the playout buffers of the service numbers.
@Suite struct MediaSettingsTests {
    /// AF41 (RFC 4594 §4.5), and Expedited Forwarding by default; the two lowest bits of the octet are not the code point's.
    @Test(arguments: [nil, 34, 0])
    func theCodePointIsOnTheWire(codePoint: Int?) async throws {
        try await withServer({ if let codePoint { $0.media.dscp = codePoint } }) { server, _ in
            let found = try await Self.trafficClass(of: server)
            #expect(found == (codePoint ?? 46) << 2)
        }
    }

    @Test func aReloadTakesEffectForTheNextCall() async throws {
        try await withServer { server, _ in
            var changed = server.configuration
            changed.media.dscp = 34
            changed.media.playoutDepth = .milliseconds(200)
            let difference = await server.reload(changed)
            #expect(difference.needingRestart.isEmpty)
            #expect(Set(difference.reloadable.map(\.key)) == ["media.dscp", "media.playout-depth"])
            let found = try await Self.trafficClass(of: server)
            #expect(found == 34 << 2)
            #expect(server.media.settings.playoutDepth == .milliseconds(200))
        }
    }

    /// What is relayed is marked by both keys from the next call on.
    @Test func aReloadTakesEffectForTheRelay() async throws {
        try await withServer { server, _ in
            let before = server.relay.configuration
            #expect((before.audioCodePoint, before.videoCodePoint) == (46, 34))
            var changed = server.configuration
            changed.media.dscp = 10
            changed.media.videoDSCP = 18
            let difference = await server.reload(changed)
            #expect(difference.needingRestart.isEmpty)
            #expect(Set(difference.reloadable.map(\.key)) == ["media.dscp", "media.video-dscp"])
            let now = server.relay.configuration
            #expect((now.audioCodePoint, now.videoCodePoint) == (10, 18))
        }
    }

    @Test func thePlayoutDepthIsThatOfTheConfiguration() async throws {
        try await withServer({ $0.media.playoutDepth = .milliseconds(120) }) { server, _ in
            #expect(server.media.settings.playoutDepth == .milliseconds(120))
        }
    }

    @Test func serviceNumbersChangeWithoutARestart() async throws {
        try await withServer { server, _ in
            var changed = server.configuration
            changed.services.toneUser = "beep"
            await server.reload(changed)
            let alice = try await phone("alice", proxy: server.listeners[0].address)
            let call = try await alice.call("beep")
            await call.hangUp()
            await #expect(throws: CallError.self) { try await alice.call("tone") }
            await alice.shutDown()
        }
    }

    /// The traffic class octet of an RTP packet of the number `tone`, as a socket of ours reads it with the packet.
    private static func trafficClass(of server: SIPServer) async throws -> Int {
        let descriptions = Mutex<[String]>([])
        let alice = try await phone("alice", proxy: server.listeners[0].address) { options in
            options.trace = { message in
                descriptions.withLock { $0.append(String(decoding: message.bytes, as: UTF8.self)) }
            }
        }
        let call = try await alice.call("tone")
        let answer = try #require(
            descriptions.withLock { all in all.last { $0.hasPrefix("SIP/2.0 200") && $0.contains("m=audio ") } })
        let port = try #require(
            answer.split(separator: "m=audio ").last?.split(separator: " ").first.flatMap { UInt16($0) })
        let found = OwnSockets.trafficClass(ofPort: port)
        await call.hangUp()
        await alice.shutDown()
        return Int(try #require(found))
    }
}
