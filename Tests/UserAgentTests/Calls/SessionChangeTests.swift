import Reactor
import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// Changing a session: re-INVITE and UPDATE, collisions, refusals, hold.
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

    @Test("RFC 3261 §14.1: a refused re-INVITE leaves the session as it was; the call goes on")
    func refused() throws {
        let call = try ScriptedCall()
        call.peer.onRequest = { peer, request, transaction in
            if let transaction { peer.answer(transaction, request.method == .invite ? 488 : 200) }
        }
        var results: [Result<Void, SessionRefusal>] = []
        call.alice.call.renegotiate {
            $0.wish.direction = .sendonly
        } _: {
            results.append($0)
        }
        call.network.run(for: .seconds(5))
        #expect(throws: SessionRefusal(488, "Not Acceptable Here")) { try results.first?.get() }
        #expect(call.alice.sound.streams.count == 1)
        #expect(!call.alice.call.isEnded)
        // What was refused is wanted no more.
        call.peer.onRequest = { peer, request, transaction in
            if let transaction {
                peer.answer(transaction, 200, headers: [], description: Sample.description(port: 20_000))
            }
        }
        call.alice.call.renegotiate { _ in }
        call.network.run(for: .seconds(5))
        #expect(call.alice.sound.streams.last?.direction == .sendrecv)
    }

    @Test("RFC 3261 §12.2.1.2: a re-INVITE that gets 481, 408 or silence ends the call", arguments: [481, 408, 0])
    func lost(status: UInt16) throws {
        let call = try ScriptedCall()
        call.peer.onRequest = { peer, request, transaction in
            if let transaction, request.method == .bye || status > 0 {
                peer.answer(transaction, request.method == .invite ? StatusCode(rawValue: status) : 200)
            }
        }
        if status == 0 { call.network.loses = { $0.startLine.hasPrefix("INVITE") } }
        call.alice.call.renegotiate { $0.wish.direction = .sendonly }
        call.network.run(for: .seconds(40))
        #expect(call.alice.call.ending?.status == (status == 0 ? 408 : StatusCode(rawValue: status)))
        #expect(call.peer.requests.last?.method == .bye)
        #expect(call.alice.sound.isStopped)
    }

    @Test("RFC 3261 §14.1, §14.2: 500 with Retry-After is tried again after that time")
    func later() throws {
        let call = try ScriptedCall()
        var refused = false
        call.peer.onRequest = { peer, request, transaction in
            guard let transaction, request.method == .invite else { return }
            guard refused else {
                refused = true
                return peer.answer(transaction, 500, headers: ["Retry-After: 7"])
            }
            peer.answer(
                transaction, 200, headers: [], description: Sample.description(port: 20_000, direction: "recvonly"))
        }
        var isDone = false
        call.alice.call.renegotiate {
            $0.wish.direction = .sendonly
        } _: {
            isDone = (try? $0.get()) != nil
        }
        call.network.run(for: .seconds(6))
        #expect(!isDone && refused)
        call.network.run(for: .seconds(2))
        #expect(isDone)
        #expect(call.alice.sound.streams.last?.direction == .sendonly)
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

    @Test("RFC 3261 §14.2: an offer that cannot be accepted gets 488 with a Warning, and changes nothing")
    func unacceptable() throws {
        let call = try ScriptedCall()
        call.reinvite(Sample.description.replacing("AVP 0", with: "AVP 18"), cSeq: 1)
        #expect(call.peer.responses.last?.statusCode == 488)
        #expect(call.peer.responses.last?.warnings.isEmpty == false)
        #expect(call.alice.sound.streams.count == 1)
        #expect(!call.alice.call.isEnded)
    }

    @Test("A change to codecs that this side has not is refused before anyone is asked, and forgotten")
    func codecsThatAreNotThere() throws {
        let phones = TwoPhones()
        try phones.alice.call(phones.bob.uri)
        phones.settle()
        let before = phones.ladder.lines.count
        for codecs in [[], [try #require(Codec(name: "G729", clockRate: 8_000))]] {
            var results: [Result<Void, SessionRefusal>] = []
            phones.alice.call.renegotiate {
                $0.wish.codecs = codecs
            } _: {
                results.append($0)
            }
            phones.settle()
            #expect(throws: SessionRefusal(488, "None of these codecs is there")) { try results.first?.get() }
        }
        #expect(phones.ladder.lines.count == before)
        phones.alice.call.renegotiate { $0.wish.direction = .sendonly }
        phones.settle()
        #expect(phones.bob.call.isHeldByPeer)
    }

    @Test("RFC 3261 §14.2: the ACK of a re-INVITE that never comes ends the call")
    func reinviteNeverAcknowledged() throws {
        let call = try ScriptedCall()
        call.peer.onResponse = { _, _ in }
        call.reinvite(Sample.description(port: 20_000, version: 2), cSeq: 1)
        call.network.run(for: .seconds(40))
        #expect(call.alice.call.ending?.status == 408)
        #expect(call.peer.requests.last?.method == .bye)
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

    @Test("RFC 6141 §4.6: a re-INVITE that is refused does not refresh the target")
    func aRefusedReinviteRefreshesNothing() throws {
        let call = try ScriptedCall()
        call.request(
            "INVITE", cSeq: 1, contact: "<sip:peer@10.0.0.9:5060;ob>",
            body: Sample.description.replacing("AVP 0", with: "AVP 18"))
        #expect(call.peer.responses.last?.statusCode == 488)
        #expect(call.alice.call.dialog?.remoteTarget.description == "sip:here@10.0.0.9:5060")
    }

    @Test(
        "RFC 3261 §8.2.2.3: precondition is not known, alone or beside what is",
        arguments: [
            ("precondition", "precondition"), ("100rel, precondition", "precondition"), ("a, b", "a, b"),
        ])
    func requiredExtensions(required: String, unsupported: String) throws {
        let network = SimulatedNetwork(seed: 1)
        let bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.send(
            "INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: bob.node,
            headers: ["Require: \(required)", "Content-Type: application/sdp"], body: Sample.description)
        network.run(for: .seconds(1))
        #expect(peer.responses.last?.statusCode == 420)
        #expect(peer.responses.last?.values(of: .unsupported).joined(separator: ", ") == unsupported)
        #expect(bob.calls.isEmpty)
    }
}

/// A call of Alice's phone to a scripted peer at 10.0.0.9, up.
final class ScriptedCall {
    let network: SimulatedNetwork
    let alice: SimulatedPhone
    let peer: ScriptedPeer
    /// A transaction that the script keeps.
    var held: ServerTransaction?
    private let answer: Message

    init(headers: [String] = []) throws {
        network = SimulatedNetwork(seed: 1)
        alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.onRequest = { peer, request, transaction in
            if let transaction {
                peer.answer(transaction, 200, headers: headers, description: Sample.description(port: 20_000))
            }
        }
        try alice.call(try URI("sip:peer@10.0.0.9"))
        let alice = alice
        network.run(until: { alice.call.isAnswered })
        network.run(for: .seconds(1))
        let trace = Ladder(network, ["alice": alice.node, "peer": peer.node])
        answer = try #require(trace["peer > alice 200 INVITE sdp"])
    }

    private var tags: (alice: String, peer: String) {
        let tag = { (header: HeaderName) in self.answer[header].flatMap { try? NameAddress($0) }?.tag ?? "" }
        return (tag(.from), tag(.to))
    }

    /// Sends a request of the peer in the dialog, and waits for what follows.
    func request(_ method: String, cSeq: Int, contact: String? = nil, headers: [String] = [], body: String = "") {
        var headers = headers
        if !body.isEmpty { headers.append("Content-Type: application/sdp") }
        peer.sendInDialog(
            method, callID: answer[.callID] ?? "", cSeq: cSeq, from: tags.peer, to: tags.alice,
            target: "sip:alice@10.0.0.1:5060", contact: contact ?? "<\(peer.uri("here"))>", via: alice.node,
            headers: headers, body: body)
        network.run(for: .seconds(1))
    }

    func reinvite(_ description: String, cSeq: Int) { request("INVITE", cSeq: cSeq, body: description) }

    /// Sends the ACK of a re-INVITE with an answer.
    func acknowledge(cSeq: Int, _ description: String) { request("ACK", cSeq: cSeq, body: description) }
}

extension ScriptedPeer {
    /// Answers with a session description.
    func answer(_ transaction: ServerTransaction, _ status: StatusCode, headers: [String], description: String) {
        answer(transaction, status, headers: headers, type: "application/sdp", body: description)
    }

    /// Sends a request in a dialog; an ACK goes once.
    func sendInDialog(
        _ method: String, callID: String, cSeq: Int, from: String, to: String, target: String, contact: String,
        via next: SimulatedNode, headers: [String], body: String
    ) {
        var lines = [
            "Max-Forwards: 70", "From: <\(uri("here"))>;tag=\(from)", "To: <\(target)>;tag=\(to)", "Call-ID: \(callID)",
            "CSeq: \(cSeq) \(method)", "Contact: \(contact)",
        ]
        lines += headers
        lines.append("Content-Length: \(body.utf8.count)")
        let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
        let start = "\(method) \(target) SIP/2.0\r\n"
        if method == "ACK" {
            let via = "Via: SIP/2.0/UDP \(node.address);branch=z9hG4bKack\(cSeq)\r\n"
            layer.sendDirectly(
                Array((start + via + text).utf8),
                Flow(transport: .udp, listener: 0, local: node.address, remote: next.address))
            return
        }
        _ = layer.send(Method(method), to: Target(.udp, next.address), user: self) { writer, via, _ in
            writer.append(start)
            writer.append(via)
            writer.append(text)
        }
    }
}
