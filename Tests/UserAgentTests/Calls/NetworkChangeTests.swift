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
