import Reactor
import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// Changing a session: re-INVITE and UPDATE, collisions, hold.
@Suite struct SessionChangeTests {
    private func hold(_ phone: SimulatedPhone, _ isHeld: Bool = true, _ completion: @escaping (Bool) -> Void = { _ in })
    {
        phone.call.renegotiate {
            $0.wish.direction = isHeld ? .sendonly : .sendrecv
        } _: { result in
            completion((try? result.get()) != nil)
        }
    }

    @Test("RFC 3264 §8.4: hold and resume by re-INVITE, from either side", arguments: [true, false])
    func holdAndResume(byCaller: Bool) throws {
        let phones = TwoPhones()
        try phones.callUp()
        let (one, other) = byCaller ? (phones.alice, phones.bob) : (phones.bob, phones.alice)
        var done: [Bool] = []
        hold(one) { done.append($0) }
        phones.settle(.seconds(2))
        #expect(other.call.isHeldByPeer)
        #expect(other.sound.streams.last?.direction == .recvonly)
        #expect(one.sound.streams.last?.direction == .sendonly)
        hold(one, false) { done.append($0) }
        phones.settle(.seconds(2))
        #expect(!other.call.isHeldByPeer)
        #expect(other.sound.streams.last?.direction == .sendrecv)
        #expect(done == [true, true])
        #expect(other.story.suffix(2) == ["held", "taken up"])
        let (a, b) = (one.user, other.user)
        #expect(
            phones.ladder.lines.suffix(6) == [
                "\(a) > \(b) INVITE sdp", "\(b) > \(a) 200 INVITE sdp", "\(a) > \(b) ACK", "\(a) > \(b) INVITE sdp",
                "\(b) > \(a) 200 INVITE sdp", "\(a) > \(b) ACK",
            ])
        // RFC 3264 §8: the version rises with each change.
        let versions = phones.ladder.all("\(a) > \(b) INVITE sdp").suffix(2).compactMap {
            try? SessionDescription(parsing: $0.body).origin.versionNumber
        }
        #expect(versions.count == 2 && versions[1] == versions[0] + 1)
    }

    @Test("RFC 3264 §8.4: both hold; who holds a holder offers inactive")
    func bothHold() throws {
        let phones = TwoPhones()
        try phones.callUp()
        hold(phones.alice)
        phones.settle(.seconds(2))
        hold(phones.bob)
        phones.settle(.seconds(2))
        #expect(phones.alice.sound.streams.last?.direction == .inactive)
        #expect(phones.bob.sound.streams.last?.direction == .inactive)
        hold(phones.alice, false)
        phones.settle(.seconds(2))
        #expect(phones.bob.sound.streams.last?.direction == .sendonly)
        #expect(phones.alice.call.isHeldByPeer)
    }

    @Test("RFC 3261 §14.1: re-INVITEs that cross get 491 both, and come again after different times")
    func glare() throws {
        let phones = TwoPhones()
        try phones.callUp()
        var done: [String] = []
        hold(phones.alice) { _ in done.append("alice") }
        hold(phones.bob) { _ in done.append("bob") }
        phones.settle()
        let ladder = phones.ladder
        #expect(ladder.all("alice > bob 491 INVITE").count == 1)
        #expect(ladder.all("bob > alice 491 INVITE").count == 1)
        #expect(Set(done) == ["alice", "bob"])
        #expect(phones.alice.call.isHeldByPeer && phones.bob.call.isHeldByPeer)
        #expect(phones.alice.call.isAnswered && !phones.alice.call.isEnded && !phones.bob.call.isEnded)
    }

    @Test("However two sides change the session under loss, they agree in the end", arguments: 0..<40 as Range<UInt64>)
    func agreement(seed: UInt64) throws {
        var conditions = SimulatedNetwork.Conditions()
        conditions.loss = 0.15
        conditions.duplication = 0.05
        conditions.jitter = .milliseconds(300)
        let phones = TwoPhones(seed: seed, conditions: conditions)
        phones.bob.onInvitation = { $0.ring(183, withMedia: seed.isMultiple(of: 2)) }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(20)) { !phones.bob.calls.isEmpty }
        phones.bob.call.answer()
        guard
            phones.network.run(for: .seconds(60), until: { phones.bob.call.isAnswered && phones.alice.call.isAnswered })
        else {
            // The INVITE, or the PRACK of its answer, never came through: rare, and both know it.
            phones.settle(.seconds(200))
            #expect(phones.alice.call.isEnded)
            return
        }
        for round in 0..<4 {
            hold(phones.alice, round.isMultiple(of: 2))
            phones.network.run(for: .milliseconds(Int64(seed % 7) * 50))
            hold(phones.bob, round < 2)
            phones.network.run(for: .milliseconds(Int64(seed % 5) * 900))
        }
        phones.settle(.seconds(200))
        guard !phones.alice.call.isEnded else { return }
        let (near, far) = (phones.alice.sound.streams.last, phones.bob.sound.streams.last)
        #expect(near?.direction.sends == far?.direction.receives)
        #expect(near?.direction.receives == far?.direction.sends)
        // Alice ended with a hold taken back, and so did Bob.
        #expect(near?.direction == .sendrecv)
        #expect(phones.alice.call.change.isWanted == false && phones.bob.call.change.isWanted == false)
    }

    @Test("RFC 3311 §5.1: before the answer the callee changes its mind by UPDATE")
    func updateByTheCallee() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(1))
        hold(phones.bob)
        phones.network.run(for: .seconds(1))
        #expect(phones.alice.call.isHeldByPeer)
        #expect(phones.alice.sound.streams.last?.direction == .recvonly)
        phones.bob.call.answer()
        phones.settle()
        #expect(
            phones.ladder.lines.suffix(4) == [
                "bob > alice UPDATE sdp", "alice > bob 200 UPDATE sdp", "bob > alice 200 INVITE", "alice > bob ACK",
            ])
        #expect(phones.ladder["bob > alice UPDATE sdp"]?[.contact] == "<sip:bob@10.0.0.2:5060>")
    }

    @Test("RFC 3311 §5.2: UPDATEs with offers that cross get 491 both, and come again")
    func updateGlare() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(1))
        hold(phones.alice)
        hold(phones.bob)
        phones.network.run(for: .seconds(10))
        #expect(phones.ladder.all("alice > bob 491 UPDATE").count == 1)
        #expect(phones.ladder.all("bob > alice 491 UPDATE").count == 1)
        #expect(phones.alice.call.isHeldByPeer && phones.bob.call.isHeldByPeer)
        #expect(!phones.alice.call.isAnswered)
    }

    @Test(
        "RFC 6141 §3.4: a change that took effect in a re-INVITE which was then refused is changed back by another one")
    func synchronisation() throws {
        let call = try ScriptedCall()
        var invites = 0
        call.peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            switch request.method {
            case .invite:
                invites += 1
                if invites == 1 {
                    peer.answer(
                        transaction, 183, headers: ["Require: 100rel", "RSeq: 1"],
                        description: Sample.description(port: 20_000, direction: "recvonly"))
                    call.held = transaction
                } else {
                    peer.answer(
                        transaction, 200, headers: [], description: Sample.description(port: 20_000, version: 3))
                }
            case .prack:
                peer.answer(transaction, 200)
                if let held = call.held { peer.answer(held, 488) }
            default: peer.answer(transaction, 200)
            }
        }
        var result: Result<Void, SessionRefusal>?
        call.alice.call.renegotiate {
            $0.wish.direction = .sendonly
        } _: {
            result = $0
        }
        call.network.run(for: .seconds(5))
        #expect(throws: SessionRefusal.self) { try result?.get() }
        #expect(invites == 2)
        #expect(call.alice.sound.streams.map(\.direction) == [.sendrecv, .sendonly, .sendrecv])
        #expect(!call.alice.call.isEnded)
    }

    @Test(
        "RFC 3264 §8.4: both notations of hold, by direction and by an address of zero, and their end",
        arguments: [("10.0.0.9", "sendonly"), ("10.0.0.9", "inactive"), ("0.0.0.0", "sendrecv")])
    func notations(address: String, direction: String) throws {
        let call = try ScriptedCall()
        call.reinvite(Sample.description(port: 20_000, address: address, version: 2, direction: direction), cSeq: 1)
        #expect(call.alice.call.isHeldByPeer)
        #expect(call.alice.sound.streams.last?.direction.sends == false)
        call.reinvite(Sample.description(port: 20_000, version: 3), cSeq: 2)
        #expect(!call.alice.call.isHeldByPeer)
        #expect(call.alice.sound.streams.last?.direction == .sendrecv)
        #expect(call.alice.story.suffix(2) == ["held", "taken up"])
    }

    @Test("RFC 3261 §14.2: a re-INVITE without offer is answered by one, and the ACK counts")
    func reinviteWithoutOffer() throws {
        let call = try ScriptedCall()
        call.peer.onResponse = { _, _ in }
        call.reinvite("", cSeq: 1)
        let response = try #require(call.peer.responses.last)
        #expect(response.statusCode == 200)
        let offer = try SessionDescription(parsing: response.body)
        #expect(offer.media.first?.field.formats.map(String.init(describing:)) == ["0", "8"])
        call.acknowledge(cSeq: 1, Sample.description(port: 22_000))
        #expect(call.alice.sound.state == "10.0.0.9:22000 sendrecv")
    }

    @Test("RFC 3264 §4: an answer in ACK that cannot be used changes nothing")
    func uselessAck() throws {
        let call = try ScriptedCall()
        call.peer.onResponse = { _, _ in }
        call.reinvite("", cSeq: 1)
        call.acknowledge(cSeq: 1, "v=0\r\nnonsense")
        #expect(!call.alice.call.isEnded)
        call.peer.onResponse = { peer, response in peer.acknowledge(response) }
        call.reinvite(Sample.description(port: 24_000, version: 3), cSeq: 2)
        #expect(call.alice.sound.state == "10.0.0.9:24000 sendrecv")
    }

    @Test("RFC 3311 §5.2: UPDATE without offer is a refresh of the target alone")
    func updateRefreshesTheTarget() throws {
        let call = try ScriptedCall()
        call.request("UPDATE", cSeq: 1, contact: "<sip:peer@10.0.0.9:5060;ob>")
        #expect(call.peer.responses.last?.statusCode == 200)
        #expect(call.peer.responses.last?[.contact] == "<sip:alice@10.0.0.1:5060>")
        #expect(call.peer.responses.last?.body.isEmpty == true)
        #expect(call.alice.call.dialog?.remoteTarget.description == "sip:peer@10.0.0.9:5060;ob")
        #expect(call.alice.sound.streams.count == 1)
    }
}
