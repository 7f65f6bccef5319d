import SIP
import Testing

@Suite struct EventStateTableTests {
    private let start = ContinuousClock.now
    private let alice = EventStateTable.Resource("sip:alice@example.com", package: "presence")

    private func publish(
        _ table: inout EventStateTable, tag: String, _ extra: String = "", body: String = "", after: Int = 0
    ) throws -> EventStateTable.Outcome {
        let head = try DialogMessages.request("PUBLISH", extra: "Event: presence\r\n" + extra).description
        let text = head.replacing(
            "Content-Length: 0\r\n\r\n",
            with: "Content-Type: application/pidf+xml\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return try Message(text).withView {
            table.publish($0, to: alice, entityTag: tag, at: start + .seconds(after))
        }
    }

    private func states(_ table: EventStateTable, after: Int = 0) -> [String] {
        table.states(of: alice, at: start + .seconds(after)).map {
            "\($0.entityTag) \(String(decoding: $0.body, as: UTF8.self))"
        }
    }

    @Test("RFC 3903 §6: initial, refresh, modify, remove")
    func life() throws {
        var table = EventStateTable()
        #expect(
            try publish(&table, tag: "a", "Expires: 600\r\n", body: "open")
                == .accepted(entityTag: "a", expires: .seconds(600), hasChanged: true))
        #expect(states(table) == ["a open"])
        #expect(
            try publish(&table, tag: "b", "SIP-If-Match: a\r\nExpires: 600\r\n", after: 500)
                == .accepted(entityTag: "b", expires: .seconds(600), hasChanged: false))
        #expect(states(table, after: 1_000) == ["b open"])
        #expect(
            try publish(&table, tag: "c", "SIP-If-Match: b\r\nExpires: 600\r\n", body: "closed", after: 1_000)
                == .accepted(entityTag: "c", expires: .seconds(600), hasChanged: true))
        #expect(states(table, after: 1_000) == ["c closed"])
        #expect(
            try publish(&table, tag: "d", "SIP-If-Match: c\r\nExpires: 0\r\n", after: 1_001)
                == .accepted(entityTag: "d", expires: .zero, hasChanged: true))
        #expect(states(table, after: 1_001).isEmpty)
        #expect(table.count == 0)
    }

    @Test("RFC 3903 §6, step 3: a tag that is not there gets 412, one that is none or several 400")
    func conditions() throws {
        var table = EventStateTable()
        _ = try publish(&table, tag: "a", body: "x")
        #expect(try publish(&table, tag: "b", "SIP-If-Match: z\r\n") == .refused(412, minimum: nil))
        #expect(try publish(&table, tag: "b", "SIP-If-Match: a, b\r\n") == .refused(400, minimum: nil))
        #expect(try publish(&table, tag: "b", "SIP-If-Match: \r\n") == .refused(400, minimum: nil))
        #expect(
            try publish(&table, tag: "b", "SIP-If-Match: a\r\n")
                == .accepted(entityTag: "b", expires: .seconds(3_600), hasChanged: false))
        #expect(try publish(&table, tag: "c", "SIP-If-Match: a\r\n") == .refused(412, minimum: nil))
    }

    @Test("RFC 3903 §6, steps 4 and 5: durations, and first publications without a state")
    func expires() throws {
        var table = EventStateTable()
        #expect(try publish(&table, tag: "a", "Expires: 59\r\n", body: "x") == .refused(423, minimum: .seconds(60)))
        #expect(
            try publish(&table, tag: "a", "Expires: 100000\r\n", body: "x")
                == .accepted(entityTag: "a", expires: .seconds(86_400), hasChanged: true))
        #expect(try publish(&table, tag: "b", "Expires: 600\r\n") == .refused(400, minimum: nil))
        #expect(try publish(&table, tag: "b", "Expires: soon\r\n", body: "x") == .refused(400, minimum: nil))
        #expect(
            try publish(&table, tag: "b", "Expires: 0\r\n", body: "x")
                == .accepted(entityTag: "b", expires: .zero, hasChanged: false))
        #expect(states(table) == ["a x"])
    }

    @Test("A state ends with its duration, and its name with it")
    func ends() throws {
        var table = EventStateTable()
        _ = try publish(&table, tag: "a", "Expires: 60\r\n", body: "x")
        _ = try publish(&table, tag: "b", "Expires: 120\r\n", body: "y")
        #expect(states(table, after: 59) == ["a x", "b y"])
        #expect(states(table, after: 60) == ["b y"])
        #expect(try publish(&table, tag: "c", "SIP-If-Match: a\r\n", after: 61) == .refused(412, minimum: nil))
        #expect(table.expire(at: start + .seconds(100)).isEmpty)
        #expect(table.expire(at: start + .seconds(121)) == [alice])
        #expect(table.count == 0)
    }

    @Test("What is kept is bounded")
    func limits() throws {
        var configuration = EventStateTable.Configuration()
        configuration.mostStates = 2
        configuration.largestBody = 4
        var table = EventStateTable(configuration)
        #expect(try publish(&table, tag: "a", body: "12345") == .refused(413, minimum: nil))
        for tag in ["a", "b"] { _ = try publish(&table, tag: tag, body: "x") }
        #expect(try publish(&table, tag: "c", body: "x") == .refused(503, minimum: nil))
    }
}
