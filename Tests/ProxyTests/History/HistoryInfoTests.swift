import Proxy
import SIP
import SIPEndpoint
import TestKit
import Testing

/// RFC 7044, as callers and phones see it.
@Suite struct HistoryInfoTests {
    let network = SimulatedNetwork(seed: 9)
    let host: ProxyHost
    let caller: ScriptedPeer
    let supported = "Supported: histinfo"

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
    }

    /// A phone that answers with the history it has got, as user agents do (RFC 7044 §6.2), its own entry last.
    private func peer(
        _ number: Int, _ status: StatusCode? = 200, _ headers: [String] = [], copies: Bool = true
    ) -> ScriptedPeer {
        let peer = ScriptedPeer(network.node("192.0.2.\(number):5060"))
        host.peers.append(peer)
        peer.onRequest = { peer, message, transaction in
            guard let transaction else { return }
            if !copies, let status {
                return peer.layer.respond(transaction, status) { for line in headers { $0.append(line + "\r\n") } }
            }
            let history = message.values(of: .historyInfo).map { "History-Info: \($0)" }
            if message.method == .invite, status == 200 || status == nil {
                peer.answer(transaction, 180, headers: history)
            }
            if let status { peer.answer(transaction, status, headers: history + headers) }
        }
        return peer
    }

    private func call(
        _ headers: [String], to uri: String = "sip:bob@192.0.2.1", method: String = "INVITE"
    ) {
        caller.send(method, to: uri, from: "alice", via: host.node, headers: headers)
        network.run(for: .seconds(100))
    }

    private func history(_ message: Message?) -> [String] { message?.values(of: .historyInfo) ?? [] }

    /// What biloxi.example.com does in the example of RFC 7044 §5.1.
    @Test func theExampleOfTheRFC() {
        let (pc, phone) = (peer(30), peer(31, nil))
        phone.onRequest = { _, _, _ in }
        host.add("bob", (pc, 1_000), (phone, 1_000))
        let came = [
            "<sip:bob@192.0.2.1;p=x>;index=1", "<sip:bob@192.0.2.1;p=x>;np=1;index=1.1",
        ]
        call(["History-Info: \(came[0])", "History-Info: \(came[1])"], to: "sip:bob@192.0.2.1;p=x")
        #expect(history(pc.requests.first) == came + ["<\(pc.uri("bob"))>;index=1.1.1;rc=1.1"])
        #expect(history(phone.requests.first) == came + ["<\(phone.uri("bob"))>;index=1.1.2;rc=1.1"])
        // The phone that has not answered is not told of.
        #expect(caller.responses.last?.statusCode == 200)
        #expect(history(caller.responses.last) == came + ["<\(pc.uri("bob"))>;index=1.1.1;rc=1.1"])
    }

    /// The request begins the history on behalf of a caller that supports it and has said nothing (§9.1).
    @Test func theFirstEntryIsOfTheRequest() {
        let bob = peer(30)
        host.add("bob", (bob, 1_000))
        call([supported])
        #expect(
            history(bob.requests.first) == ["<sip:bob@192.0.2.1>;index=1", "<\(bob.uri("bob"))>;index=1.1;rc=1"])
        #expect(history(caller.responses.last).count == 2)
    }

    @Test func whoDoesNotSupportItHearsNothing() {
        let bob = peer(30)
        host.add("bob", (bob, 1_000))
        call([])
        #expect(history(bob.requests.first).isEmpty)
        host.proxy.configuration.history = .always
        call([])
        #expect(history(bob.requests.last { $0.method == .invite }).count == 2)
        #expect(caller.responses.allSatisfy { history($0).isEmpty })
        host.proxy.configuration.history = .never
        call([supported, "History-Info: <sip:x@example.com>;index=1"])
        #expect(history(bob.requests.last { $0.method == .invite }) == ["<sip:x@example.com>;index=1"])
    }

    /// One after another: the next phone sees why the one before it has not the call (§9.3, §10.2).
    @Test func serialForkingTellsTheReasons() throws {
        let (desk, dead, cell) = (
            peer(30, 486, ["Reason: Q.850;cause=17;text=\"User busy\""]), peer(31), peer(32)
        )
        network.remove(dead.node)
        host.add("bob", (desk, 900), (dead, 800), (cell, 200))
        call([supported])
        let expected = [
            "<sip:bob@192.0.2.1>;index=1",
            "<\(desk.uri("bob"))?Reason=SIP%3Bcause%3D486&Reason=Q.850%3Bcause%3D17%3Btext%3D%22User%20busy%22>;index=1.1;rc=1",
            "<\(dead.uri("bob"))?Reason=SIP%3Bcause%3D408>;index=1.2;rc=1", "<\(cell.uri("bob"))>;index=1.3;rc=1",
        ]
        #expect(history(cell.requests.first) == expected)
        #expect(history(caller.responses.last) == expected)
        // A response of our own tells it too.
        host.add("dave", (dead, 1_000))
        call([supported], to: "sip:dave@192.0.2.1")
        #expect(caller.responses.last?.statusCode == 408)
        #expect(
            history(caller.responses.last) == [
                "<sip:dave@192.0.2.1>;index=1", "<\(dead.uri("dave"))?Reason=SIP%3Bcause%3D408>;index=1.1;rc=1",
            ])
    }

    /// A redirection to somebody else is a new branch, and one to a user of ours has an entry of its own (§10.3 rule 4, §7).
    @Test func redirections() {
        let carol = peer(40)
        let bob = peer(30, 302, ["Contact: <sip:carol@192.0.2.1>;mp=1"], copies: false)
        host.redirections = { uri in
            uri.user == "carol" ? [ProxyTarget(uri: Array(carol.uri("carol").utf8))] : [ProxyTarget(uri: uri.bytes)]
        }
        host.add("bob", (bob, 1_000))
        call([supported])
        #expect(
            history(carol.requests.first) == [
                "<sip:bob@192.0.2.1>;index=1", "<\(bob.uri("bob"))?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1",
                "<sip:carol@192.0.2.1>;index=1.2;mp=1", "<\(carol.uri("carol"))>;index=1.2.1;rc=1.2",
            ])
        // To an address as it stands: by what the Contact says, and nothing where it says nothing (§10.4).
        let dave = peer(41)
        host.add("bob", (peer(31, 302, ["Contact: <\(dave.uri("d"))>"], copies: false), 1_000))
        call([supported])
        #expect(history(dave.requests.first).last == "<\(dave.uri("d"))>;index=1.2")
    }

    /// A hop that tells nothing leaves a gap (§10.3 rule 6); what goes on unchanged is told by `np`.
    @Test func gapsAndUnchangedRequests() {
        let bob = peer(30)
        let came = "<sip:other@192.0.2.1>;index=1.1.2"
        call(["History-Info: \(came)"], to: bob.uri("bob"))
        let bare = bob.uri("bob")
        #expect(
            history(bob.requests.first) == [came, "<\(bare)>;index=1.1.2.0", "<\(bare)>;index=1.1.2.0.1;np=1.1.2.0"])
    }

    @Test(arguments: [
        "<sip:x@example.com>", "<sip:x@example.com>;index=a", "sip:x@example.com;index=1", "<sip:x@e>;index=1..2",
    ])
    func whatIsNotUnderstoodIsPassedOn(_ came: String) {
        let bob = peer(30)
        host.add("bob", (bob, 1_000))
        call([supported, "History-Info: \(came)"])
        #expect(history(bob.requests.first) == [came])
        #expect(history(caller.responses.last) == [came])
    }

    /// Entries of the phone that it has made itself are taken over in their place (§9.3 step 3).
    @Test func whatThePhoneAddsIsKept() {
        let bob = peer(30, 486, ["History-Info: \"The Desk\" <sip:desk@10.0.0.1>;index=1.1.1;np=1.1;x=y"])
        host.add("bob", (bob, 1_000))
        call([supported])
        #expect(history(caller.responses.last).last == "\"The Desk\" <sip:desk@10.0.0.1>;index=1.1.1;np=1.1;x=y")
        #expect(history(caller.responses.last).count == 3)
    }

    /// Beyond our domain nobody sees of its users what they want hidden (§10.1.2).
    @Test(
        arguments: [
            ("Privacy: history", 2, nil), ("Privacy: id; history", 2, "id"), ("Privacy: header", 2, "header"),
            ("Privacy: id", 0, "id"), ("X-None: x", 0, nil),
        ] as [(String, Int, String?)])
    func privacyBeyondTheDomain(_ privacy: String, _ hidden: Int, _ left: String?) {
        let far = peer(50)
        let bob = peer(30, 302, ["Contact: <\(far.uri("x"))>"], copies: false)
        host.redirections = { uri in
            var target = ProxyTarget(uri: uri.bytes)
            target.leavesDomain = true
            return [target]
        }
        host.add("bob", (bob, 1_000))
        call([supported, privacy])
        let seen = history(far.requests.first)
        #expect(seen.count == 3)
        #expect(seen.filter { $0.hasPrefix("<sip:anonymous@anonymous.invalid>;index=1") }.count >= hidden)
        #expect(seen.contains { $0.contains("sip:bob@192.0.2.1") } == (hidden == 0))
        #expect(far.requests.first?[.privacy] == left)
        // The phone of our own user sees all.
        #expect(history(bob.requests.first).first == "<sip:bob@192.0.2.1>;index=1")
    }

    @Test func aPhoneHidesWhereItIs() {
        let bob = peer(30, nil)
        bob.onRequest = { peer, message, transaction in
            guard let transaction, message.method == .invite else { return }
            var entries = message.values(of: .historyInfo)
            entries[entries.count - 1] = "<\(peer.uri("bob"))?Privacy=history>;index=1.1.1;rc=1.1"
            peer.answer(transaction, 486, headers: entries.map { "History-Info: \($0)" })
        }
        host.add("bob", (bob, 1_000))
        call([supported])
        #expect(history(caller.responses.last).last == "<sip:anonymous@anonymous.invalid>;index=1.1.1;rc=1.1")
        // Within the domain it is no secret.
        host.domains.insert("192.0.2.10")
        call([supported])
        #expect(history(caller.responses.last).last?.contains("Privacy=history") == true)
    }

    @Test func inADialogNothingIsAdded() throws {
        let bob = peer(30)
        host.add("bob", (bob, 1_000))
        call([supported])
        let answer = try #require(caller.responses.last)
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run(for: .seconds(1))
        #expect(bob.requests.last?.method == .bye)
        #expect(history(bob.requests.last).isEmpty)
    }
}

