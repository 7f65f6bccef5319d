import SDP
import SIP
import SIPEndpoint
import Server
import TestKit
import Testing

@testable import UserAgent

// Calls that are transferred, and made on request.
extension ServiceFlowTests {
    /// REFER is accepted by 200 since RFC 7647 §5, where the figure has 202.
    @Test("RFC 5359 §2.4: transfer, unattended")
    func unattendedTransfer() throws {
        let (alice, bob, carol) = try direct()
        follows(bob)
        try bob.call(alice.uri)
        try answer(alice)
        var options = OutgoingReferral.Options()
        options.referredBy = NameAddress(alice.uri)
        let referral = alice.call.refer(to: ReferTarget(carol.uri), as: alice.identity, options)
        flow.network.run(for: .milliseconds(24))
        try flow.call(of: alice).hangUp()
        try answer(carol)
        #expect(referral != nil)
        let lines = flow.ladder.lines
        expectInOrder(
            lines.filter { !$0.contains("carol") },
            [
                "bob > alice INVITE sdp", "alice > bob 180 INVITE", "alice > bob 200 INVITE sdp", "bob > alice ACK",
                "alice > bob REFER", "bob > alice 200 REFER", "bob > alice NOTIFY sipfrag;version=2.0",
                "alice > bob 200 NOTIFY", "alice > bob BYE", "bob > alice 200 BYE",
                "bob > alice NOTIFY sipfrag;version=2.0", "alice > bob 200 NOTIFY",
            ])
        expectInOrder(
            lines.filter { $0.contains("carol") },
            [
                "bob > carol INVITE sdp", "carol > bob 180 INVITE", "carol > bob 200 INVITE sdp", "bob > carol ACK",
            ])
        let refer = try #require(flow.ladder["alice > bob REFER"])
        #expect(refer[.referTo] == "<\(carol.uri)>")
        #expect(flow.ladder["bob > carol INVITE sdp"]?[.referredBy] == refer[.referredBy])
        let notifies = flow.ladder.all("bob > alice NOTIFY sipfrag;version=2.0")
        #expect(notifies.first?[.subscriptionState]?.hasPrefix("active") == true)
        #expect(notifies.last?[.subscriptionState] == "terminated;reason=noresource")
        #expect(notifies.last.map { String(decoding: $0.body, as: UTF8.self) } == "SIP/2.0 200 OK\r\n")
    }

    @Test("RFC 5359 §2.5: transfer, attended")
    func attendedTransfer() throws {
        let (alice, bob, carol) = try direct()
        follows(alice)
        try alice.call(bob.uri)
        try answer(bob)
        hold(bob.calls[0])
        try bob.call(carol.uri)
        try answer(carol)
        hold(bob.calls[1])
        carol.onInvitation = { leg in
            leg.answer()
            if case .replaces(let old) = leg.relation { old.hangUp() }
        }
        let replaced = try #require(bob.calls[1].reference)
        let referral = bob.calls[0].refer(to: ReferTarget(carol.uri, replaces: replaced), as: bob.identity, .init())
        flow.run(.seconds(2))
        bob.calls[0].hangUp()
        flow.run()
        #expect(referral != nil)
        let lines = flow.ladder.lines
        expectInOrder(
            lines.filter { $0.contains("alice") && $0.contains("bob") },
            [
                "alice > bob INVITE sdp", "bob > alice 180 INVITE", "bob > alice 200 INVITE sdp", "alice > bob ACK",
                "bob > alice INVITE sdp", "alice > bob 200 INVITE sdp", "bob > alice ACK", "bob > alice REFER",
                "alice > bob 200 REFER", "alice > bob NOTIFY sipfrag;version=2.0", "bob > alice 200 NOTIFY",
                "alice > bob NOTIFY sipfrag;version=2.0", "bob > alice 200 NOTIFY", "bob > alice BYE",
                "alice > bob 200 BYE",
            ])
        expectInOrder(
            lines.filter { $0.contains("bob") && $0.contains("carol") },
            [
                "bob > carol INVITE sdp", "carol > bob 180 INVITE", "carol > bob 200 INVITE sdp", "bob > carol ACK",
                "bob > carol INVITE sdp", "carol > bob 200 INVITE sdp", "bob > carol ACK", "carol > bob BYE",
                "bob > carol 200 BYE",
            ])
        expectInOrder(
            lines.filter { $0.contains("alice") && $0.contains("carol") },
            ["alice > carol INVITE sdp", "carol > alice 200 INVITE sdp", "alice > carol ACK"])
        // F15 and F19 name the dialog between Bob and Carol.
        let refer = try #require(flow.ladder["bob > alice REFER"])
        #expect(refer[.referTo]?.contains("Replaces=") == true)
        let callID = try #require(flow.ladder["bob > carol INVITE sdp"]?[.callID])
        #expect(flow.ladder["alice > carol INVITE sdp"]?[.replaces]?.hasPrefix(callID) == true)
    }

