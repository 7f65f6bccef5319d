import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// RFC 4028 in whole calls, in virtual time.
@Suite struct SessionTimerCallTests {
    private func phones(
        _ interval: Int? = 1_800, refresher: SessionTimer.Refresher = .uac, minimum: Int = 90
    ) -> TwoPhones {
        let phones = TwoPhones()
        for phone in [phones.alice, phones.bob] {
            phone.agent.configuration.sessionTimer.interval = interval.map { .seconds($0) }
            phone.agent.configuration.sessionTimer.refresher = refresher
        }
        phones.bob.agent.configuration.sessionTimer.minimum = .seconds(minimum)
        return phones
    }

    @Test(
        "RFC 4028 §7.4: refreshed by UPDATE without an offer at half the interval, by either side",
        arguments: [
            (SessionTimer.Refresher.uac, "alice > bob", "bob > alice"), (.uas, "bob > alice", "alice > bob"),
        ])
    func update(refresher: SessionTimer.Refresher, there: String, back: String) throws {
        let phones = phones(600, refresher: refresher)
        try phones.callUp()
        let answer = try #require(phones.ladder["bob > alice 200 INVITE sdp"])
        #expect(answer[.sessionExpires] == "600;refresher=\(refresher)")
        #expect(answer[.require] == "timer")
        let before = phones.ladder.lines.count
        phones.network.run(for: .seconds(299))
        #expect(phones.ladder.lines.count == before)
        phones.network.run(for: .seconds(1_000))
        #expect(
            phones.ladder.lines.dropFirst(before)
                == Array(repeating: ["\(there) UPDATE", "\(back) 200 UPDATE"], count: 4).flatMap { $0 }[...])
        let refreshes = phones.ladder.all("\(there) UPDATE")
        // The sender of the refresh is its client, whoever was the caller.
        #expect(refreshes.allSatisfy { $0[.sessionExpires] == "600;refresher=uac" && $0[.contact] != nil })
        #expect(!phones.alice.call.isEnded && !phones.bob.call.isEnded)
    }

    @Test("RFC 4028 §7.4: refreshed by re-INVITE with the same description where UPDATE is not known")
    func reinvite() throws {
        let call = try ScriptedCall(headers: [
            "Session-Expires: 600;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, CANCEL",
        ])
        let first = try #require(call.ladder["alice > peer INVITE sdp"])
        #expect(first[.sessionExpires] == "1800")
        call.network.run(for: .seconds(300))
        let refresh = try #require(call.ladder.all("alice > peer INVITE sdp").last)
        #expect(refresh[.sessionExpires] == "600;refresher=uac")
        #expect(refresh.body == first.body)
        #expect(refresh[.cSeq] == "2 INVITE")
        #expect(call.ladder.lines.last == "alice > peer ACK")
    }

    @Test("RFC 4028 §10: a peer that has allowed UPDATE and refuses it is sent a re-INVITE")
    func updateRefused() throws {
        let call = try ScriptedCall(headers: [
            "Session-Expires: 600;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, UPDATE",
        ])
        call.peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request.method == .update { return peer.answer(transaction, 501) }
            peer.answer(transaction, 200, headers: [], description: Sample.description(port: 20_000))
        }
        call.network.run(for: .seconds(310))
        #expect(
            call.ladder.lines.suffix(5) == [
                "alice > peer UPDATE", "peer > alice 501 UPDATE", "alice > peer INVITE sdp",
                "peer > alice 200 INVITE sdp", "alice > peer ACK",
            ])
    }

    @Test("RFC 4028 §10: refreshes that are refused are tried again, and without any the call ends with the interval")
    func refreshesFail() throws {
        let call = try ScriptedCall(headers: [
            "Session-Expires: 90;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, UPDATE",
        ])
        call.peer.onRequest = { peer, request, transaction in
            if let transaction { peer.answer(transaction, request.method == .update ? 500 : 200) }
        }
        call.network.run(for: .seconds(120))
        #expect(call.ladder.all("alice > peer UPDATE").count == 3)
        #expect(call.alice.call.ending == .init(408, "The session was not refreshed", .local))
        #expect(call.peer.requests.last?.method == .bye)
    }

    @Test("RFC 4028 §10: whoever waits for refreshes says BYE before the end of the interval")
    func noRefreshes() throws {
        let call = try ScriptedCall(headers: ["Session-Expires: 600;refresher=uas", "Require: timer"])
        call.network.run(for: .seconds(566))
        #expect(!call.alice.call.isEnded)
        call.network.run(for: .seconds(3))
        #expect(call.alice.call.isEnded)
        #expect(call.peer.requests.last?.method == .bye)
    }

    @Test("RFC 4028 §7.2: the peer's re-INVITEs and UPDATEs keep the session, whatever else they are for")
    func refreshesOfThePeer() throws {
        let call = try ScriptedCall(headers: ["Session-Expires: 90;refresher=uas", "Require: timer"])
        for round in 0..<10 {
            call.network.run(for: .seconds(50))
            call.request(
                "UPDATE", cSeq: round + 1, headers: ["Session-Expires: 90;refresher=uac", "Supported: timer"])
            #expect(call.peer.responses.last?[.sessionExpires] == "90;refresher=uac")
            #expect(call.peer.responses.last?[.require] == "timer")
        }
        #expect(!call.alice.call.isEnded)
        call.network.run(for: .seconds(70))
        #expect(call.alice.call.isEnded)
    }

    @Test("RFC 4028 §7.3: 422 leads to a longer interval, with the same Call-ID and the next CSeq")
    func tooSmall() throws {
        let phones = phones(100, minimum: 400)
        try phones.callUp()
        #expect(
            phones.ladder.lines == [
                "alice > bob INVITE sdp", "bob > alice 422 INVITE", "alice > bob ACK", "alice > bob INVITE sdp",
                "bob > alice 200 INVITE sdp", "alice > bob ACK",
            ])
        let invites = phones.ladder.all("alice > bob INVITE sdp")
        #expect(invites.map { $0[.sessionExpires] } == ["100", "400"])
        #expect(invites.map { $0[.minSE] } == [nil, "400"])
        #expect(invites.map { $0[.cSeq] } == ["1 INVITE", "2 INVITE"])
        #expect(invites[0][.callID] == invites[1][.callID])
        #expect(phones.ladder["bob > alice 422 INVITE"]?[.minSE] == "400")
        #expect(phones.bob.calls.count == 1)
    }

    @Test("RFC 4028 §7.3: a refresh that is too short for somebody on the way is sent again")
    func tooSmallLater() throws {
        let call = try ScriptedCall(headers: [
            "Session-Expires: 100;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, UPDATE",
        ])
        call.peer.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request[.minSE] == nil { return peer.answer(transaction, 422, headers: ["Min-SE: 500"]) }
            peer.answer(transaction, 200, headers: ["Session-Expires: 500;refresher=uac", "Require: timer"])
        }
        call.network.run(for: .seconds(60))
        let refreshes = call.ladder.all("alice > peer UPDATE")
        #expect(refreshes.map { $0[.sessionExpires] } == ["100;refresher=uac", "500;refresher=uac"])
        #expect(refreshes.map { $0[.minSE] } == [nil, "500"])
        call.network.run(for: .seconds(240))
        #expect(call.ladder.all("alice > peer UPDATE").count == 3)
    }

    @Test("RFC 4028 §12.2.1.2 of RFC 3261: a refresh without answer ends the call")
    func silence() throws {
        let phones = phones(600)
        try phones.callUp()
        phones.network.loses = { $0.startLine.hasPrefix("UPDATE") }
        phones.network.run(for: .seconds(340))
        #expect(phones.alice.call.ending?.status == 408)
        #expect(phones.bob.call.ending?.side == .remote)
    }

    @Test("Nobody asks for a timer: none runs")
    func none() throws {
        let phones = phones(nil)
        try phones.callUp()
        #expect(phones.ladder.steps.allSatisfy { $0.message[.sessionExpires] == nil })
        let before = phones.ladder.lines.count
        phones.network.run(for: .seconds(7_200))
        #expect(phones.ladder.lines.count == before)
    }

    @Test("RFC 4028 §7.1: each request but ACK says that timers are known")
    func supported() throws {
        let phones = phones()
        phones.bob.onInvitation = { $0.ring(183, withMedia: true) }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(1))
        phones.bob.call.answer()
        phones.network.run(for: .seconds(1))
        phones.alice.call.hangUp()
        phones.network.run(for: .seconds(1))
        let requests = phones.ladder.steps.map(\.message).filter { $0.isRequest && $0.method != .ack }
        #expect(requests.map(\.method) == [.invite, .prack, .bye])
        #expect(requests.allSatisfy { $0.optionTags(.supported).contains(.timer) })
    }
}

extension ScriptedCall {
    var ladder: Ladder { Ladder(network, ["alice": alice.node, "peer": peer.node]) }
}
