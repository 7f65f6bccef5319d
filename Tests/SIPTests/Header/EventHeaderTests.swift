import SIP
import Testing

/// Event, Allow-Events, Subscription-State (RFC 6665 §8.4), RAck and RSeq (RFC 3262 §7).
@Suite struct EventHeaderTests {
    @Test(arguments: [
        ("presence", "presence", "presence", ""), ("presence.winfo;id=a1;x=y", "presence.winfo", "presence", "a1"),
        ("dialog ; id=\"q\"", "dialog", "dialog", "\"q\""),
    ])
    func events(_ text: String, _ type: String, _ package: String, _ id: String) throws {
        try sample("o: \(text)").withView { view in
            let event = try #require(try view.event)
            #expect(view.text(event.type) == type)
            #expect(view.text(event.package) == package)
            #expect(view.text(event.id) == id)
        }
    }

    @Test(arguments: ["", ".winfo", ";id=1", "presence id=1", "presence;id=\"1"])
    func malformedEvents(_ text: String) throws {
        try sample("Event: \(text)").withView { view in
            #expect(throws: malformedValue) { try view.event }
        }
    }

    @Test func allowEvents() throws {
        try sample("u: presence, message-summary", "Allow-Events: dialog").withView { view in
            let types = try view.values(of: .allowEvents).map { try view.eventType($0) }
            #expect(types.map { view.text($0.package) } == ["presence", "message-summary", "dialog"])
        }
    }

    @Test(
        arguments: [
            ("active;expires=599", .active, .other, 599, nil), ("pending", .pending, .other, nil, nil),
            ("Terminated;Reason=Probation;Retry-After=30", .terminated, .probation, nil, 30),
            ("terminated;reason=giveup", .terminated, .giveUp, nil, nil),
            ("frozen;reason=new", .other, .other, nil, nil),
            ("terminated;reason=noresource;expires=99999999999", .terminated, .noResource, .max, nil),
        ] as [(String, SubscriptionStateIndex.State, SubscriptionStateIndex.Reason, UInt32?, UInt32?)])
    func subscriptionStates(
        _ text: String, _ state: SubscriptionStateIndex.State, _ reason: SubscriptionStateIndex.Reason,
        _ expires: UInt32?,
        _ retryAfter: UInt32?
    ) throws {
        try sample("Subscription-State: \(text)").withView { view in
            let found = try #require(try view.subscriptionState)
            #expect(found.state == state)
            #expect(found.reason == reason)
            #expect(found.expires == expires)
            #expect(found.retryAfter == retryAfter)
        }
    }

    @Test(arguments: ["", "active;expires=soon", "active,pending", ";expires=5"])
    func malformedSubscriptionStates(_ text: String) throws {
        try sample("Subscription-State: \(text)").withView { view in
            #expect(throws: malformedValue) { try view.subscriptionState }
        }
    }

    @Test func acknowledgedResponses() throws {
        try sample("RAck: 776656 1 INVITE", "RSeq: 988789").withView { view in
            let rAck = try #require(try view.rAck)
            #expect(rAck.responseNumber == 776_656)
            #expect(rAck.sequenceNumber == 1)
            #expect(rAck.method == .invite)
            #expect(try view.rSeq == 988_789)
        }
        for text in [
            "", "1", "1 2", "1 INVITE", "4294967296 1 INVITE", "1 2147483648 INVITE", "1 1 INVITE x", "1 1INVITE",
        ] {
            try sample("RAck: \(text)").withView { view in
                #expect(throws: malformedValue) { try view.rAck }
            }
        }
    }
}
