import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// RFC 6665 between phones in virtual time.
@Suite struct SubscriptionTests {
    /// A watcher and a notifier of one package, with what happened to both.
    final class Watch {
        let phones = TwoPhones()
        var told: [String] = []
        var watchers: [NotifierSubscription] = []
        var state = "open"
        var ends = 0
        private(set) var subscription: EventSubscription!  // Set by `subscribe`, before anything is told.

        init(
            decide: @escaping (Message) -> EventPackage.Decision = { _ in .allow },
            configuration: Notifier.Configuration = .init()
        ) {
            phones.bob.agent.packages["test"] = EventPackage(
                "test", types: ["text/plain"], configuration: configuration, decide: decide
            ) { [unowned self] watcher in
                watcher.content = { [unowned self] in MessageContent(type: "text/plain", text: state) }
                watcher.onEnd = { [unowned self] in ends += 1 }
                watchers.append(watcher)
            }
        }

        func subscribe(_ change: (inout EventSubscription.Request) -> Void = { _ in }) {
            var request = EventSubscription.Request("test", types: ["text/plain"])
            request.subscriber.expires = .seconds(600)
            change(&request)
            subscription = phones.alice.agent.subscribe(request, to: phones.bob.uri, as: phones.alice.identity)
            subscription.onEvent = { [unowned self] event in
                switch event {
                case .accepted(let isPending): told.append(isPending ? "pending" : "active")
                case .notified(let message): told.append(String(decoding: message.body, as: UTF8.self))
                case .notifierEnded(let ending): told.append("one ended \(ending)")
                case .ended(let ending, let retryAfter):
                    told.append("ended \(ending)" + (retryAfter.map { " again after \($0)" } ?? ""))
                }
            }
        }

        func run(_ time: Duration) { phones.network.run(for: time) }
        var ladder: Ladder { phones.ladder }
    }

