import Reactor
import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// RFC 3262 in whole calls, in virtual time.
@Suite struct ReliableProgressTests {
    @Test("RFC 3262 §5: early media by a reliable 183; the 2xx says nothing more")
    func earlyMedia() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(2))
        #expect(phones.alice.sound.state == "10.0.0.2:10000 sendrecv")
        #expect(phones.bob.sound.state == "10.0.0.1:10000 sendrecv")
        #expect(!phones.alice.call.isAnswered)
        phones.bob.call.answer()
        phones.settle()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE sdp", "bob > alice 183 INVITE sdp", "alice > bob PRACK", "bob > alice 200 PRACK",
                "bob > alice 200 INVITE", "alice > bob ACK",
            ])
        let progress = try #require(phones.ladder["bob > alice 183 INVITE sdp"])
        #expect(progress[.require] == "100rel")
        let number = try #require(progress[.rSeq])
        #expect(phones.ladder["alice > bob PRACK"]?[.rAck] == "\(number) 1 INVITE")
        #expect(phones.alice.story == ["183", "early media", "answered"])
        #expect(phones.bob.story == ["answered"])
    }

    @Test("RFC 3262 §5: without an offer in the INVITE the first reliable response has one, and the PRACK answers it")
    func lateOffer() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        var options = OutgoingCallOptions()
        options.offersLate = true
        try phones.alice.call(phones.bob.uri, options: options)
        phones.network.run(for: .seconds(2))
        #expect(phones.bob.sound.state == "10.0.0.1:10000 sendrecv")
        phones.bob.call.answer()
        phones.settle()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE", "bob > alice 183 INVITE sdp", "alice > bob PRACK sdp", "bob > alice 200 PRACK",
                "bob > alice 200 INVITE", "alice > bob ACK",
            ])
        #expect(phones.alice.sound.state == "10.0.0.2:10000 sendrecv")
    }

    @Test(
        "RFC 3261 §13.2.1: without an offer in the INVITE and reliable responses the 2xx has one, and the ACK answers it"
    )
    func offerInSuccess() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { leg in
            leg.ring()
            leg.answer()
        }
        var options = OutgoingCallOptions()
        options.offersLate = true
        try phones.alice.call(phones.bob.uri, options: options)
        phones.settle()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE", "bob > alice 180 INVITE", "bob > alice 200 INVITE sdp", "alice > bob ACK sdp",
            ])
        #expect(phones.alice.sound.state == "10.0.0.2:10000 sendrecv")
        #expect(phones.bob.sound.state == "10.0.0.1:10000 sendrecv")
    }

    @Test("RFC 3262 §5: a change that is wanted goes as an offer with the PRACK, and the callee answers it there")
    func offerInPrack() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        try phones.alice.call(phones.bob.uri)
        phones.alice.call.renegotiate { $0.wish.direction = .sendonly }
        phones.network.run(for: .seconds(2))
        #expect(phones.bob.call.isHeldByPeer)
        #expect(phones.bob.sound.state == "10.0.0.1:10000 recvonly")
        phones.bob.call.answer()
        phones.settle()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE sdp", "bob > alice 183 INVITE sdp", "alice > bob PRACK sdp",
                "bob > alice 200 PRACK sdp", "bob > alice 200 INVITE", "alice > bob ACK",
            ])
    }

    @Test(
        "RFC 3261 §8.2.3: a PRACK whose body is not understood gets 415, and acknowledges nothing; an optional one does",
        arguments: [("", 415), ("Content-Disposition: x;handling=optional", 200)] as [(String, UInt16)])
    func prackBody(disposition: String, status: UInt16) throws {
        let network = SimulatedNetwork(seed: 1)
        let bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"))
        bob.onInvitation = { $0.ring(183, withMedia: true) }
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.send(
            "INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: bob.node,
            headers: ["Supported: 100rel", "Content-Type: application/sdp"], body: Sample.description)
        network.run(for: .milliseconds(100))
        let progress = try #require(peer.responses.last { $0.statusCode == 183 })
        let tag = try #require(progress[.to].flatMap { try? NameAddress($0) }?.tag)
        var headers = ["RAck: \(progress[.rSeq] ?? "") 1 INVITE", "Content-Type: text/plain"]
        if !disposition.isEmpty { headers.append(disposition) }
        peer.sendInDialog(
            "PRACK", callID: progress[.callID] ?? "", cSeq: 2, from: "ft", to: tag, target: "sip:bob@10.0.0.2:5060",
            contact: "<\(peer.uri("here"))>", via: bob.node, headers: headers, body: "hello")
        network.run(for: .milliseconds(100))
        #expect(peer.responses.last { $0[.cSeq] == "2 PRACK" }?.statusCode == StatusCode(rawValue: status))
        let before = network.trace.count { $0.startLine.hasPrefix("SIP/2.0 183") }
        network.run(for: .seconds(2))
        let repeated = network.trace.count { $0.startLine.hasPrefix("SIP/2.0 183") } > before
        #expect(repeated == (status == 415))
    }

    @Test("RFC 3261 §13.3.1.4: an ACK that answers an offer by what is no session description ends the call")
    func acknowledgementBody() throws {
        let network = SimulatedNetwork(seed: 1)
        let bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.onResponse = { _, _ in }
        peer.send("INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: bob.node)
        network.run(for: .milliseconds(100))
        let success = try #require(peer.responses.last { $0.statusCode == 200 })
        let tag = try #require(success[.to].flatMap { try? NameAddress($0) }?.tag)
        peer.sendInDialog(
            "ACK", callID: success[.callID] ?? "", cSeq: 1, from: "ft", to: tag, target: "sip:bob@10.0.0.2:5060",
            contact: "<\(peer.uri("here"))>", via: bob.node, headers: ["Content-Type: text/plain"], body: "hello")
        network.run(for: .seconds(1))
        #expect(bob.story.last == "ended 488 local")
        #expect(peer.requests.last?.method == .bye)
    }

    @Test("RFC 3262 §3: a caller that requires 100rel gets all provisional responses reliably, in turn")
    func required() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { leg in
            leg.ring(180)
            leg.ring(182)
        }
        var options = OutgoingCallOptions()
        options.requiresReliableProgress = true
        try phones.alice.call(phones.bob.uri, options: options)
        phones.network.run(for: .seconds(5))
        phones.bob.call.answer()
        phones.settle()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE sdp", "bob > alice 180 INVITE", "alice > bob PRACK", "bob > alice 200 PRACK",
                "bob > alice 182 INVITE", "alice > bob PRACK", "bob > alice 200 PRACK", "bob > alice 200 INVITE sdp",
                "alice > bob ACK",
            ])
        let numbers = phones.ladder.steps.compactMap { $0.message[.rSeq].flatMap { UInt32($0) } }
        #expect(numbers.count == 2 && numbers[1] == numbers[0] + 1)
        #expect(phones.alice.story == ["180", "182", "answered"])
    }

    @Test("RFC 3262 §3: a caller that only supports it gets a plain 180 when there is no media")
    func supported() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring() }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(5))
        #expect(phones.ladder["alice > bob INVITE sdp"]?.optionTags(.supported).contains(.reliableProvisional) == true)
        #expect(phones.ladder.lines == ["alice > bob INVITE sdp", "bob > alice 180 INVITE"])
        phones.alice.call.hangUp()
        phones.bob.agent.configuration.reliableProgress = .always
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(5))
        #expect(phones.ladder.all("alice > bob PRACK").count == 1)
    }

    @Test("RFC 3262 §3: the response comes again until the PRACK has come, and once for the user")
    func lostPrack() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        var lost = 0
        phones.network.loses = { passage in
            guard passage.startLine.hasPrefix("PRACK"), lost < 2 else { return false }
            lost += 1
            return true
        }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(8))
        phones.bob.call.answer()
        phones.settle()
        // The PRACK repeats itself after 0.5 and 1.5 s, the response after 0.5 s and 1.5 s too: the third PRACK arrives.
        #expect(phones.ladder.all("alice > bob PRACK lost").count == 2)
        #expect(phones.ladder.all("alice > bob PRACK").count == 1)
        #expect(phones.ladder.all("bob > alice 183 INVITE sdp").count == 3)
        #expect(phones.alice.story == ["183", "early media", "answered"])
    }

    @Test("RFC 3262 §5: the answer of the user waits for the PRACK of the description")
    func theSuccessWaits() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { leg in
            leg.ring(183, withMedia: true)
            leg.answer()
        }
        try phones.alice.call(phones.bob.uri)
        phones.settle()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE sdp", "bob > alice 183 INVITE sdp", "alice > bob PRACK", "bob > alice 200 PRACK",
                "bob > alice 200 INVITE", "alice > bob ACK",
            ])
        #expect(phones.bob.call.isAnswered)
    }

    @Test("RFC 3262 §3: a response that is never acknowledged in 64·T1 ends the INVITE by a 5xx")
    func neverAcknowledged() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        phones.network.loses = { $0.startLine.hasPrefix("PRACK") }
        try phones.alice.call(phones.bob.uri)
        phones.settle(.seconds(100))
        #expect(phones.ladder["bob > alice 504 INVITE"] != nil)
        // The caller has waited as long for the answer to its PRACK, and gives up by itself (RFC 5057 §5.2).
        #expect(phones.alice.call.ending?.status == 408)
        #expect(phones.bob.call.isEnded)
        #expect(phones.bob.sound.isStopped)
    }

    @Test(
        "RFC 3262 §3: a PRACK that acknowledges nothing is answered 481, one without RAck 400",
        arguments: [
            ("RAck: 1 1 INVITE", "481 PRACK"), ("RAck: nonsense", "400 PRACK"), ("Subject: no RAck", "400 PRACK"),
        ])
    func strayPrack(header: String, expected: String) throws {
        let network = SimulatedNetwork(seed: 1)
        let bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"))
        bob.onInvitation = { $0.ring(183, withMedia: true) }
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.send(
            "INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: bob.node,
            headers: ["Supported: 100rel", "Content-Type: application/sdp"], body: Sample.description, callID: "c")
        network.run(for: .milliseconds(100))
        let tag = try #require(peer.responses.last.flatMap { try? NameAddress($0[.to] ?? "") }?.tag)
        peer.send(
            "PRACK", to: "sip:bob@10.0.0.2", from: "peer", via: bob.node, headers: [header], callID: "c", cSeq: 2,
            toTag: tag)
        network.run(for: .milliseconds(100))
        #expect(Ladder(network, ["bob": bob.node, "peer": peer.node]).lines.last == "bob > peer \(expected)")
    }

    @Test(
        "RFC 3262 §4, RFC 3261 §13.2.2.4: early dialogs of a fork have a session each; the one that answers is the call"
    )
    func forks() throws {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        var invite: ServerTransaction?
        peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request.method == .invite { invite = transaction } else { peer.answer(transaction, 200) }
        }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        network.run(for: .milliseconds(100))
        let transaction = try #require(invite)
        for (tag, port, number) in [("a", 20_000, 70), ("b", 30_000, 5)] {
            peer.answer(
                transaction, 183, toTag: tag, headers: ["Require: 100rel", "RSeq: \(number)"],
                description: Sample.description(port: port))
            network.run(for: .milliseconds(100))
            #expect(alice.sound.state == "10.0.0.9:\(port) sendrecv")
        }
        let pracks = peer.requests.filter { $0.method == .prack }
        #expect(pracks.map { $0[.rAck] } == ["70 1 INVITE", "5 1 INVITE"])
        #expect(pracks.map { $0[.to]?.hasSuffix(";tag=a") } == [true, false])
        // Each dialog counts its requests for itself.
        #expect(pracks.map { $0[.cSeq] } == ["2 PRACK", "2 PRACK"])
        peer.answer(transaction, 200, toTag: "a")
        network.run(for: .milliseconds(100))
        #expect(alice.call.isAnswered)
        #expect(alice.sound.state == "10.0.0.9:20000 sendrecv")
        #expect(peer.requests.last?.method == .ack)
        #expect(peer.requests.last?[.to]?.hasSuffix(";tag=a") == true)
    }

    @Test("RFC 3261 §13.2.1: a preview in an unreliable response is heard, and counts when the 2xx says nothing")
    func preview() throws {
        let network = SimulatedNetwork(seed: 1)
        let alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        let peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        var invite: ServerTransaction?
        peer.onRequest = { _, request, transaction in
            if request.method == .invite { invite = transaction }
        }
        try alice.call(try URI("sip:bob@10.0.0.9"))
        network.run(for: .milliseconds(100))
        let transaction = try #require(invite)
        peer.answer(transaction, 183, toTag: "a", description: Sample.description(port: 20_000))
        network.run(for: .milliseconds(100))
        #expect(alice.sound.state == "10.0.0.9:20000 sendrecv")
        peer.answer(transaction, 200, toTag: "a")
        network.run(for: .milliseconds(100))
        #expect(alice.story == ["183", "early media", "answered"])
        #expect(alice.sound.streams.count == 2)
    }
}

