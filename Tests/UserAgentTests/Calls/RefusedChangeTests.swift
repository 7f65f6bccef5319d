import Reactor
import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// Changes of a session that are refused, lost, or never acknowledged: what is left of the session then.
@Suite struct RefusedChangeTests {
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