    @Test("RFC 5359 §2.6: transfer by instant message")
    func transferByMessage() throws {
        let (alice, bob, carol) = try direct()
        carol.agent.servedMethods = [.message]
        carol.agent.onRequest = { $0.respond(200) }
        try alice.call(bob.uri)
        try answer(bob)
        let replaced = try #require(bob.call.reference)
        bob.agent.send(
            .message, to: carol.uri, as: bob.identity,
            MessageContent([.init(.contentType, "text/html")], body: Array("<html>Take this call?</html>".utf8))
        ) { _, _, _ in }
        flow.run()
        alice.onInvitation = { leg in
            leg.answer()
            if case .replaces(let old) = leg.relation { old.hangUp() }
        }
        var options = OutgoingCallOptions()
        options.fields = [.init(.replaces, "\(replaced)"), .init(.require, "replaces")]
        // The dialog as Alice knows it: what Bob's peer names.
        try carol.call(alice.uri, options: options)
        flow.run()
        expectInOrder(
            Array(flow.ladder.lines.prefix(8)),
            [
                "alice > bob INVITE sdp", "bob > alice 180 INVITE", "bob > alice 200 INVITE sdp", "alice > bob ACK",
                "bob > carol MESSAGE html", "carol > bob 200 MESSAGE", "carol > alice INVITE sdp",
                "alice > carol 200 INVITE sdp",
            ])
        #expect(
            Set(flow.ladder.lines.dropFirst(8)) == ["carol > alice ACK", "alice > bob BYE", "bob > alice 200 BYE"])
    }

    /// The reports that the figure leaves to the PC are there too.
    @Test("RFC 5359 §2.18: click to dial")
    func clickToDial() throws {
        let (_, bob, carol) = try direct()
        follows(bob)
        let computer = flow.peer("pc", "10.0.0.7")
        computer.send(
            "REFER", to: "\(bob.uri)", from: "pc", via: bob.node, headers: ["Refer-To: <\(carol.uri)>"])
        try answer(carol)
        expectInOrder(
            flow.ladder.lines.filter { !$0.contains("NOTIFY") },
            [
                "pc > bob REFER", "bob > pc 200 REFER", "bob > carol INVITE sdp", "carol > bob 180 INVITE",
                "carol > bob 200 INVITE sdp", "bob > carol ACK",
            ])
        let last = flow.ladder.all("bob > pc NOTIFY sipfrag;version=2.0").last
        #expect(last.map { String(decoding: $0.body, as: UTF8.self) } == "SIP/2.0 200 OK\r\n")
    }

    /// Lets a phone do what a REFER asks for, and report.
    func follows(_ phone: SimulatedPhone) {
        phone.agent.onReferral = { [unowned phone] referral in
            referral.accept()
            kept.referrals.append(referral)
            var options = OutgoingCallOptions()
            if let replaces = referral.target.replaces {
                options.fields += [.init(.replaces, "\(replaces)"), .init(.require, "replaces")]
            }
            if let referrer = referral.request[.referredBy] { options.fields.append(.init(.referredBy, referrer)) }
            guard let leg = try? phone.call(referral.target.uri, options: options) else { return }
            leg.onEvent = { event in
                switch event {
                case .answered: referral.report(StatusFragment(200))
                case .ended(let ending) where !leg.isAnswered:
                    referral.report(StatusFragment(ending.status, ending.reason))
                default: return
                }
            }
        }
    }
}