/// Session descriptions of a peer at 10.0.0.9.
enum Sample {
    static let description = description(port: 20_000)

    static func description(
        port: Int, address: String = "10.0.0.9", version: Int = 1, direction: String = "sendrecv"
    ) -> String {
        "v=0\r\no=- 1 \(version) IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 \(address)\r\nt=0 0\r\n"
            + "m=audio \(port) RTP/AVP 0\r\na=\(direction)\r\n"
    }
}

extension ScriptedPeer {
    /// Answers with a To tag of its own, as several callees behind one proxy do, and with a session description.
    func answer(
        _ transaction: ServerTransaction, _ status: StatusCode, toTag: String, headers: [String] = [],
        description: String = ""
    ) {
        guard let request = transaction.request else { return }
        var text = "SIP/2.0 \(status.rawValue) \(status.reasonPhrase)\r\n"
        for (name, header) in [("Via", HeaderName.via), ("From", .from), ("Call-ID", .callID), ("CSeq", .cSeq)] {
            for value in request.values(of: header) { text += "\(name): \(value)\r\n" }
        }
        text += "To: \(request[.to] ?? "");tag=\(toTag)\r\nContact: <\(uri("here"))>\r\n"
        for header in headers { text += header + "\r\n" }
        if !description.isEmpty { text += "Content-Type: application/sdp\r\n" }
        text += "Content-Length: \(description.utf8.count)\r\n\r\n\(description)"
        layer.respond(transaction, status: status) { $0.append(text) }
    }
}
