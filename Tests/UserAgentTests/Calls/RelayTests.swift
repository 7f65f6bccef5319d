import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// A B2BUA between two phones in virtual time: the descriptions of either side reach the other one, the media is theirs.
@Suite struct RelayTests {
    final class Relay {
        let network = SimulatedNetwork(seed: 1)
        let alice: SimulatedPhone
        let middle: SimulatedPhone
        let bob: SimulatedPhone
        private(set) var legs: (incoming: CallLeg, outgoing: CallLeg)?

        /// - Parameter formats: the formats that Bob knows.
        init(_ formats: [FormatCapability] = [.pcmu, .pcma]) {
            alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
            middle = SimulatedPhone("middle", network.node("10.0.0.2:5060"))
            bob = SimulatedPhone("bob", network.node("10.0.0.3:5060"), formats: formats)
            middle.onInvitation = { [unowned self] incoming in
                guard let outgoing = middle.agent.call(bob.uri, as: middle.identity, relaying: incoming) else { return }
                legs = (incoming, outgoing)
                outgoing.onEvent = { event in
                    switch event {
                    case .progress(let status) where status != 183: incoming.ring(status)
                    case .earlyMedia: incoming.ring(183, withMedia: true)
                    case .answered: incoming.answer()
                    case .ended(let ending): incoming.isAnswered ? incoming.hangUp() : incoming.reject(ending.status)
                    default: return
                    }
                }
                incoming.onEvent = { event in
                    if case .ended = event { outgoing.hangUp() }
                }
            }
        }

        func call(options: OutgoingCallOptions = .init()) throws {
            try alice.call(middle.uri, options: options)
            network.run(for: .seconds(2))
        }

        func run(_ time: Duration) { network.run(for: time) }
        var ladder: Ladder { Ladder(network, ["alice": alice.node, "middle": middle.node, "bob": bob.node]) }

        /// Where the sound of both goes.
        var sound: [String?] { [alice.sound.state, bob.sound.state] }
    }

