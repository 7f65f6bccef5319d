import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// REFER, Replaces and Join between three phones in virtual time (RFC 3515, 3891, 3892, 3911, 4488, 7647).
@Suite struct TransferTests {
    /// Three phones; Bob does what a REFER asks for.
    final class Three {
        let network = SimulatedNetwork(seed: 1)
        let alice: SimulatedPhone
        let bob: SimulatedPhone
        let carol: SimulatedPhone
        var referrals: [IncomingReferral] = []
        var told: [String] = []

        init() {
            alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
            bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"))
            carol = SimulatedPhone("carol", network.node("10.0.0.3:5060"))
            bob.agent.onReferral = { [unowned self] referral in
                referrals.append(referral)
                follow(referral)
            }
        }

        /// Accepts, calls, and reports.
        func follow(_ referral: IncomingReferral) {
            referral.accept()
            var options = OutgoingCallOptions()
            if let replaces = referral.target.replaces {
                options.fields += [.init(.replaces, "\(replaces)"), .init(.require, "replaces")]
            }
            if let referrer = referral.request[.referredBy] { options.fields.append(.init(.referredBy, referrer)) }
            guard let leg = try? bob.call(referral.target.uri, options: options) else { return }
            let told = leg.onEvent
            leg.onEvent = { event in
                told(event)
                switch event {
                case .progress(let status): referral.report(StatusFragment(status))
                case .answered: referral.report(StatusFragment(200))
                case .ended(let ending) where !leg.isAnswered:
                    referral.report(StatusFragment(ending.status, ending.reason))
                default: return
                }
            }
        }

        /// Alice calls Bob.
        func call() throws {
            try alice.call(bob.uri)
            network.run(until: { [alice, bob] in alice.call.isAnswered && bob.calls.last?.isAnswered == true })
        }

        func refer(_ target: ReferTarget, _ options: OutgoingReferral.Options = .init()) {
            let referral = alice.calls[0].refer(to: target, as: alice.identity, options)
            referral?.onEvent = { [unowned self] event in told.append(Self.text(event)) }
            kept = referral
        }

        var kept: OutgoingReferral?

        static func text(_ event: OutgoingReferral.Event) -> String {
            switch event {
            case .accepted: "accepted"
            case .progress(let fragment): "\(fragment.status.rawValue)"
            case .ended(.succeeded(let fragment)): "succeeded \(fragment.status.rawValue)"
            case .ended(.failed(let fragment)): "failed \(fragment.status.rawValue) \(fragment.reason)"
            case .ended(.refused(let status, _)): "refused \(status.rawValue)"
            case .ended(.unknown): "unknown"
            }
        }

        func run(_ time: Duration) { network.run(for: time) }
        var ladder: Ladder { Ladder(network, ["alice": alice.node, "bob": bob.node, "carol": carol.node]) }
    }

