import SIP
import Testing

@Suite struct SubscriberTests {
    typealias Action = Subscriber.Action
    static let n = Action.set(.n, .seconds(32))

    static func end(_ ending: SubscriptionEnding) -> [Action] {
        [.stop(.n), .stop(.refresh), .stop(.expiry), .ended(ending)]
    }

    static func respond(_ machine: inout Subscriber, _ status: Int, _ extra: String = "") throws -> [Action] {
        try DialogMessages.response(status, method: "SUBSCRIBE", extra: extra).withView { machine.receive($0) }
    }

    static func notify(_ machine: inout Subscriber, _ state: String) throws -> [Action] {
        let notify = try DialogMessages.request("NOTIFY", extra: "Subscription-State: \(state)\r\n")
        return try notify.withView { try machine.receive(#require(try $0.subscriptionState)) }
    }

    static func subscribed(_ configuration: Subscriber.Configuration = .init()) throws -> Subscriber {
        var machine = Subscriber(configuration)
        _ = machine.start()
        _ = try respond(&machine, 200, "Expires: 600\r\n")
        _ = try notify(&machine, "active;expires=600")
        return machine
    }

    @Test("RFC 6665 §4.1.2.1: SUBSCRIBE, 200, NOTIFY; refreshed before the end that the notifier states")
    func life() throws {
        var machine = Subscriber()
        #expect(machine.start() == [.subscribe(expires: .seconds(3_600)), Self.n])
        #expect(machine.state == .notifyWait)
        #expect(
            try Self.respond(&machine, 200, "Expires: 600\r\n")
                == [.set(.expiry, .seconds(600)), .set(.refresh, .seconds(540))])
        #expect(
            try Self.notify(&machine, "pending;expires=500")
                == [.changed(.pending), .stop(.n), .set(.expiry, .seconds(500)), .set(.refresh, .seconds(450))])
        #expect(try Self.notify(&machine, "active") == [.changed(.active), .stop(.n)])
        #expect(try Self.notify(&machine, "active;expires=60").last == .set(.refresh, .seconds(30)))
        #expect(machine.fire(.refresh) == [.subscribe(expires: .seconds(3_600)), Self.n])
        #expect(machine.fire(.refresh).isEmpty)
        #expect(try Self.respond(&machine, 200, "Expires: 3600\r\n").last == .set(.refresh, .seconds(3_240)))
    }

    @Test("RFC 6665 §4.1.2.4: the NOTIFY may come before the 200; what it states counts")
    func notifyFirst() throws {
        var machine = Subscriber()
        _ = machine.start()
        #expect(try Self.notify(&machine, "active;expires=1000").first == .changed(.active))
        #expect(try Self.respond(&machine, 200, "Expires: 900\r\n").first == .set(.expiry, .seconds(900)))
    }

    @Test("RFC 6665 §4.1.2.4: without a NOTIFY in 64·T1 the subscription failed, with and without a 200")
    func timerN() throws {
        var machine = Subscriber()
        _ = machine.start()
        _ = try Self.respond(&machine, 200, "Expires: 600\r\n")
        #expect(machine.fire(.n) == Self.end(.silent))
        #expect(machine.state == .terminated)
        #expect(try Self.notify(&machine, "active").isEmpty)
        var other = try Self.subscribed()
        _ = other.fire(.refresh)
        #expect(other.fire(.n) == Self.end(.silent))
    }

    @Test("RFC 5839 §6: 204 says that no NOTIFY follows a refresh")
    func noNotification() throws {
        var machine = try Self.subscribed()
        _ = machine.fire(.refresh)
        #expect(try Self.respond(&machine, 204, "Expires: 600\r\n").first == .stop(.n))
    }