    @Test("The offer goes through, and the answer; the media is between the phones")
    func call() throws {
        let relay = Relay()
        relay.bob.onInvitation = { leg in
            leg.ring()
            leg.answer()
        }
        try relay.call()
        #expect(relay.sound == ["10.0.0.3:10000 sendrecv", "10.0.0.1:10000 sendrecv"])
        #expect(
            relay.ladder.lines == [
                "alice > middle INVITE sdp", "middle > bob INVITE sdp", "bob > middle 180 INVITE",
                "bob > middle 200 INVITE sdp", "middle > alice 180 INVITE", "middle > bob ACK",
                "middle > alice 200 INVITE sdp", "alice > middle ACK",
            ])
        #expect(relay.ladder["alice > middle INVITE sdp"]?.body == relay.ladder["middle > bob INVITE sdp"]?.body)
        #expect(
            relay.ladder["bob > middle 200 INVITE sdp"]?.body == relay.ladder["middle > alice 200 INVITE sdp"]?.body)
        #expect(
            relay.ladder["alice > middle INVITE sdp"]?[.callID] != relay.ladder["middle > bob INVITE sdp"]?[.callID])
    }

    @Test("Whoever hangs up ends both calls", arguments: [true, false])
    func hangUp(byCaller: Bool) throws {
        let relay = Relay()
        try relay.call()
        (byCaller ? relay.alice : relay.bob).call.hangUp()
        relay.run(.seconds(2))
        #expect(relay.alice.call.isEnded && relay.bob.call.isEnded)
    }

    @Test("A refusal goes back, and the caller's change of mind goes on")
    func refusalAndCancel() throws {
        let relay = Relay()
        relay.bob.onInvitation = { $0.reject(486) }
        try relay.call()
        #expect(relay.alice.story.last == "ended 486 remote")
        relay.bob.onInvitation = { $0.ring() }
        try relay.call()
        relay.alice.call.hangUp()
        relay.run(.seconds(2))
        #expect(relay.bob.call.isEnded)
        #expect(relay.ladder.lines.contains("middle > bob CANCEL"))
    }

    @Test("Hold by either side is held at the other")
    func hold() throws {
        let relay = Relay()
        try relay.call()
        for phone in [relay.alice, relay.bob] {
            let other = phone === relay.alice ? relay.bob : relay.alice
            phone.call.renegotiate { $0.wish.direction = .sendonly }
            relay.run(.seconds(2))
            #expect(other.call.isHeldByPeer)
            phone.call.renegotiate { $0.wish.direction = .sendrecv }
            relay.run(.seconds(2))
            #expect(!other.call.isHeldByPeer)
        }
        #expect(relay.sound == ["10.0.0.3:10000 sendrecv", "10.0.0.1:10000 sendrecv"])
    }

    @Test("Early media of the callee reaches the caller before the answer")
    func earlyMedia() throws {
        let relay = Relay()
        relay.bob.onInvitation = { $0.ring(183, withMedia: true) }
        try relay.call()
        #expect(relay.alice.sound.state == "10.0.0.3:10000 sendrecv")
        #expect(!relay.alice.call.isAnswered)
        relay.bob.call.answer()
        relay.run(.seconds(2))
        #expect(relay.alice.call.isAnswered)
        #expect(relay.alice.story == ["183", "early media", "answered"])
    }

    @Test("A late offer is the callee's, and the caller's ACK answers it")
    func lateOffer() throws {
        let relay = Relay()
        var options = OutgoingCallOptions()
        options.offersLate = true
        try relay.call(options: options)
        #expect(relay.sound == ["10.0.0.3:10000 sendrecv", "10.0.0.1:10000 sendrecv"])
        #expect(
            relay.ladder.lines == [
                "alice > middle INVITE", "middle > bob INVITE", "bob > middle 200 INVITE sdp",
                "middle > alice 200 INVITE sdp", "alice > middle ACK sdp", "middle > bob ACK sdp",
            ])
    }

    @Test("A change that the other side refuses is refused, and nothing has changed")
    func refusedChange() throws {
        let relay = Relay([.pcmu])
        try relay.call()
        let peer = relay.bob.call
        relay.alice.call.renegotiate { $0.wish.codecs = [FormatCapability.pcma.codec] }
        relay.run(.seconds(5))
        #expect(relay.ladder.lines.contains("bob > middle 488 INVITE"))
        #expect(relay.ladder.lines.contains("middle > alice 488 INVITE"))
        #expect(!peer.isEnded && !relay.alice.call.isEnded)
    }

    @Test("An INVITE without offer in the call asks the other side, and both agree in the end")
    func offerlessReinvite() throws {
        let relay = Relay()
        let peer = ScriptedPeer(relay.network.node("10.0.0.9:5060"))
        var received: [Message] = []
        peer.onResponse = { _, response in received.append(response) }
        peer.send(
            "INVITE", to: "sip:x@10.0.0.2", from: "peer", via: relay.middle.node,
            headers: ["Content-Type: application/sdp"],
            body: Sample.description, callID: "c")
        relay.run(.seconds(1))
        let answer = try #require(received.last { $0.statusCode == 200 })
        peer.acknowledge(answer)
        relay.run(.seconds(1))
        let tag = try #require(answer[.to].flatMap { try? NameAddress($0) }?.tag)
        peer.sendInDialog(
            "INVITE", callID: "c", cSeq: 2, from: "ft", to: tag, target: "sip:middle@10.0.0.2:5060",
            contact: "<\(peer.uri("here"))>", via: relay.middle.node, headers: [], body: "")
        relay.run(.seconds(1))
        let offer = try #require(received.last { $0.statusCode == 200 })
        #expect(String(decoding: offer.body, as: UTF8.self).contains("10.0.0.3"))
        peer.sendInDialog(
            "ACK", callID: "c", cSeq: 2, from: "ft", to: tag, target: "sip:middle@10.0.0.2:5060",
            contact: "<\(peer.uri("here"))>", via: relay.middle.node, headers: ["Content-Type: application/sdp"],
            body: Sample.description(port: 40_000, version: 2))
        relay.run(.seconds(5))
        #expect(relay.bob.sound.state == "10.0.0.9:40000 sendrecv")
        // No end of telling one another.
        let before = relay.ladder.lines.count
        relay.run(.seconds(60))
        #expect(relay.ladder.lines.count == before)
    }

    @Test("Both sides hold at the same moment", arguments: 0..<10 as Range<UInt64>)
    func collision(seed: UInt64) throws {
        let relay = Relay()
        relay.network.conditions.jitter = .milliseconds(Int64(seed) * 5)
        try relay.call()
        relay.alice.call.renegotiate { $0.wish.direction = .sendonly }
        relay.bob.call.renegotiate { $0.wish.direction = .sendonly }
        relay.run(.seconds(60))
        #expect(relay.alice.call.isHeldByPeer && relay.bob.call.isHeldByPeer)
        #expect(!relay.alice.call.isEnded && !relay.bob.call.isEnded)
    }
}
