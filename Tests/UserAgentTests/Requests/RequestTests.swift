import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// MESSAGE, OPTIONS, INFO and what nobody serves.
@Suite struct RequestTests {
    @Test("RFC 3428 §4, §7: a message outside of any dialog, taken or refused", arguments: [200, 415] as [UInt16])
    func message(status: UInt16) {
        let phones = TwoPhones()
        var texts: [String] = []
        phones.bob.agent.servedMethods = [.message]
        phones.bob.agent.onRequest = { request in
            texts.append(String(decoding: request.message.body, as: UTF8.self))
            request.respond(StatusCode(rawValue: status))
            request.respond(500)
        }
        var answers: [StatusCode] = []
        phones.alice.agent.send(
            .message, to: phones.bob.uri, as: phones.alice.identity,
            MessageContent([.init(.subject, "a\r\nEvil: b")], type: "text/plain", text: "Watson, come here.")
        ) { _, status, _ in answers.append(status) }
        phones.settle()
        #expect(texts == ["Watson, come here."])
        #expect(answers == [StatusCode(rawValue: status)])
        let sent = phones.ladder["alice > bob MESSAGE plain"]
        #expect(sent?[.contact] == nil)
        #expect(sent?[.subject] == "a  Evil: b")
        #expect(sent?["Evil"] == nil)
    }

    @Test("Silence is 408, no way 503, a malformed address is no request")
    func failures() throws {
        let phones = TwoPhones()
        var answers: [(StatusCode, String)] = []
        phones.network.remove(phones.bob.node)
        phones.alice.agent.send(.options, to: phones.bob.uri, as: phones.alice.identity) { _, status, reason in
            answers.append((status, reason))
        }
        phones.alice.agent.send(.options, to: try URI("sip:x@nowhere.test"), as: phones.alice.identity) {
            _, status, reason in
            answers.append((status, reason))
        }
        phones.settle()
        #expect(answers.map(\.0) == [503, 408])
        #expect(answers.first?.1 == "nowhere.test has no address")
    }

