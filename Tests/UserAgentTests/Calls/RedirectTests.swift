import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// RFC 3261 §8.1.3.4 in whole calls, in virtual time.
@Suite struct RedirectTests {
    private func three() -> (
        network: SimulatedNetwork, alice: SimulatedPhone, bob: SimulatedPhone, carol: SimulatedPhone
    ) {
        let network = SimulatedNetwork(seed: 1)
        return (
            network, SimulatedPhone("alice", network.node("10.0.0.1:5060")),
            SimulatedPhone("bob", network.node("10.0.0.2:5060")), SimulatedPhone("carol", network.node("10.0.0.3:5060"))
        )
    }

    @Test("The phone follows, with the same Call-ID, From and To and the next CSeq")
    func follows() throws {
        let (network, alice, bob, carol) = three()
        bob.onInvitation = { $0.redirect(to: [NameAddress(carol.uri)]) }
        try alice.call(bob.uri)
        network.run(for: .seconds(2))
        let ladder = Ladder(network, ["alice": alice.node, "bob": bob.node, "carol": carol.node])
        #expect(
            ladder.lines == [
                "alice > bob INVITE sdp", "bob > alice 302 INVITE", "alice > bob ACK", "alice > carol INVITE sdp",
                "carol > alice 200 INVITE sdp", "alice > carol ACK",
            ])
        let (first, second) = (
            try #require(ladder["alice > bob INVITE sdp"]), try #require(ladder["alice > carol INVITE sdp"])
        )
        for name in [HeaderName.callID, .from, .to] { #expect(first[name] == second[name]) }
        #expect([first[.cSeq], second[.cSeq]] == ["1 INVITE", "2 INVITE"])
        #expect(second.withView { $0.text($0.startLine.uriRange) } == "sip:carol@10.0.0.3:5060")
        #expect(alice.call.isAnswered)
        #expect(bob.story == ["ended 302 local"])
    }

    @Test("Of several the best first; when one fails the next, and the last refusal counts")
    func inTurn() throws {
        let (network, alice, bob, carol) = three()
        let dave = SimulatedPhone("dave", network.node("10.0.0.4:5060"))
        bob.onInvitation = { leg in
            leg.redirect(
                to: [
                    NameAddress(dave.uri, parameters: [.init("q", "0.5")]),
                    NameAddress(carol.uri, parameters: [.init("q", "0.9")]),
                ], 300)
        }
        carol.onInvitation = { $0.reject(486) }
        dave.onInvitation = { $0.reject(480) }
        try alice.call(bob.uri)
        network.run(for: .seconds(2))
        #expect(carol.calls.count == 1 && dave.calls.count == 1)
        #expect(alice.story == ["ended 480 remote"])
    }

    @Test("One who does not answer is passed by")
    func silent() throws {
        let (network, alice, bob, carol) = three()
        let nobody = try URI("sip:x@10.0.0.99")
        bob.onInvitation = { $0.redirect(to: [NameAddress(nobody), NameAddress(carol.uri)]) }
        try alice.call(bob.uri)
        network.run(for: .seconds(40))
        #expect(alice.call.isAnswered)
        #expect(carol.call.isAnswered)
    }

    @Test("A circle ends")
    func circle() throws {
        let (network, alice, bob, carol) = three()
        bob.onInvitation = { $0.redirect(to: [NameAddress(carol.uri)]) }
        carol.onInvitation = { $0.redirect(to: [NameAddress(bob.uri)]) }
        try alice.call(bob.uri)
        network.run(for: .seconds(10))
        #expect(bob.calls.count == 1 && carol.calls.count == 1)
        #expect(alice.story == ["ended 302 remote"])
    }

    @Test("Whoever wants to decide by himself does")
    func notFollowed() throws {
        let (network, alice, bob, carol) = three()
        bob.onInvitation = { $0.redirect(to: [NameAddress(carol.uri)]) }
        var options = OutgoingCallOptions()
        options.followsRedirection = false
        try alice.call(bob.uri, options: options)
        network.run(for: .seconds(10))
        #expect(alice.story == ["ended 302 remote"])
        #expect(carol.calls.isEmpty)
    }

    @Test("RFC 3261 §21.6: a 6xx ends the search")
    func everywhere() throws {
        let (network, alice, bob, carol) = three()
        let dave = SimulatedPhone("dave", network.node("10.0.0.4:5060"))
        bob.onInvitation = { $0.redirect(to: [NameAddress(carol.uri), NameAddress(dave.uri)]) }
        carol.onInvitation = { $0.reject(603) }
        try alice.call(bob.uri)
        network.run(for: .seconds(10))
        #expect(alice.story == ["ended 603 remote"])
        #expect(dave.calls.isEmpty)
    }
}
