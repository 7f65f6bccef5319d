import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// Requests in a call that are refused, or not answered: what ends with them (RFC 3261 §12.2.1.2, RFC 5057 §5).
@Suite struct LostDialogTests {
    /// Alice's call, in which the far side answers a request with a status; 0 is silence.
    private func send(_ method: Method, answered status: UInt16) throws -> ScriptedCall {
        let call = try ScriptedCall(headers: ["Allow: INVITE, ACK, BYE, UPDATE, INFO, MESSAGE, REFER, OPTIONS"])
        call.peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request.method == .bye { return peer.answer(transaction, 200) }
            if status > 0 { peer.answer(transaction, StatusCode(rawValue: status)) }
        }
        if method == .refer {
            let leg = call.alice.call
            leg.outgoingReferral = leg.refer(to: ReferTarget(try URI("sip:carol@10.0.0.3")), as: call.alice.identity)
        } else {
            call.alice.call.send(method)
        }
        call.network.run(for: .seconds(40))
        return call
    }

    @Test(
        "The far side does not know the call any more",
        arguments: [Method.info, .message, .refer, .options])
    func unknown(method: Method) throws {
        let call = try send(method, answered: 481)
        #expect(call.alice.story.last == "ended 481 remote")
        #expect(call.alice.call.ending?.reason == "The far side does not know the call any more")
        #expect(call.peer.requests.last?.method == .bye)
        #expect(call.alice.sound.isStopped)
        #expect(call.alice.agent.count == 0)
    }

    @Test("RFC 5057 §5.2: an INFO that is not answered ends the call", arguments: [408, 0] as [UInt16])
    func silent(status: UInt16) throws {
        let call = try send(.info, answered: status)
        #expect(call.alice.story.last == "ended 408 remote")
        #expect(call.alice.call.ending?.reason == "The far side does not answer")
        #expect(call.peer.requests.last?.method == .bye)
    }

    @Test(
        "RFC 5057 §5.3: silence to what belongs to no usage ends nothing",
        arguments: [Method.message, .options, .refer],
        [408, 0] as [UInt16])
    func silentOutside(method: Method, status: UInt16) throws {
        let call = try send(method, answered: status)
        #expect(!call.alice.call.isEnded)
    }

    @Test(
        "RFC 5057 §5.1: a refusal of the request alone ends nothing",
        arguments: [400, 403, 405, 415, 469, 480, 486, 488, 500, 501, 503, 603] as [UInt16])
    func refused(status: UInt16) throws {
        for method in [Method.info, .message] {
            #expect(try !send(method, answered: status).alice.call.isEnded, "\(method) \(status)")
        }
    }

    @Test(
        "RFC 5057 §5.1: a refusal of the dialog ends the call",
        arguments: [404, 410, 416, 482, 483, 484, 485, 502, 604] as [UInt16])
    func destroyed(status: UInt16) throws {
        for method in [Method.info, .message] {
            let story = try send(method, answered: status).alice.story
            #expect(story.last == "ended \(status) remote", "\(method)")
        }
        // A REFER may be refused for the sake of its target.
        #expect(try !send(.refer, answered: status).alice.call.isEnded)
    }

    @Test(
        "RFC 5057 §5.1: a subscription in the dialog outlives its call, but not its dialog",
        arguments: [481, 404] as [UInt16])
    func subscription(status: UInt16) throws {
        let three = TransferTests.Three()
        three.carol.onInvitation = { $0.ring() }
        try three.call()
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(2))
        three.alice.agent.servedMethods = [.message]
        three.alice.agent.onRequest = { $0.respond(StatusCode(rawValue: status)) }
        three.bob.calls[0].send(.message)
        three.run(.seconds(2))
        #expect(three.bob.calls[0].ending?.status == StatusCode(rawValue: status))
        three.carol.call.answer()
        three.run(.seconds(2))
        #expect(three.told.contains("succeeded 200") == (status == 481))
    }

    // MARK: PRACK

    @Test(
        "A PRACK that gets 481 or no answer before the call is up: it is given up",
        arguments: [481, 408, 0] as [UInt16])
    func prack(status: UInt16) throws {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            switch request.method {
            case .invite: peer.answer(transaction, 180, headers: ["Require: 100rel", "RSeq: 1"])
            case .prack: if status > 0 { peer.answer(transaction, StatusCode(rawValue: status)) }
            default: peer.answer(transaction, 200)
            }
        }
        try alice.call(try URI("sip:peer@10.0.0.9"))
        network.run(for: .seconds(80))
        #expect(alice.story == ["180", "ended \(status == 481 ? 481 : 408) remote"])
        #expect(peer.cancelled.count == 1)
    }

    @Test("Where the INVITE has forked, only the dialog of that PRACK is over")
    func forkedPrack() throws {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        var invite: ServerTransaction?
        peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            switch request.method {
            case .invite:
                invite = transaction
                peer.answer(transaction, 180, toTag: "b")
                peer.answer(transaction, 180, toTag: "a", headers: ["Require: 100rel", "RSeq: 1"])
            case .prack: peer.answer(transaction, 481)
            default: peer.answer(transaction, 200)
            }
        }
        try alice.call(try URI("sip:peer@10.0.0.9"))
        network.run(for: .seconds(5))
        #expect(!alice.call.isEnded)
        peer.answer(try #require(invite), 200, toTag: "b", description: Sample.description)
        network.run(for: .seconds(5))
        #expect(alice.call.isAnswered && !alice.call.isEnded)
    }

    @Test("RFC 3262 §3: in a call that is up 481 to a PRACK says that its response is not waited for any more")
    func latePrack() throws {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            switch request.method {
            case .invite:
                peer.answer(transaction, 180, headers: ["Require: 100rel", "RSeq: 1"])
                peer.answer(transaction, 200, type: "application/sdp", body: Sample.description)
            default: peer.answer(transaction, 481)
            }
        }
        try alice.call(try URI("sip:peer@10.0.0.9"))
        network.run(for: .seconds(5))
        #expect(peer.requests.contains { $0.method == .prack })
        #expect(alice.call.isAnswered && !alice.call.isEnded)
    }
}
