import Proxy
import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@Suite struct ForkingTests {
    let network: SimulatedNetwork
    let host: ProxyHost
    let caller: ScriptedPeer

    init() {
        network = SimulatedNetwork(seed: 7)
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
    }

    private func peer(_ number: Int) -> ScriptedPeer { ScriptedPeer(network.node("192.0.2.\(number):5060")) }

    private func statuses(_ method: String = "INVITE") -> [UInt16] {
        caller.responses.filter { $0[.cSeq]?.hasSuffix(method) == true }.map(\.statusCode.rawValue)
    }

    @Test func aCallIsSetUpAndEnds() throws {
        let bob = peer(20)
        bob.onRequest = { peer, message, transaction in
            guard let transaction else { return }
            if message.method == .invite { peer.answer(transaction, 180) }
            peer.answer(transaction, 200)
        }
        host.add("bob", (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run { bob.requests.contains { $0.method == .ack } }
        #expect(statuses() == [100, 180, 200])
        let answer = try #require(caller.responses.last)
        caller.sendInDialog("BYE", after: answer, cSeq: 2)
        network.run { statuses("BYE") == [200] }
        #expect(bob.requests.map(\.method) == [.invite, .ack, .bye])
        #expect(statuses("BYE") == [200])
        // What bob got: our Via on top, the URI of the contact, one hop less, the sender's body untouched.
        let invite = bob.requests[0]
        #expect(invite.values(of: .via).count == 2)
        #expect(invite[.maxForwards] == "69")
        #expect(invite.view.text(invite.view.startLine.uriRange) == bob.uri("bob"))
        #expect(invite.values(of: .recordRoute).count == 1)
        #expect(answer.values(of: .via).count == 1)
        // In the dialog the proxy takes its Route away and sends to the contact.
        #expect(bob.requests[2].values(of: .route).isEmpty)
        #expect(host.proxy.counters.acks == 1)
        #expect(host.answers == 1 && host.conclusions == [200, 200])
        network.run(for: .seconds(200))
        #expect(host.layer.transactionCount == 0)
    }

    @Test func theFirstAnswerWinsAndTheOthersAreCancelled() throws {
        let (bob, desk, cell) = (peer(20), peer(21), peer(22))
        for peer in [desk, cell] {
            peer.onRequest = { peer, message, transaction in
                if let transaction { peer.answer(transaction, 180) }
            }
        }
        host.add("bob", (desk, 1_000), (bob, 1_000), (cell, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [200])
        #expect(desk.cancelled.count == 1)
        #expect(cell.cancelled.count == 1)
        #expect(bob.cancelled.isEmpty)
        // The losers' 487 got its ACK, and the cause is told (RFC 3326).
        #expect(
            network.trace.filter { $0.startLine.hasPrefix("CANCEL") }.allSatisfy {
                String(decoding: $0.bytes, as: UTF8.self).contains("Reason: SIP;cause=200")
            })
        #expect(host.layer.transactionCount == 0)
    }

    @Test func twoAnswersAtOnceBothReachTheCaller() {
        let (one, two) = (peer(20), peer(21))
        host.add("bob", (one, 1_000), (two, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(5))
        #expect(statuses().filter { $0 == 200 }.count == 2)
        #expect(Set(caller.responses.filter { $0.statusCode == 200 }.compactMap { $0[.to] }).count == 2)
        #expect(one.requests.contains { $0.method == .ack } && two.requests.contains { $0.method == .ack })
    }

    @Test func groupsOfEqualPreferenceAreTriedInTurn() {
        let (first, second, third) = (peer(20), peer(21), peer(22))
        first.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 486) } }
        second.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 480) } }
        host.add("bob", (third, 200), (first, 900), (second, 900))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [200])
        #expect(third.requests.map(\.method) == [.invite, .ack])
    }

    @Test func aGlobalFailureEndsTheSearch() {
        let (first, second, third) = (peer(20), peer(21), peer(22))
        first.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 603) } }
        second.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        host.add("bob", (first, 900), (second, 900), (third, 200))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [603])
        #expect(second.cancelled.count == 1)
        #expect(third.requests.isEmpty)
    }

    @Test(
        arguments: [
            ([486, 404], 486), ([404, 486], 404), ([503, 486], 486), ([503, 503], 500), ([500, 302], 302),
            ([404, 401], 401), ([603, 486], 603), ([480, 484], 484),
        ] as [([UInt16], UInt16)])
    func theBestResponseGoesBack(_ given: [UInt16], _ expected: UInt16) {
        let peers = given.enumerated().map { index, status in
            let peer = peer(20 + index)
            peer.onRequest = { peer, _, transaction in
                if let transaction { peer.answer(transaction, StatusCode(rawValue: status)) }
            }
            return (peer, 1_000)
        }
        host.users["bob"] = peers.map { ProxyTarget(uri: Array($0.0.uri("bob").utf8)) }
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [expected])
    }

    @Test func theChallengesOfAllBranchesGoBack() throws {
        let (one, two) = (peer(20), peer(21))
        one.onRequest = { peer, _, transaction in
            if let transaction { peer.answer(transaction, 401, headers: ["WWW-Authenticate: Digest realm=\"one\""]) }
        }
        two.onRequest = { peer, _, transaction in
            if let transaction { peer.answer(transaction, 407, headers: ["Proxy-Authenticate: Digest realm=\"two\""]) }
        }
        host.add("bob", (one, 1_000), (two, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(5))
        let answer = try #require(caller.responses.last)
        #expect(answer.values(of: .wwwAuthenticate) == ["Digest realm=\"one\""])
        #expect(answer.values(of: .proxyAuthenticate) == ["Digest realm=\"two\""])
    }

    @Test func theCallerCancels() throws {
        let bob = peer(20)
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        host.add("bob", (bob, 1_000))
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run { statuses().contains(180) }
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(100))
        #expect(bob.cancelled.count == 1)
        #expect(statuses().filter { $0 >= 200 } == [487])
        #expect(host.layer.transactionCount == 0)
    }

    @Test func aCancelWaitsForTheFirstProvisionalResponse() throws {
        let bob = peer(20)
        var pending: ServerTransaction?
        bob.onRequest = { _, _, transaction in pending = transaction }
        host.add("bob", (bob, 1_000))
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run { statuses().contains(100) && pending != nil }
        caller.layer.sendCancel(invite)
        network.run(for: .milliseconds(100))
        #expect(bob.cancelled.isEmpty)
        // The layer's own 100 comes after 200 ms; the CANCEL follows it.
        network.run(for: .seconds(100))
        #expect(bob.cancelled.count == 1)
        #expect(statuses().filter { $0 >= 200 } == [487])
    }

    @Test func nobodyAnswers() {
        let bob = peer(20)
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        host.add("bob", (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        // Timer C: 181 s after the last provisional response. The 487 is the answer to our own CANCEL (§16.8).
        network.run(for: .seconds(170))
        #expect(statuses().filter { $0 >= 200 } == [])
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [408])
        #expect(bob.cancelled.count == 1)
        #expect(host.layer.transactionCount == 0)
    }

    /// RFC 3326 §2: why the caller gives up is told to those who ring, also to one who has said nothing yet.
    @Test(arguments: [true, false]) func theReasonOfACancelGoesOn(_ rings: Bool) throws {
        let bob = peer(20)
        var ringing: ServerTransaction?
        bob.onRequest = { peer, _, transaction in
            ringing = transaction
            if rings, let transaction { peer.answer(transaction, 180) }
        }
        host.add("bob", (bob, 1_000))
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run(for: .milliseconds(100))
        let long = "Q.850;cause=16;text=\"\(String(repeating: "x", count: 1_000))\""
        caller.layer.sendCancel(
            invite, reason: Array("SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=16, \(long)".utf8))
        network.run(for: .milliseconds(100))
        if !rings { bob.answer(try #require(ringing), 180) }
        network.run(for: .seconds(100))
        #expect(bob.cancelled.count == 1)
        let cancel = try #require(
            network.trace.first { $0.startLine.hasPrefix("CANCEL") && $0.destination == bob.node.address })
        let text = String(decoding: cancel.bytes, as: UTF8.self)
        #expect(
            text.contains("\r\nReason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=16\r\n"))
        #expect(statuses().last == 487)
    }

    @Test func theCallerCancelsAfterTimerC() throws {
        let bob = peer(20)
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        var late: ServerTransaction?
        bob.onCancel = { _, transaction in late = transaction }
        host.add("bob", (bob, 1_000))
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run(for: .seconds(185))
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(1))
        bob.layer.respond(try #require(late), 487)
        network.run(for: .seconds(100))
        // One CANCEL went to the phone, whoever wanted it.
        #expect(bob.cancelled.count == 1)
        #expect(statuses().filter { $0 >= 200 } == [487])
    }

    @Test func theNextGroupIsTriedWhenTheTimeToRingIsOver() {
        let (first, second) = (peer(20), peer(21))
        first.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        second.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        host.add("bob", (first, 900), (second, 200))
        host.proxy.configuration.ringTime = .seconds(10)
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(9))
        #expect(first.cancelled.isEmpty)
        #expect(second.requests.isEmpty)
        network.run(for: .seconds(2))
        #expect(first.cancelled.count == 1)
        #expect(second.requests.map(\.method) == [.invite])
        // The last ones ring until Timer C, and nobody has answered then.
        network.run(for: .seconds(170))
        #expect(second.cancelled.isEmpty)
        #expect(statuses().filter { $0 >= 200 } == [])
        network.run(for: .seconds(100))
        #expect(second.cancelled.count == 1)
        #expect(statuses().filter { $0 >= 200 } == [408])
        #expect(host.layer.transactionCount == 0)
    }

    /// A phone that is gone keeps nobody waiting longer than its time to ring.
    @Test func theNextGroupIsTriedThoughTheFirstIsSilent() {
        let (dead, second) = (peer(20), peer(21))
        network.remove(dead.node)
        host.add("bob", (dead, 900), (second, 200))
        host.proxy.configuration.ringTime = .seconds(5)
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(6))
        #expect(statuses().filter { $0 >= 200 } == [200])
        network.run(for: .seconds(200))
        #expect(host.layer.transactionCount == 0)
    }

    @Test func aCallThatIsAnsweredInTimeKeepsNoTimer() {
        let (first, second) = (peer(20), peer(21))
        host.add("bob", (first, 900), (second, 200))
        host.proxy.configuration.ringTime = .seconds(5)
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [200])
        #expect(second.requests.isEmpty)
        #expect(first.cancelled.isEmpty)
    }

    /// RFC 5393 §5.3.3.1: a branch counts until its final response.
    @Test func withoutBreadthTheNextGroupWaitsForTheLast() throws {
        let (first, second) = (peer(20), peer(21))
        first.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        var late: ServerTransaction?
        first.onCancel = { _, transaction in late = transaction }
        host.add("bob", (first, 900), (second, 200))
        host.proxy.configuration.ringTime = .seconds(5)
        caller.send(
            "INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node, headers: ["Max-Breadth: 1"])
        network.run(for: .seconds(8))
        #expect(second.requests.isEmpty)
        first.layer.respond(try #require(late), 487)
        network.run(for: .seconds(1))
        #expect(statuses().filter { $0 >= 200 } == [200])
    }

    /// A phone that rang, and falls silent after the CANCEL, is no reason to ring at the next address of its name.
    @Test func whoRangInVainIsNotTriedElsewhere() {
        let (bob, other) = (peer(20), peer(21))
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        bob.onCancel = { _, _ in }
        network.hosts["phones.example.com"] = [bob.node.address, other.node.address]
        caller.send("INVITE", to: "sip:bob@phones.example.com", from: "alice", via: host.node)
        network.run(for: .seconds(300))
        #expect(statuses().filter { $0 >= 200 } == [408])
        #expect(bob.cancelled.count == 1)
        #expect(other.requests.isEmpty)
    }

    /// A phone that is answered in the moment it is given up has the call (§16.7 step 5), and the one after it is cancelled.
    @Test func anAnswerAfterTheRingTimeCounts() {
        let (desk, cell) = (peer(20), peer(21))
        desk.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        desk.onCancel = { peer, transaction in peer.answer(transaction, 200) }
        cell.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        host.add("bob", (desk, 900), (cell, 500))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [200])
        #expect(cell.cancelled.count == 1)
    }

    /// The caller's CANCEL goes to those that still ring, and not again to those that were given up.
    @Test func theCallerCancelsAfterTheRingTime() throws {
        let (desk, cell) = (peer(20), peer(21))
        for peer in [desk, cell] {
            peer.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 180) } }
        }
        // The desk is slow to end its INVITE.
        var slow: ServerTransaction?
        desk.onCancel = { _, transaction in slow = transaction }
        host.add("bob", (desk, 900), (cell, 500))
        let invite = try #require(caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node))
        network.run(for: .seconds(22))
        caller.layer.sendCancel(invite)
        network.run(for: .seconds(2))
        if let slow { desk.answer(slow, 487) }
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [487])
        let cancels = network.trace.filter { $0.startLine.hasPrefix("CANCEL sip:bob@192.0.2.2") }
        #expect(cancels.count == 2)
        #expect(host.layer.transactionCount == 0)
    }

    @Test func aDeadTargetGets408AndTheOthersGoOn() {
        let dead = peer(20)
        network.remove(dead.node)
        let bob = peer(21)
        bob.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 486) } }
        host.add("bob", (dead, 1_000), (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().filter { $0 >= 200 } == [486])
        host.add("dead", (dead, 1_000))
        caller.send("INVITE", to: "sip:dead@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(100))
        #expect(statuses().last == 408)
    }

    /// `proxy.no-answer: unavailable`: for our own user, whether dead or ringing in vain; what another server says stays.
    @Test(arguments: [(true, false, 480), (false, false, 480), (false, true, 408)])
    func nobodyAnswersIn480(_ isDead: Bool, _ isSaidByAnother: Bool, _ status: Int) {
        host.proxy.configuration.noAnswerStatus = 480
        let bob = peer(20)
        if isDead { network.remove(bob.node) }
        bob.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            if request.view.method == .invite {
                peer.answer(transaction, isSaidByAnother ? 408 : 180)
            } else if request.view.method == .cancel {
                peer.answer(transaction, 200)
            }
        }
        host.add("bob", (bob, 1_000))
        caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(300))
        #expect(statuses().filter { $0 >= 200 } == [UInt16(status)])
    }

    @Test(arguments: 1...10)
    func underLossOfTwentyPercentEveryCallCompletes(_ seed: Int) {
        let network = SimulatedNetwork(seed: UInt64(seed))
        network.conditions.loss = 0.2
        network.conditions.duplication = 0.05
        network.conditions.jitter = .milliseconds(30)
        let host = ProxyHost(network.node("192.0.2.1:5060"))
        let bob = ScriptedPeer(network.node("192.0.2.20:5060"))
        // A user agent repeats its 2xx until the ACK comes (RFC 3261 §13.3.1.4); the script does it once a second.
        var open: [String: ServerTransaction] = [:]
        bob.onRequest = { peer, message, transaction in
            let call = message[.callID] ?? ""
            switch message.method {
            case .invite:
                guard let transaction else { return }
                peer.answer(transaction, 180)
                peer.answer(transaction, 200)
                open[call] = transaction
            case .ack: open[call] = nil
            default: if let transaction { peer.answer(transaction, 200) }
            }
        }
        host.add("bob", (bob, 1_000))
        let callers = (0..<10).map { ScriptedPeer(network.node("192.0.2.\(100 + $0):5060")) }
        var ended = Set<Int>()
        for (i, caller) in callers.enumerated() {
            var isAnswered = false
            caller.onResponse = { peer, response in
                guard response.statusCode.isSuccess else { return }
                if response[.cSeq]?.hasSuffix("BYE") == true {
                    ended.insert(i)
                } else {
                    peer.acknowledge(response)
                    if !isAnswered { peer.sendInDialog("BYE", after: response, cSeq: 2) }
                    isAnswered = true
                }
            }
            caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        }
        for _ in 0..<60 where ended.count < callers.count || !open.isEmpty {
            network.run(for: .seconds(1)) { ended.count == callers.count && open.isEmpty }
            for transaction in open.values { bob.layer.resend(transaction) }
        }
        #expect(ended.count == callers.count)
        #expect(open.isEmpty)
        network.run(for: .seconds(300))
        #expect(host.layer.transactionCount == 0)
    }
}
