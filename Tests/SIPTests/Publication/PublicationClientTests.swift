import SIP
import Testing

@Suite struct PublicationClientTests {
    typealias Action = PublicationClient.Action

    private func respond(_ machine: inout PublicationClient, _ status: Int, _ extra: String = "") throws -> [Action] {
        try DialogMessages.response(status, method: "PUBLISH", extra: extra).withView { machine.receive($0) }
    }

    private func published() throws -> PublicationClient {
        var machine = PublicationClient()
        _ = machine.publish()
        _ = try respond(&machine, 200, "SIP-ETag: a\r\nExpires: 600\r\n")
        return machine
    }

    @Test("RFC 3903 §4: initial, refresh, modify, remove, each with the tag of the response before")
    func life() throws {
        var machine = PublicationClient()
        #expect(machine.publish() == [.stop(.attempt), .send(.initial, expires: .seconds(3_600))])
        #expect(machine.entityTag == nil)
        #expect(
            try respond(&machine, 200, "SIP-ETag: dx200xyz\r\nExpires: 1800\r\n") == [
                .published(expires: .seconds(1_800)), .set(.expiry, .seconds(1_800)), .set(.attempt, .seconds(1_620)),
            ])
        #expect(machine.entityTag == "dx200xyz")
        #expect(machine.fire(.attempt).last == .send(.refresh, expires: .seconds(3_600)))
        _ = try respond(&machine, 200, "SIP-ETag: kwj449x\r\nExpires: 1800\r\n")
        #expect(machine.entityTag == "kwj449x")
        #expect(machine.publish().last == .send(.modify, expires: .seconds(3_600)))
        _ = try respond(&machine, 200, "SIP-ETag: qwi982ks\r\nExpires: 3600\r\n")
        #expect(machine.remove() == [.stop(.attempt), .send(.remove, expires: .zero)])
        #expect(machine.entityTag == "qwi982ks")
        #expect(
            try respond(&machine, 200, "SIP-ETag: x\r\nExpires: 0\r\n") == [.stop(.expiry), .stop(.attempt), .removed])
        #expect(machine.state == .idle && machine.entityTag == nil)
    }

    @Test("RFC 3903 §4: one request at a time; newer state goes with the next one")
    func oneAtATime() throws {
        var machine = PublicationClient()
        _ = machine.publish()
        #expect(machine.publish().isEmpty)
        #expect(machine.publish().isEmpty)
        #expect(
            try respond(&machine, 200, "SIP-ETag: a\r\nExpires: 600\r\n").last
                == .send(.modify, expires: .seconds(3_600)))
        #expect(machine.remove().isEmpty)
        #expect(try respond(&machine, 200, "SIP-ETag: b\r\nExpires: 600\r\n") == [.send(.remove, expires: .zero)])
        #expect(machine.publish().isEmpty)
        #expect(try respond(&machine, 200).last == .send(.initial, expires: .seconds(3_600)))
    }

    @Test("RFC 3903 §5: after 412 the tag is forgotten and all is published anew")
    func lost() throws {
        var machine = try published()
        _ = machine.fire(.attempt)
        #expect(
            try respond(&machine, 412) == [.stop(.expiry), .stop(.attempt), .send(.initial, expires: .seconds(3_600))])
        #expect(machine.entityTag == nil)
        // A server that says so to first publications too is left alone for a while.
        for _ in 0..<2 { #expect(try respond(&machine, 412).last == .send(.initial, expires: .seconds(3_600))) }
        #expect(try respond(&machine, 412).last == .set(.attempt, .seconds(30)))
        var removing = try published()
        _ = removing.remove()
        #expect(try respond(&removing, 412).last == .removed)
    }

    @Test("RFC 3903 §5: 423 names the shortest duration; the same operation is sent again")
    func tooBrief() throws {
        var configuration = PublicationClient.Configuration()
        configuration.expires = .seconds(60)
        var machine = PublicationClient(configuration)
        _ = machine.publish()
        #expect(try respond(&machine, 423, "Min-Expires: 300\r\n").last == .send(.initial, expires: .seconds(300)))
        _ = try respond(&machine, 200, "SIP-ETag: a\r\nExpires: 300\r\n")
        _ = machine.publish()
        #expect(try respond(&machine, 423, "Min-Expires: 400\r\n").last == .send(.modify, expires: .seconds(400)))
        #expect(try respond(&machine, 423, "Min-Expires: 100000\r\n") == [.failed(.rejected(423), retryAfter: nil)])
        #expect(machine.state == .failed)
    }

    @Test(
        "Failures that may pass are tried again, with the state that did not arrive",
        arguments: [
            (500, "", Duration.seconds(30)), (503, "Retry-After: 7\r\n", .seconds(7)), (480, "", .seconds(30)),
            (403, "", nil), (489, "", nil), (404, "Retry-After: 60\r\n", .seconds(60)),
        ])
    func failures(status: Int, extra: String, wait: Duration?) throws {
        var machine = try published()
        _ = machine.publish()
        let actions = try respond(&machine, status, extra)
        #expect(actions.first == .failed(.rejected(StatusCode(rawValue: UInt16(status))), retryAfter: wait))
        guard let wait else {
            #expect(machine.state == .failed)
            #expect(machine.publish().last == .send(.modify, expires: .seconds(3_600)))
            return
        }
        #expect(actions.last == .set(.attempt, wait))
        #expect(machine.fire(.attempt).last == .send(.modify, expires: .seconds(3_600)))
    }

    @Test("Silence, and a state that has ended at the server meanwhile")
    func silence() throws {
        var machine = try published()
        _ = machine.fire(.attempt)
        #expect(machine.transactionFailed().first == .failed(.unreachable, retryAfter: .seconds(30)))
        #expect(machine.fire(.expiry).last == .send(.initial, expires: .seconds(3_600)))
        var removing = try published()
        _ = removing.remove()
        #expect(removing.transactionFailed().last == .removed)
    }
}
