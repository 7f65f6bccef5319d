import Media
import Reactor
import Routing
import SDP
import SIP
import Testing

@testable import Relay

/// What rings and has answered: one after the other, and of no use or too many.
@Suite(.timeLimit(.minutes(1))) struct EarlyAnswerTests {
    private func expectHeard(_ from: Wire, to door: TransportAddress, by ear: Wire, _ bytes: [UInt8]) async {
        await from.send(bytes, to: door)
        #expect(await ear.next()?.bytes == bytes)
    }

    /// Of many who ring behind one branch so many are followed; whoever answers the call is, among them or not.
    @Test func thoseWhoRingAreBounded() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob, carol) = (try await Wire(lane), try await Wire(lane), try await Wire(lane))
            _ = try exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true)
            for number in 0..<AnchoredDialog.tagLimit {
                _ = try exchange.response(
                    183, "INVITE", 1, body: Descriptions.plain(bob), tag: "t\(number)")
            }
            let early = try read(
                exchange.response(183, "INVITE", 1, body: Descriptions.plain(carol), tag: "t\(AnchoredDialog.tagLimit)")
            )
            await expectHeard(alice, to: try target(early), by: bob, packet(1))
            let final = try read(
                exchange.response(200, "INVITE", 1, body: Descriptions.plain(carol), tag: "t\(AnchoredDialog.tagLimit)")
            )
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            #expect(try target(final) == target(early))
            await expectHeard(alice, to: try target(final), by: carol, packet(2))
        }
    }

    /// Each branch of an INVITE has ports of its own, and they are all given back.
    @Test func branchesAreGivenBack() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = try await Wire(lane)
            var doors: Set<TransportAddress> = []
            for branch in 0..<AnchoredDialog.tagLimit {
                let offer = try exchange.request(
                    "INVITE", 1, body: Descriptions.plain(alice), isFirst: true, branch: branch)
                doors.insert(try target(read(offer)))
            }
            #expect(doors.count == AnchoredDialog.tagLimit)
            #expect(relay.counters.calls == 1)
            try exchange.conclude("INVITE", 1, 486, isFirst: true)
            await lane.run { _ in }
            for door in doors { _ = try BoundDatagramSocket.bind(door) }
        }
    }

    /// Who rings and cannot be encrypted is told of without streams; the branch rings on, since another may answer it and have keys.
    @Test func anEarlyAnswerWithoutKeysEndsNothing() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, carol) = (try await Wire(lane), try await Wire(lane))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let plain = Descriptions.plain(carol).replacing("RTP/AVP", with: "RTP/SAVP")
            let early = try read(exchange.response(183, "INVITE", 1, body: plain, tag: "c"))
            #expect(early.media.map(\.port) == [0])
            #expect(exchange.anchor.count == 1)
            let final = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer), tag: "b"))
            try await bob.agree(with: try target(offer))
            await alice.send(packet(1), to: try target(final))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(1))
        }
    }
}
