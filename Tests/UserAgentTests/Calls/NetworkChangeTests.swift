import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// A phone that moves to another network: its calls and subscriptions go on (RFC 6141 §4, §5).
@Suite struct NetworkChangeTests {
    private func move(_ phone: SimulatedPhone, to address: String) {
        phone.node.move(to: address)
        phone.agent.relocate()
    }

    @Test("RFC 6141 §4.4: a re-INVITE with the new Contact and the new address for media", arguments: [true, false])
    func call(caller: Bool) throws {
        let phones = TwoPhones()
        try phones.callUp()
        phones.settle(.seconds(1))
        let (mover, other) = caller ? (phones.alice, phones.bob) : (phones.bob, phones.alice)
        move(mover, to: "10.9.0.1:5060")
        phones.settle(.seconds(2))
        #expect(other.sound.state == "10.9.0.1:11000 sendrecv")
        #expect(other.call.dialog?.remoteTarget.description == "sip:\(mover.user)@10.9.0.1:5060")
        #expect(!mover.call.isEnded)
        other.call.hangUp()
        phones.settle(.seconds(2))
        #expect(mover.call.isEnded)
    }

    @Test("Both move at the same time: the first who reaches the other tells where he is", arguments: [true, false])
    func whileHeld(isHeld: Bool) throws {
        let phones = TwoPhones()
        try phones.callUp()
        if isHeld { phones.alice.call.renegotiate { $0.wish.direction = .sendonly } }
        phones.settle(.seconds(2))
        move(phones.alice, to: "10.9.0.1:5060")
        phones.settle(.seconds(2))
        // What was held stays held.
        #expect(phones.bob.sound.state == "10.9.0.1:11000 \(isHeld ? "recvonly" : "sendrecv")")
        move(phones.alice, to: "10.9.0.2:5060")
        phones.settle(.seconds(2))
        #expect(phones.bob.sound.state == "10.9.0.2:12000 \(isHeld ? "recvonly" : "sendrecv")")
    }

    @Test("A call that still rings is made anew from the new address, and the old one is cancelled")
    func ringing() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring() }
        try phones.alice.call(phones.bob.uri)
        phones.settle(.seconds(1))
        move(phones.alice, to: "10.9.0.1:5060")
        phones.settle(.seconds(2))
        #expect(phones.bob.calls.count == 2)
        #expect(phones.bob.calls[0].isEnded)
        phones.bob.call.answer()
        phones.settle(.seconds(2))
        #expect(phones.alice.call.isAnswered)
        #expect(phones.bob.sound.state == "10.9.0.1:11000 sendrecv")
    }

    /// Alice calls a peer that says nothing yet, and is told that what is in front of her has changed.
    private func abandoned(
        _ before: (ScriptedPeer, ServerTransaction) -> Void = { _, _ in }
    ) throws -> (network: SimulatedNetwork, alice: SimulatedPhone, peer: ScriptedPeer, invites: [ServerTransaction]) {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        // Nothing comes before what a test wants.
        network.loses = { $0.startLine.hasPrefix("SIP/2.0 100") }
        var invites: [ServerTransaction] = []
        peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request.method == .invite { invites.append(transaction) } else { peer.answer(transaction, 200) }
        }
        try alice.call(try URI("sip:peer@10.0.0.9"))
        network.run(for: .milliseconds(100))
        before(peer, try #require(invites.first))
        network.run(for: .milliseconds(100))
        alice.agent.relocate()
        network.run(for: .milliseconds(100))
        try #require(invites.count == 2)
        return (network, alice, peer, invites)
    }

    @Test("RFC 3261 §9.1: an INVITE without a provisional response is not cancelled before one has come")
    func noCancelBeforeAResponse() throws {
        let (network, alice, peer, invites) = try abandoned()
        let ladder = { Ladder(network, ["alice": alice.node, "peer": peer.node]) }
        network.run(for: .seconds(5))
        #expect(!ladder().lines.contains("alice > peer CANCEL"))
        peer.answer(invites[0], 180)
        network.run(for: .seconds(1))
        #expect(ladder().all("alice > peer CANCEL").map { $0[.cSeq] } == ["1 CANCEL"])
        #expect(peer.cancelled.first === invites[0])
        // What the old one rings is not told, and its end is not the call's.
        #expect(alice.story.isEmpty)
        peer.answer(invites[1], 200, headers: [], description: Sample.description)
        network.run(for: .seconds(1))
        #expect(alice.call.isAnswered && peer.cancelled.count == 1)
        network.run(for: .seconds(60))
        #expect(alice.call.abandoned.isEmpty && !alice.call.isEnded)
    }

    @Test("RFC 3261 §13.2.2.4: a 2xx to the INVITE of before is acknowledged and ended", arguments: [true, false])
    func lateSuccess(isRinging: Bool) throws {
        let (network, alice, peer, invites) = try abandoned { peer, invite in
            peer.onCancel = { _, _ in }
            if isRinging { peer.answer(invite, 180) }
        }
        peer.answer(invites[0], 200, headers: [], description: Sample.description)
        network.run(for: .seconds(1))
        peer.answer(invites[1], 200, headers: [], description: Sample.description(port: 20_010))
        network.run(for: .seconds(1))
        #expect(peer.requests.filter { $0.method != .invite }.map { $0[.cSeq] } == ["1 ACK", "2 BYE", "2 ACK"])
        #expect(alice.call.isAnswered)
        #expect(alice.sound.state == "10.0.0.9:20010 sendrecv")
        #expect(peer.cancelled.count == (isRinging ? 1 : 0))
        network.run(for: .seconds(60))
        #expect(alice.call.abandoned.isEmpty && !alice.call.isEnded)
    }

    @Test("The INVITE of before is refused, or never answered: the call goes on", arguments: [486, 0] as [UInt16])
    func lateRefusal(status: UInt16) throws {
        let (network, alice, peer, invites) = try abandoned()
        if status > 0 { peer.answer(invites[0], StatusCode(rawValue: status)) }
        peer.answer(invites[1], 200, headers: [], description: Sample.description)
        network.run(for: .seconds(80))
        #expect(alice.call.isAnswered && !alice.call.isEnded)
        #expect(alice.call.abandoned.isEmpty)
    }

    @Test("RFC 6665 §4.4.1: subscriptions are refreshed with the new Contact, those of others told by NOTIFY")
    func subscriptions() throws {
        let phones = TwoPhones()
        var watchers: [NotifierSubscription] = []
        phones.bob.agent.packages["test"] = EventPackage("test") { watchers.append($0) }
        let subscription = phones.alice.agent.subscribe(
            .init("test"), to: phones.bob.uri, as: phones.alice.identity)
        phones.settle(.seconds(1))
        move(phones.alice, to: "10.9.0.1:5060")
        phones.settle(.seconds(1))
        watchers[0].changed()
        phones.settle(.seconds(1))
        let notifies = Ladder(phones.network, ["alice": phones.alice.node, "bob": phones.bob.node]).all(
            "bob > alice NOTIFY")
        #expect(notifies.count == 2)
        move(phones.bob, to: "10.9.0.9:5060")
        phones.settle(.seconds(1))
        subscription.stop()
        phones.settle(.seconds(1))
        #expect(watchers[0].isTerminated)
    }
}