    @Test("RFC 3263 §4.3: silence of one server leads to the next, and a 503 too")
    func failOver() throws {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        let busy = ScriptedPeer(network.node("10.0.0.8:5060"))
        busy.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 503) } }
        network.hosts["two.test"] = try ["10.0.0.7:0", "10.0.0.8:0", "10.0.0.9:0"].map {
            try #require(.init($0))
        }
        var answers: [StatusCode] = []
        alice.agent.send(.options, to: try URI("sip:two.test"), as: alice.identity) { _, status, _ in
            answers.append(status)
        }
        network.run(for: .seconds(40))
        #expect(answers == [200])
        #expect(peer.requests.count == 1 && busy.requests.count == 1)
    }

    @Test("RFC 3261 §8.2.1, §21.5.2: 405 with Allow for a method that is not served, 501 for one that nobody knows")
    func notServed() {
        let phones = TwoPhones()
        let peer = ScriptedPeer(phones.network.node("10.0.0.9:5060"))
        for method in ["MESSAGE", "PUBLISH", "REGISTER", "REFER", "DANCE"] {
            peer.send(method, to: "sip:bob@10.0.0.2", from: "peer", via: phones.bob.node)
            phones.network.run(for: .seconds(1))
        }
        #expect(peer.responses.map(\.statusCode) == [405, 405, 405, 405, 501])
        let expected = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, NOTIFY, UPDATE"
        #expect(peer.responses.allSatisfy { $0[.allow] == expected })
    }

    @Test("RFC 3261 §11.2: OPTIONS is answered with what the phone can do, in a call too")
    func options() throws {
        let phones = TwoPhones()
        phones.bob.agent.servedMethods = [.message]
        phones.bob.agent.onReferral = { $0.refuse() }
        try phones.callUp()
        var answers: [Message] = []
        phones.alice.agent.send(.options, to: phones.bob.uri, as: phones.alice.identity) { message, _, _ in
            if let message { answers.append(message) }
        }
        phones.alice.call.send(.options) { message, _, _ in if let message { answers.append(message) } }
        phones.network.run(for: .seconds(1))
        #expect(answers.count == 2)
        for answer in answers {
            #expect(answer.statusCode == 200)
            #expect(answer[.allow] == "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, NOTIFY, UPDATE, MESSAGE, REFER")
            #expect(answer[.supported] == "100rel, join, norefersub, replaces, tdialog, timer")
            #expect(answer[.accept] == "application/sdp")
        }
    }

    // MARK: INFO

    @Test("RFC 6086 §4.2.1: a package that is wanted is sent and taken, another is not sent; each INVITE says which")
    func infoPackages() throws {
        let phones = TwoPhones()
        phones.bob.agent.infoPackages = ["foo", "bar"]
        var taken: [String] = []
        phones.bob.agent.onRequest = { request in
            taken.append(
                "\(request.message[.infoPackage] ?? "") \(String(decoding: request.message.body, as: UTF8.self))")
            request.respond(200)
        }
        try phones.callUp()
        #expect(phones.alice.call.peerInfoPackages == ["foo", "bar"])
        #expect(phones.bob.call.peerInfoPackages.isEmpty)
        var answers: [StatusCode] = []
        phones.alice.call.sendInfo("foo", MessageContent(type: "text/plain", text: "hello")) { answers.append($0) }
        phones.network.run(for: .seconds(1))
        // The name is case sensitive (§7.2), and parameters are no part of it.
        for package in ["other", "FOO", "foo;x=y"] {
            phones.alice.call.sendInfo(package) { answers.append($0) }
            phones.network.run(for: .seconds(1))
        }
        phones.bob.call.send(.info, MessageContent([.init("info-package", "foo")])) { _, status, _ in
            answers.append(status)
        }
        phones.network.run(for: .seconds(1))
        #expect(answers == [200, 469, 469, 200, 469])
        #expect(taken == ["foo hello", "foo;x=y "])
        #expect(phones.ladder.all("alice > bob INFO").count == 1 && phones.ladder.all("bob > alice INFO").isEmpty)
        #expect(phones.ladder["bob > alice 200 INVITE sdp"]?[.recvInfo] == "foo, bar")
        #expect(phones.ladder["alice > bob INVITE sdp"]?[.recvInfo]?.isEmpty == true)
    }

    @Test("RFC 8840 §4.4, §10: candidates come by INFO where they are taken, whatever becomes of them")
    func candidatesByInfo() throws {
        let phones = TwoPhones()
        phones.bob.agent.takesCandidates = true
        phones.bob.agent.infoPackages = ["foo"]
        try phones.callUp()
        #expect(phones.alice.call.peerInfoPackages == ["trickle-ice", "foo"])
        let answer = try #require(phones.ladder["bob > alice 200 INVITE sdp"])
        #expect(answer[.supported]?.contains("trickle-ice") == true)
        #expect(!phones.bob.call.tricklesPeer)
        var answers: [StatusCode] = []
        let fragment = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        for (type, text) in [
            ("application/trickle-ice-sdpfrag", fragment), ("application/sdp", fragment),
            ("application/trickle-ice-sdpfrag", "hello"),
        ] {
            phones.alice.call.sendInfo("trickle-ice", MessageContent(type: type, text: text)) { answers.append($0) }
            phones.network.run(for: .seconds(1))
        }
        #expect(answers == [200, 415, 400])
        #expect(!phones.alice.call.isEnded)
    }

    @Test("RFC 6086 §4.2.2, §5.2.2: one who wants a package no more says 469, which takes nothing back by itself")
    func refusedInfoPackage() throws {
        let phones = TwoPhones()
        phones.bob.agent.infoPackages = ["foo"]
        phones.bob.agent.onRequest = { $0.respond(200) }
        try phones.callUp()
        phones.bob.agent.infoPackages = []
        var answers: [StatusCode] = []
        phones.alice.call.sendInfo("foo") { answers.append($0) }
        phones.network.run(for: .seconds(1))
        #expect(answers == [469])
        #expect(phones.ladder["bob > alice 469 INFO"]?[.recvInfo]?.isEmpty == true)
        #expect(phones.alice.call.peerInfoPackages == ["foo"])
        #expect(!phones.alice.call.isEnded)
    }

    @Test(
        "RFC 6086 §5.2.2: what the far side wants is what it has said last, in INVITE, PRACK, UPDATE and their answers",
        arguments: ["INVITE", "UPDATE"])
    func changedInfoPackages(method: String) throws {
        let call = try ScriptedCall(headers: ["Recv-Info: a, b;x=1", "Recv-Info: c"])
        let leg = call.alice.call
        #expect(leg.peerInfoPackages == ["a", "b", "c"])
        call.request(method, cSeq: 10, headers: ["Recv-Info: d"], body: Sample.description(port: 20_000, version: 2))
        #expect(leg.peerInfoPackages == ["d"])
        #expect(call.peer.responses.last?[.recvInfo]?.isEmpty == true)
        if method == "INVITE" { call.acknowledge(cSeq: 10, "") }
        // Who says nothing changes nothing, and is told nothing (§5.2.3); INFO and MESSAGE do not set it.
        call.request(method, cSeq: 11, body: Sample.description(port: 20_000, version: 3))
        #expect(call.peer.responses.last?.statusCode == 200)
        #expect(call.peer.responses.last?[.recvInfo] == nil)
        if method == "INVITE" { call.acknowledge(cSeq: 11, "") }
        call.request("INFO", cSeq: 12, headers: ["Recv-Info: e"])
        #expect(leg.peerInfoPackages == ["d"])
        call.request(method, cSeq: 13, headers: ["Recv-Info:"], body: Sample.description(port: 20_000, version: 4))
        #expect(leg.peerInfoPackages.isEmpty)
    }

    @Test("Of what a far side says of Info packages no more is kept than the limit")
    func mostInfoPackages() throws {
        let list = (0..<200).map { "p\($0)" }.joined(separator: ", ")
        let call = try ScriptedCall(headers: ["Recv-Info: \(list)"])
        #expect(call.alice.call.peerInfoPackages.count == MessageView.mostInfoPackages)
    }

    @Test(
        "RFC 6086 §9: INFO of the old kind is answered 200; keys in it are heard",
        arguments: [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
            ("application/dtmf-relay", "Signal= #\r\n", "#"),
            ("application/dtmf", "*", "*"), ("application/dtmf-relay", "Duration=160\r\n", nil),
            ("application/x", "5", nil),
            ("application/dtmf", "x", nil),
        ])
    func legacyInfo(type: String, body: String, key: Character?) throws {
        let phones = TwoPhones()
        try phones.callUp()
        var answers: [StatusCode] = []
        phones.alice.call.send(.info, MessageContent(type: type, text: body)) { _, status, _ in answers.append(status) }
        phones.network.run(for: .seconds(1))
        #expect(answers == [200])
        #expect(phones.bob.story.contains { $0.hasPrefix("key") } == (key != nil))
        if let key { #expect(phones.bob.story.last == "key \(key)") }
    }

    // MARK: Where things do not belong

    @Test(
        "RFC 3891 §3, RFC 3911 §4: Replaces and Join in another request than INVITE get 400",
        arguments: ["Replaces", "Join"])
    func replacesElsewhere(header: String) throws {
        let phones = TwoPhones()
        phones.bob.agent.servedMethods = [.message]
        phones.bob.agent.onRequest = { $0.respond(200) }
        let peer = ScriptedPeer(phones.network.node("10.0.0.9:5060"))
        for method in ["MESSAGE", "OPTIONS", "SUBSCRIBE"] {
            peer.send(
                method, to: "sip:bob@10.0.0.2", from: "peer", via: phones.bob.node,
                headers: ["\(header): a;to-tag=1;from-tag=2"])
            phones.network.run(for: .seconds(1))
            #expect(peer.responses.last?.statusCode == 400, "\(method)")
        }
        let call = try ScriptedCall()
        call.request("INFO", cSeq: 10, headers: ["\(header): a;to-tag=1;from-tag=2"])
        #expect(call.peer.responses.last?.statusCode == 400)
        call.request("INFO", cSeq: 11)
        #expect(call.peer.responses.last?.statusCode == 200)
    }

    @Test("Requests in a call that has ended get 481")
    func afterTheEnd() throws {
        let call = try ScriptedCall()
        call.alice.call.hangUp()
        call.network.run(for: .seconds(1))
        for (index, method) in ["INFO", "OPTIONS", "UPDATE", "INVITE", "BYE", "PRACK", "MESSAGE"].enumerated() {
            call.request(method, cSeq: index + 10)
            #expect(call.peer.responses.last?.statusCode == 481, "\(method)")
        }
    }
}