    @Test("RFC 6665 §4.1.2: subscribed, told, refreshed in the dialog, ended")
    func life() throws {
        let watch = Watch()
        watch.subscribe()
        watch.run(.seconds(1))
        watch.state = "closed"
        watch.watchers.first?.changed()
        watch.run(.seconds(560))
        watch.subscription.stop()
        watch.run(.seconds(40))
        #expect(watch.told == ["active", "open", "closed", "closed", "closed", "ended unsubscribed"])
        #expect(
            watch.ladder.lines == [
                "alice > bob SUBSCRIBE", "bob > alice 200 SUBSCRIBE", "bob > alice NOTIFY plain",
                "alice > bob 200 NOTIFY", "bob > alice NOTIFY plain", "alice > bob 200 NOTIFY", "alice > bob SUBSCRIBE",
                "bob > alice 200 SUBSCRIBE", "bob > alice NOTIFY plain", "alice > bob 200 NOTIFY",
                "alice > bob SUBSCRIBE", "bob > alice 200 SUBSCRIBE", "bob > alice NOTIFY plain",
                "alice > bob 200 NOTIFY",
            ])
        let subscribes = watch.ladder.all("alice > bob SUBSCRIBE")
        #expect(subscribes.map { $0[.expires] } == ["600", "600", "0"])
        #expect(subscribes.map { $0[.cSeq] } == ["1 SUBSCRIBE", "2 SUBSCRIBE", "3 SUBSCRIBE"])
        #expect(subscribes[0][.to]?.contains("tag") == false && subscribes[1][.to]?.contains("tag") == true)
        #expect(subscribes.allSatisfy { $0[.event] == "test" && $0[.accept] == "text/plain" && $0[.contact] != nil })
        let states = watch.ladder.all("bob > alice NOTIFY plain").map { $0[.subscriptionState] }
        #expect(
            states == ["active;expires=600", "active;expires=599", "active;expires=600", "terminated;reason=timeout"])
        #expect(watch.ladder["bob > alice 200 SUBSCRIBE"]?[.expires] == "600")
        #expect(watch.ends == 1)
    }

    @Test("RFC 6665 §4.2.1.3: pending until it is allowed, or refused")
    func pending() {
        let watch = Watch(decide: { _ in .pend })
        watch.subscribe()
        watch.run(.seconds(1))
        watch.watchers.first?.allow()
        watch.run(.seconds(1))
        #expect(watch.told == ["pending", "open", "active", "open"])
        watch.watchers.first?.terminate(.rejected)
        watch.run(.seconds(100))
        #expect(watch.told.last == "ended \(SubscriptionEnding.terminated(.rejected, retryAfter: nil))")
        #expect(watch.ladder.all("alice > bob SUBSCRIBE").count == 1)
    }

    @Test(
        "RFC 6665 §4.2.1.1: what is refused, and how",
        arguments: [
            ("Event: other", "489 SUBSCRIBE"), ("Subject: no event", "489 SUBSCRIBE"),
            ("Event: refer", "403 SUBSCRIBE"),
            ("Event: test\r\nAccept: image/png", "406 SUBSCRIBE"), ("Event: test\r\nExpires: 10", "423 SUBSCRIBE"),
            ("Event: test\r\nExpires: soon", "400 SUBSCRIBE"), ("Event: test\r\nRequire: x", "420 SUBSCRIBE"),
            ("Event: TEST", "489 SUBSCRIBE"),
        ])
    func refused(headers: String, expected: String) throws {
        let watch = Watch()
        let peer = ScriptedPeer(watch.phones.network.node("10.0.0.9:5060"))
        peer.send("SUBSCRIBE", to: "sip:bob@10.0.0.2", from: "peer", via: watch.phones.bob.node, headers: [headers])
        watch.run(.seconds(1))
        let ladder = Ladder(watch.phones.network, ["bob": watch.phones.bob.node, "peer": peer.node])
        #expect(ladder.lines.last == "bob > peer \(expected)")
        #expect(watch.watchers.isEmpty)
        if expected.hasPrefix("489") { #expect(peer.responses.last?[.allowEvents] == "test") }
        if expected.hasPrefix("423") { #expect(peer.responses.last?[.minExpires] == "60") }
    }

    @Test("RFC 6665 §4.4.3: a fetch gets one NOTIFY")
    func fetch() {
        let watch = Watch()
        watch.subscribe { $0.subscriber.expires = .zero }
        watch.run(.seconds(100))
        #expect(watch.told == ["open", "ended unsubscribed"])
        #expect(watch.ladder.all("alice > bob SUBSCRIBE").count == 1)
        #expect(watch.ladder["bob > alice NOTIFY plain"]?[.subscriptionState] == "terminated;reason=timeout")
    }

    @Test("RFC 6665 §4.1.2.1: 423 leads to a longer subscription")
    func tooBrief() {
        var configuration = Notifier.Configuration()
        configuration.leastExpires = .seconds(1_200)
        let watch = Watch(configuration: configuration)
        watch.subscribe()
        watch.run(.seconds(1))
        #expect(watch.ladder.all("alice > bob SUBSCRIBE").map { $0[.expires] } == ["600", "1200"])
        #expect(watch.told == ["active", "open"])
    }

    @Test("RFC 6665 §4.4.2: a notifier that moves away sends its watchers to the next one at once, in a new dialog")
    func migration() {
        let watch = Watch()
        watch.subscribe()
        watch.run(.seconds(1))
        watch.watchers.first?.terminate(.deactivated)
        watch.run(.seconds(1))
        let subscribes = watch.ladder.all("alice > bob SUBSCRIBE")
        #expect(subscribes.count == 2)
        #expect(subscribes[0][.callID] != subscribes[1][.callID])
        #expect(subscribes[1][.to]?.contains("tag") == false)
        #expect(watch.told.suffix(2) == ["active", "open"])
    }

    @Test("RFC 6665 §4.1.2.2: a notifier that has forgotten is subscribed to anew after a while")
    func forgotten() {
        let watch = Watch()
        watch.subscribe()
        watch.run(.seconds(1))
        watch.phones.network.loses = { $0.startLine.hasPrefix("NOTIFY") }
        watch.watchers.first?.changed()
        watch.run(.seconds(40))
        #expect(watch.ends == 1)
        watch.phones.network.loses = { _ in false }
        watch.run(.seconds(540))
        #expect(watch.ladder.all("bob > alice 481 SUBSCRIBE").count == 1)
        watch.run(.seconds(40))
        #expect(watch.told.suffix(2) == ["active", "open"])
        #expect(watch.watchers.count == 2)
    }

    @Test("RFC 6665 §4.2.2: a watcher that is gone is forgotten after a NOTIFY without answer, or refused")
    func watcherGone() {
        let watch = Watch()
        watch.subscribe()
        watch.run(.seconds(1))
        watch.phones.network.remove(watch.phones.alice.node)
        watch.watchers.first?.changed()
        watch.run(.seconds(40))
        #expect(watch.ends == 1)
        #expect(watch.watchers.first?.isTerminated == true)
    }

    @Test("RFC 6665 §4.1.2.4: a SUBSCRIBE whose NOTIFY never comes has failed")
    func noNotify() {
        let watch = Watch()
        watch.phones.network.loses = { $0.startLine.hasPrefix("NOTIFY") }
        watch.subscribe()
        watch.run(.seconds(40))
        #expect(watch.told == ["ended silent"])
    }

    @Test("A first SUBSCRIBE that is refused is not repeated")
    func refusedAtOnce() {
        let watch = Watch(decide: { _ in .refuse(403) })
        watch.subscribe()
        watch.run(.seconds(100))
        #expect(watch.told == ["ended \(SubscriptionEnding.refused(403))"])
        #expect(watch.ladder.all("alice > bob SUBSCRIBE").count == 1)
    }

    // MARK: Notifiers that are scripted

    private func notify(
        _ peer: ScriptedPeer, _ subscribe: Message, to alice: SimulatedPhone, tag: String, cSeq: Int = 1,
        event: String = "test", state: String = "active;expires=600", contact: String? = nil
    ) throws {
        let from = try #require(subscribe[.from].flatMap { try? NameAddress($0) }?.tag)
        peer.sendInDialog(
            "NOTIFY", callID: subscribe[.callID] ?? "", cSeq: cSeq, from: tag, to: from,
            target: "sip:alice@10.0.0.1:5060",
            contact: contact ?? "<\(peer.uri("here"))>", via: alice.node,
            headers: ["Event: \(event)"] + (state.isEmpty ? [] : ["Subscription-State: \(state)"]), body: "")
    }

    private func scripted() throws -> (watch: Watch, peer: ScriptedPeer, subscribe: Message) {
        let watch = Watch()
        let peer = ScriptedPeer(watch.phones.network.node("10.0.0.9:5060"))
        var held: ServerTransaction?
        peer.onRequest = { _, request, transaction in if request.method == .subscribe { held = transaction } }
        watch.phones.alice.proxy = try URI("sip:10.0.0.9")
        watch.subscribe()
        watch.run(.milliseconds(100))
        let request = try #require(held?.request)
        return (watch, peer, request)
    }

    @Test("RFC 6665 §4.1.2.4: the NOTIFY may come before the response; its route set is the dialog's")
    func notifyFirst() throws {
        let (watch, peer, subscribe) = try scripted()
        try notify(peer, subscribe, to: watch.phones.alice, tag: "n1")
        watch.run(.seconds(1))
        #expect(peer.responses.last?.statusCode == 200)
        #expect(watch.told == ["active", ""])
    }

    @Test("RFC 6665 §4.1.4, §4.4.1: a SUBSCRIBE that forks makes a subscription at each notifier, until Timer N")
    func forks() throws {
        let (watch, peer, subscribe) = try scripted()
        for tag in ["n1", "n2", "n3"] {
            try notify(peer, subscribe, to: watch.phones.alice, tag: tag)
            watch.run(.milliseconds(100))
        }
        #expect(peer.responses.map(\.statusCode) == [200, 200, 200])
        #expect(watch.told == ["active", "", "active", "", "active", ""])
        try notify(peer, subscribe, to: watch.phones.alice, tag: "n2", cSeq: 2, state: "terminated;reason=noresource")
        watch.run(.milliseconds(100))
        #expect(watch.told.last == "one ended \(SubscriptionEnding.terminated(.noResource, retryAfter: nil))")
        watch.run(.seconds(33))
        try notify(peer, subscribe, to: watch.phones.alice, tag: "n4")
        watch.run(.milliseconds(100))
        #expect(peer.responses.last?.statusCode == 481)
        try notify(peer, subscribe, to: watch.phones.alice, tag: "n1", cSeq: 2)
        watch.run(.milliseconds(100))
        #expect(peer.responses.last?.statusCode == 200)
    }

    @Test(
        "RFC 6665 §4.1.3: NOTIFYs that match nothing get 481, one without a state 400",
        arguments: [
            ("other", "active", 481), ("test;id=1", "active", 481), ("test", "", 400), ("TEST", "active", 481),
        ])
    func strayNotify(event: String, state: String, status: UInt16) throws {
        let (watch, peer, subscribe) = try scripted()
        try notify(peer, subscribe, to: watch.phones.alice, tag: "n1", event: event, state: state)
        watch.run(.milliseconds(100))
        #expect(peer.responses.last?.statusCode == StatusCode(rawValue: status))
        #expect(watch.told.isEmpty)
    }

    @Test("A NOTIFY outside of any subscription gets 481")
    func unsolicited() {
        let watch = Watch()
        let peer = ScriptedPeer(watch.phones.network.node("10.0.0.9:5060"))
        for toTag in [nil, "x"] {
            peer.send(
                "NOTIFY", to: "sip:alice@10.0.0.1", from: "peer", via: watch.phones.alice.node,
                headers: ["Event: test", "Subscription-State: active"], toTag: toTag)
        }
        watch.run(.seconds(1))
        #expect(peer.responses.map(\.statusCode) == [481, 481])
    }

    @Test("RFC 6665 §4.4.4: who serves packages says so, and takes SUBSCRIBE")
    func allowEvents() throws {
        let watch = Watch()
        let peer = ScriptedPeer(watch.phones.network.node("10.0.0.9:5060"))
        peer.send("OPTIONS", to: "sip:bob@10.0.0.2", from: "peer", via: watch.phones.bob.node)
        watch.run(.seconds(1))
        #expect(peer.responses.last?[.allowEvents] == "test")
        #expect(peer.responses.last?.allow?.contains(.subscribe) == true)
        peer.send("OPTIONS", to: "sip:alice@10.0.0.1", from: "peer", via: watch.phones.alice.node)
        watch.run(.seconds(1))
        #expect(peer.responses.last?.allow?.contains(.subscribe) == false)
        peer.send(
            "SUBSCRIBE", to: "sip:alice@10.0.0.1", from: "peer", via: watch.phones.alice.node, headers: ["Event: test"])
        watch.run(.seconds(1))
        #expect(peer.responses.last?.statusCode == 405)
    }

    @Test("Under loss a watcher sees the last state in the end", arguments: 0..<20 as Range<UInt64>)
    func loss(seed: UInt64) {
        let watch = Watch()
        watch.phones.network.conditions.loss = 0.2
        watch.phones.network.conditions.jitter = .milliseconds(300)
        watch.subscribe()
        watch.run(.seconds(20))
        for round in 0..<20 {
            watch.state = "state \(round)"
            watch.watchers.last?.changed()
            watch.run(.milliseconds(Int64(seed * 37 % 900)))
        }
        watch.run(.seconds(60))
        let states = watch.told.filter { $0.hasPrefix("state") }.compactMap { Int($0.dropFirst(6)) }
        #expect(watch.told.last == "state 19" || watch.ends > 0)
        #expect(states == states.sorted())
    }
}