    @Test("RFC 3261 §10.2.8, RFC 6665 §4.2.1.1: 423 leads to a longer interval, within bounds")
    func tooBrief() throws {
        var configuration = Subscriber.Configuration()
        configuration.expires = .seconds(60)
        var machine = Subscriber(configuration)
        _ = machine.start()
        #expect(
            try Self.respond(&machine, 423, "Min-Expires: 300\r\n") == [.subscribe(expires: .seconds(300)), Self.n])
        #expect(try Self.respond(&machine, 423, "Min-Expires: 300\r\n") == Self.end(.refused(423)))
        var greedy = Subscriber(configuration)
        _ = greedy.start()
        #expect(try Self.respond(&greedy, 423, "Min-Expires: 90000\r\n") == Self.end(.refused(423)))
        var silent = Subscriber(configuration)
        _ = silent.start()
        #expect(try Self.respond(&silent, 423) == Self.end(.refused(423)))
    }

    @Test("A first SUBSCRIBE that is refused or gets no answer makes no subscription", arguments: [489, 403, 404, 603])
    func refused(status: Int) throws {
        var machine = Subscriber()
        _ = machine.start()
        #expect(
            try Self.respond(&machine, status) == Self.end(.refused(StatusCode(rawValue: UInt16(status)))))
        var silent = Subscriber()
        _ = silent.start()
        #expect(silent.transactionFailed() == Self.end(.silent))
    }

    @Test("RFC 6665 §4.1.2.2: which refusals of a refresh end the subscription")
    func refusedRefresh() throws {
        for status in [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604] {
            var machine = try Self.subscribed()
            _ = machine.fire(.refresh)
            #expect(
                try Self.respond(&machine, status) == Self.end(.refused(StatusCode(rawValue: UInt16(status)))),
                "\(status)")
        }
        for status in [400, 403, 406, 486, 500, 503, 603] {
            var machine = try Self.subscribed()
            _ = machine.fire(.refresh)
            #expect(try Self.respond(&machine, status) == [.stop(.n), .set(.refresh, .seconds(10))], "\(status)")
            #expect(machine.state == .active)
        }
        var silent = try Self.subscribed()
        _ = silent.fire(.refresh)
        #expect(silent.transactionFailed() == [.set(.refresh, .seconds(10))])
        #expect(silent.fire(.n) == Self.end(.silent))
    }

    @Test("RFC 6665 §4.1.2.3: unsubscribing ends with the last NOTIFY")
    func unsubscribe() throws {
        var machine = try Self.subscribed()
        #expect(machine.stop() == [.stop(.refresh), .subscribe(expires: .zero), Self.n])
        #expect(machine.stop().isEmpty)
        #expect(try Self.respond(&machine, 200, "Expires: 0\r\n").isEmpty)
        #expect(try Self.notify(&machine, "terminated;reason=timeout") == Self.end(.unsubscribed))
    }

    @Test("Whoever gives up while it waits says so as soon as it can")
    func unsubscribeEarly() throws {
        var machine = Subscriber()
        _ = machine.start()
        #expect(machine.stop().isEmpty)
        #expect(try Self.respond(&machine, 200, "Expires: 600\r\n").isEmpty)
        #expect(
            try Self.notify(&machine, "active;expires=600")
                == [.changed(.active), .subscribe(expires: .zero), Self.n])
        // The response comes after the NOTIFY.
        var other = Subscriber()
        _ = other.start()
        _ = other.stop()
        #expect(try Self.notify(&other, "active;expires=600") == [.changed(.active)])
        #expect(try Self.respond(&other, 200, "Expires: 600\r\n") == [.subscribe(expires: .zero), Self.n])
        // The notifier does not care.
        #expect(try Self.respond(&other, 481) == Self.end(.unsubscribed))
    }

    @Test("RFC 6665 §4.4.3: a fetch ends with its NOTIFY")
    func fetch() throws {
        var configuration = Subscriber.Configuration()
        configuration.expires = .zero
        var machine = Subscriber(configuration)
        #expect(machine.start() == [.subscribe(expires: .zero), Self.n])
        #expect(try Self.respond(&machine, 200, "Expires: 0\r\n") == [.set(.expiry, .zero)])
        #expect(try Self.notify(&machine, "terminated;reason=timeout") == Self.end(.unsubscribed))
    }

    @Test(
        "RFC 6665 §4.1.3: what each reason says about the next attempt",
        arguments: [
            ("terminated;reason=deactivated;retry-after=9", SubscriptionEnding.Next.now),
            ("terminated;reason=probation", .after(.seconds(30))),
            ("terminated;reason=probation;retry-after=9", .after(.seconds(9))),
            ("terminated;reason=rejected;retry-after=9", .never), ("terminated;reason=timeout", .now),
            ("terminated;reason=giveup;retry-after=60", .after(.seconds(60))), ("terminated;reason=noresource", .never),
            ("terminated;reason=invariant;retry-after=1", .never), ("terminated;retry-after=5", .after(.seconds(5))),
            ("terminated;reason=unheard-of", .after(.seconds(30))),
        ])
    func reasons(state: String, next: SubscriptionEnding.Next) throws {
        var machine = try Self.subscribed()
        guard case .ended(let ending) = try Self.notify(&machine, state).last else {
            Issue.record("ended")
            return
        }
        #expect(ending.next == next)
    }

    @Test("After refusals: those that concern the request alone may pass")
    func nextAfterRefusals() {
        #expect(SubscriptionEnding.refused(489).next == .never)
        #expect(SubscriptionEnding.refused(481).next == .now)
        #expect(SubscriptionEnding.refused(403).next == .after(.seconds(30)))
        #expect(SubscriptionEnding.refused(603).next == .never)
        #expect(SubscriptionEnding.silent.next == .after(.seconds(30)))
        #expect(SubscriptionEnding.expired.next == .now)
        #expect(SubscriptionEnding.unsubscribed.next == .never)
    }

    @Test("Without a refresh that succeeds the subscription ends")
    func expires() throws {
        var machine = try Self.subscribed()
        #expect(machine.fire(.expiry) == Self.end(.expired))
    }

    @Test("RFC 6665 §4.4.1: a forked SUBSCRIBE makes subscriptions that live for themselves")
    func fork() throws {
        let first = try Self.subscribed()
        var second = Subscriber(forkedFrom: first)
        #expect(second.state == .notifyWait)
        #expect(try Self.notify(&second, "active;expires=300").contains(.changed(.active)))
        #expect(
            try Self.notify(&second, "terminated;reason=noresource").last
                == .ended(.terminated(.noResource, retryAfter: nil)))
        #expect(first.state == .active)
    }

    @Test(
        "RFC 3515 §2.4.4: the subscription of a REFER begins with its first NOTIFY, and is not refreshed unless wanted")
    func implicit() throws {
        var configuration = Subscriber.Configuration()
        configuration.refreshes = false
        var machine = Subscriber(configuration)
        #expect(machine.startImplicitly() == [Self.n])
        #expect(
            try Self.notify(&machine, "active;expires=60") == [
                .changed(.active), .stop(.n), .set(.expiry, .seconds(60)),
            ])
    }
}