    @Test("RFC 3515 §2.4: in the dialog of the call; accepted with 200 (RFC 7647 §5), reported, ended with the outcome")
    func blind() throws {
        let three = Three()
        three.carol.onInvitation = { $0.ring() }
        try three.call()
        let before = three.ladder.lines.count
        var options = OutgoingReferral.Options()
        options.referredBy = NameAddress(three.alice.uri)
        three.refer(ReferTarget(three.carol.uri), options)
        three.run(.seconds(5))
        three.carol.call.answer()
        three.run(.seconds(5))
        #expect(three.told == ["accepted", "100", "180", "succeeded 200"])
        #expect(
            three.ladder.lines.dropFirst(before).filter { $0.contains("alice") } == [
                "alice > bob REFER", "bob > alice 200 REFER", "bob > alice NOTIFY sipfrag;version=2.0",
                "alice > bob 200 NOTIFY", "bob > alice NOTIFY sipfrag;version=2.0", "alice > bob 200 NOTIFY",
                "bob > alice NOTIFY sipfrag;version=2.0", "alice > bob 200 NOTIFY",
            ])
        let notifies = three.ladder.all("bob > alice NOTIFY sipfrag;version=2.0")
        #expect(notifies.allSatisfy { $0[.event] == "refer" })
        #expect(
            notifies.map { String(decoding: $0.body, as: UTF8.self) }
                == ["SIP/2.0 100 Trying\r\n", "SIP/2.0 180 Ringing\r\n", "SIP/2.0 200 OK\r\n"])
        #expect(notifies.last?[.subscriptionState] == "terminated;reason=noresource")
        let refer = try #require(three.ladder["alice > bob REFER"])
        #expect(refer[.referTo] == "<sip:carol@10.0.0.3:5060>")
        #expect(refer[.contact] != nil)
        #expect(refer[.to]?.contains("tag=") == true)
        #expect(three.ladder["bob > carol INVITE sdp"]?[.referredBy] == "<sip:alice@10.0.0.1:5060>")
        // Who refers ends its own call; the subscription in the same dialog does not mind.
        three.alice.calls[0].hangUp()
        three.run(.seconds(1))
        #expect(three.bob.calls[0].isEnded && !three.bob.calls[1].isEnded)
    }

    @Test("RFC 3515 §2.4.4: the call may end while reports go on in its dialog")
    func reportsAfterBye() throws {
        let three = Three()
        three.carol.onInvitation = { $0.ring() }
        try three.call()
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(2))
        three.alice.calls[0].hangUp()
        three.run(.seconds(2))
        three.carol.call.answer()
        three.run(.seconds(2))
        #expect(three.told.last == "succeeded 200")
        #expect(three.ladder.lines.last == "alice > bob 200 NOTIFY")
    }

    @Test("RFC 3515 §2.4.5: a call that fails is told as it failed; the old call goes on")
    func failed() throws {
        let three = Three()
        three.carol.onInvitation = { $0.reject(486) }
        try three.call()
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(5))
        #expect(three.told == ["accepted", "100", "failed 486 Busy Here"])
        #expect(!three.alice.calls[0].isEnded && !three.bob.calls[0].isEnded)
    }

    @Test("RFC 3515 §2.4.2: a REFER that is not wanted is refused, and there is no subscription")
    func refused() throws {
        let three = Three()
        three.bob.agent.onReferral = { $0.refuse() }
        try three.call()
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(60))
        #expect(three.told == ["refused 603"])
        three.bob.agent.onReferral = nil
        three.told = []
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(60))
        #expect(three.told == ["refused 405"])
    }

    @Test(
        "RFC 3515 §2.4.2: malformed, and what a phone cannot access",
        arguments: [
            ("Subject: none", 400), ("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>", 400),
            ("Refer-To: <http://x.test>", 416),
            ("Refer-To: <sip:a@b;method=SUBSCRIBE>", 403), ("Refer-To: <sip:a@b?Replaces=x>", 400),
            ("Refer-To: <sip:a@b>\r\nTarget-Dialog: x", 400),
            ("Refer-To: <sip:a@b>\r\nTarget-Dialog: x;local-tag=1;remote-tag=2", 481),
        ])
    func malformed(headers: String, status: UInt16) {
        let three = Three()
        let peer = ScriptedPeer(three.network.node("10.0.0.9:5060"))
        peer.send("REFER", to: "sip:bob@10.0.0.2", from: "peer", via: three.bob.node, headers: [headers])
        three.run(.seconds(1))
        #expect(peer.responses.last?.statusCode == StatusCode(rawValue: status))
        #expect(three.referrals.isEmpty)
    }

    @Test("RFC 3515 §2.4.6: a second REFER in a dialog is told apart by its number")
    func twoReferrals() throws {
        let three = Three()
        three.carol.onInvitation = { $0.reject(486) }
        try three.call()
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(5))
        three.carol.onInvitation = { $0.answer() }
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(5))
        let events = three.ladder.all("bob > alice NOTIFY sipfrag;version=2.0").map { $0[.event] }
        let second = try #require(three.ladder.all("alice > bob REFER").last?[.cSeq]?.split(separator: " ").first)
        #expect(events == ["refer", "refer", "refer;id=\(second)", "refer;id=\(second)"])
        #expect(three.told.last == "succeeded 200")
    }

    @Test("RFC 4488: without reports")
    func silent() throws {
        let three = Three()
        try three.call()
        var options = OutgoingReferral.Options()
        options.isSilent = true
        three.refer(ReferTarget(three.carol.uri), options)
        three.run(.seconds(60))
        #expect(three.told == ["accepted", "unknown"])
        #expect(three.ladder["alice > bob REFER"]?[.referSub] == "false")
        #expect(three.ladder["bob > alice 200 REFER"]?[.referSub] == "false")
        #expect(three.ladder.all("bob > alice NOTIFY sipfrag;version=2.0").isEmpty)
        #expect(three.carol.call.isAnswered)
    }

    @Test("RFC 7647 §4: a peer with a GRUU is referred outside of the dialog, which Target-Dialog names (RFC 4538)")
    func outsideOfTheDialog() throws {
        let three = Three()
        try three.call()
        let dialog = try #require(three.alice.calls[0].current?.dialog)
        let gruu = try DialogMessage.update(contact: "<sip:bob@10.0.0.2:5060;gr=urn:uuid:1>")
        try gruu.withView { try dialog.state.refreshTarget(from: $0) }
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(5))
        let refer = try #require(three.ladder["alice > bob REFER"])
        #expect(refer[.to]?.contains("tag=") == false)
        #expect(refer[.callID] != three.ladder["alice > bob INVITE sdp"]?[.callID])
        #expect(refer[.require] == "tdialog")
        #expect(three.referrals.first?.call === three.bob.calls[0])
        #expect(three.told == ["accepted", "100", "succeeded 200"])
    }

    @Test("RFC 3515 §2: outside of any call")
    func outOfDialog() throws {
        let three = Three()
        let referral = three.alice.agent.refer(
            three.bob.uri, to: ReferTarget(three.carol.uri), as: three.alice.identity)
        referral.onEvent = { three.told.append(Three.text($0)) }
        three.run(.seconds(5))
        #expect(three.told == ["accepted", "100", "succeeded 200"])
        #expect(three.referrals.first?.call == nil)
        #expect(three.carol.call.isAnswered)
    }

    @Test("RFC 3515 §2.4.4: the referrer may stop the reports; the call goes on")
    func stopReports() throws {
        let three = Three()
        three.carol.onInvitation = { $0.ring() }
        try three.call()
        three.refer(ReferTarget(three.carol.uri))
        three.run(.seconds(2))
        three.kept?.stopReports()
        three.run(.seconds(2))
        #expect(three.ladder["alice > bob SUBSCRIBE"]?[.expires] == "0")
        #expect(
            three.ladder.all("bob > alice NOTIFY sipfrag;version=2.0").last?[.subscriptionState]
                == "terminated;reason=timeout")
        three.carol.call.answer()
        three.run(.seconds(2))
        #expect(three.bob.call.isAnswered)
    }

    // MARK: Replaces

    /// Alice talks to Bob and to Carol; each new call that replaces another is answered.
    private func twoCalls() throws -> Three {
        let three = Three()
        try three.call()
        three.carol.onInvitation = { leg in
            leg.answer()
            if case .replaces(let old) = leg.relation { old.hangUp() }
        }
        try three.alice.call(three.carol.uri)
        three.run(.seconds(1))
        return three
    }

    @Test("RFC 3891 §3, RFC 5589 §7: an attended transfer; the call to Carol is taken over by Bob's")
    func attended() throws {
        let three = try twoCalls()
        let reference = try #require(three.alice.calls[1].reference)
        three.refer(ReferTarget(three.carol.uri, replaces: reference))
        three.run(.seconds(5))
        #expect(three.told == ["accepted", "100", "succeeded 200"])
        let invite = try #require(three.ladder["bob > carol INVITE sdp"])
        #expect(invite[.require] == "replaces")
        let first = try #require(three.ladder["carol > alice 200 INVITE sdp"])
        let tags = [first[.to], first[.from]].compactMap { try? NameAddress($0 ?? "").tag }
        #expect(invite[.replaces] == "\(first[.callID] ?? "");to-tag=\(tags[0]);from-tag=\(tags[1])")
        #expect(three.alice.calls[1].isEnded)
        #expect(three.ladder.lines.contains("carol > alice BYE"))
        #expect(three.bob.call.isAnswered && three.carol.call.isAnswered)
    }

    @Test(
        "RFC 3891 §3: which INVITEs with Replaces are refused",
        arguments: [
            ("Replaces: unknown;to-tag=1;from-tag=2", 481), ("Replaces: nonsense", 400),
            ("Replaces: a;to-tag=1;from-tag=2\r\nJoin: a;to-tag=1;from-tag=2", 400),
            ("Join: unknown;to-tag=1;from-tag=2", 481),
        ])
    func refusedReplaces(header: String, status: UInt16) {
        let three = Three()
        let peer = ScriptedPeer(three.network.node("10.0.0.9:5060"))
        peer.send("INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: three.bob.node, headers: [header])
        three.run(.seconds(1))
        #expect(peer.responses.last { $0.statusCode.isFinal }?.statusCode == StatusCode(rawValue: status))
        #expect(three.bob.calls.isEmpty)
    }

    @Test(
        "RFC 3891 §3: 486 for early-only when the call was answered, 603 when it is over, 481 for a call that rings here"
    )
    func statesOfReplacedCalls() throws {
        let three = Three()
        var legs: [CallLeg] = []
        three.bob.onInvitation = { leg in
            legs.append(leg)
            leg.ring()
        }
        try three.alice.call(three.bob.uri)
        three.run(.seconds(1))
        let peer = ScriptedPeer(three.network.node("10.0.0.9:5060"))
        func invite(_ isEarlyOnly: Bool = false) throws -> StatusCode? {
            let id = try #require(legs[0].current?.dialog.state.id)
            var reference = DialogReference(local: id)
            reference.isEarlyOnly = isEarlyOnly
            peer.send(
                "INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: three.bob.node, headers: ["Replaces: \(reference)"]
            )
            three.run(.seconds(1))
            return peer.responses.last { $0.statusCode.isFinal }?.statusCode
        }
        #expect(try invite() == 481)
        legs[0].answer()
        three.run(.seconds(1))
        #expect(try invite(true) == 486)
        let id = try #require(legs[0].current?.dialog.state.id)
        three.alice.call.hangUp()
        three.run(.seconds(1))
        peer.send(
            "INVITE", to: "sip:bob@10.0.0.2", from: "peer", via: three.bob.node,
            headers: ["Replaces: \(DialogReference(local: id))"])
        three.run(.seconds(1))
        #expect(peer.responses.last { $0.statusCode.isFinal }?.statusCode == 603)
    }

    @Test("RFC 3891 §3: a call that this side has made and that still rings is replaced; the INVITE is cancelled")
    func earlyReplaces() throws {
        let three = Three()
        three.bob.onInvitation = { $0.ring() }
        three.alice.onInvitation = { leg in
            leg.answer()
            if case .replaces(let old) = leg.relation { old.hangUp() }
        }
        try three.alice.call(three.bob.uri)
        three.run(.seconds(1))
        // Carol picks up what rings at Bob, by Alice's dialog with Bob.
        let id = try #require(three.alice.calls[0].early[0]?.dialog.state.id)
        var options = OutgoingCallOptions()
        options.fields = [.init(.replaces, "\(DialogReference(local: id));early-only"), .init(.require, "replaces")]
        try three.carol.call(three.alice.uri, options: options)
        three.run(.seconds(2))
        #expect(three.carol.call.isAnswered)
        #expect(three.ladder.lines.contains("alice > bob CANCEL"))
        #expect(three.bob.calls[0].isEnded)
    }

    @Test("RFC 3911 §4: an INVITE with Join is told as what it is")
    func join() throws {
        let three = Three()
        try three.call()
        var joined: CallLeg?
        three.bob.onInvitation = { leg in
            if case .joins(let other) = leg.relation { joined = other }
            leg.reject(488)
        }
        let id = try #require(three.bob.calls[0].current?.dialog.state.id)
        var options = OutgoingCallOptions()
        options.fields = [.init(.join, "\(DialogReference(local: id))"), .init(.require, "join")]
        try three.carol.call(three.bob.uri, options: options)
        three.run(.seconds(2))
        #expect(joined === three.bob.calls[0])
        #expect(!three.bob.calls[0].isEnded)
    }
}

/// Messages to feed machines with.
enum DialogMessage {
    static func update(contact: String) throws -> Message {
        try Message(
            "UPDATE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n"
                + "Call-ID: c\r\nCSeq: 1 UPDATE\r\nContact: \(contact)\r\nContent-Length: 0\r\n\r\n")
    }
}