/// RFC 5806 §5.4.
@Suite struct DiversionTests {
    let network = SimulatedNetwork(seed: 9)
    let host: ProxyHost
    let caller: ScriptedPeer

    init() {
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        host.redirections = { [ProxyTarget(uri: $0.bytes)] }
    }

    private func peer(_ number: Int) -> ScriptedPeer {
        host.peers.append(ScriptedPeer(network.node("192.0.2.\(number):5060")))
        return host.peers[host.peers.count - 1]
    }

    /// What the phone says before its 302 and in it, and what the one to whom it leads is told.
    @Test(arguments: [
        (false, [], ["<sip:bob@192.0.2.1>;reason=unconditional", "<sip:before@example.com>;reason=away"]),
        (true, [], ["<sip:bob@192.0.2.1>;reason=deflection", "<sip:before@example.com>;reason=away"]),
        (
            true, ["Diversion: <sip:b@here>;reason=do-not-disturb"],
            ["<sip:b@here>;reason=do-not-disturb", "<sip:before@example.com>;reason=away"]
        ),
    ])
    func whoIsCalledInsteadIsTold(_ rings: Bool, _ says: [String], _ told: [String]) {
        let (bob, carol) = (peer(20), peer(30))
        bob.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            if rings { peer.answer(transaction, 180) }
            peer.layer.respond(transaction, 302) { writer in
                writer.append("Contact: <\(carol.uri("carol"))>\r\n")
                for line in says { writer.append(line + "\r\n") }
            }
        }
        host.add("bob", (bob, 1_000))
        caller.send(
            "INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node,
            headers: ["Diversion: <sip:before@example.com>;reason=away"])
        network.run(for: .seconds(100))
        #expect(carol.requests.first?.values(of: .diversion) == told)
        #expect(bob.requests.first?.values(of: .diversion).count == 1)
    }

    /// Each diversion is told, the last one on top.
    @Test func diversionsAddUp() {
        let (bob, carol, dave) = (peer(20), peer(30), peer(40))
        for (from, to, name) in [(bob, carol, "carol"), (carol, dave, "dave")] {
            from.onRequest = { peer, _, transaction in
                guard let transaction else { return }
                peer.layer.respond(transaction, 302) { writer in
                    writer.append("Contact: <\(to.uri(name))>\r\nDiversion: <\(from.uri("x"))>;reason=follow-me\r\n")
                }
            }
        }
        host.add("bob", (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(
            dave.requests.first?.values(of: .diversion) == [carol, bob].map { "<\($0.uri("x"))>;reason=follow-me" })
    }

    @Test func onlyInvitesAndOnlyWhenWanted() {
        let (bob, carol) = (peer(20), peer(30))
        bob.onRequest = { peer, _, transaction in
            guard let transaction else { return }
            peer.layer.respond(transaction, 302) { $0.append("Contact: <\(carol.uri("carol"))>\r\n") }
        }
        host.add("bob", (bob, 1_000))
        caller.send("MESSAGE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(40))
        host.proxy.configuration.addsDiversion = false
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(40))
        #expect(carol.requests.map(\.method) == [.message, .invite, .ack])
        #expect(carol.requests.allSatisfy { $0.values(of: .diversion).isEmpty })
    }
}
