import Routing
import SIP
import Testing

@testable import Registrar

@Suite struct RefusalTests {
    @Test func unsupportedExtensionsAreNamed() throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(
            Register("<sip:alice@192.0.2.1>").with(\.fields, ["Require: path, 100rel", "Require: foo"]))
        #expect(answer.statusCode == 420)
        #expect(answer.values(of: .unsupported) == ["100rel", "foo"])
        #expect(fixture.location() == .noBinding)
    }

    struct Claim: Sendable {
        var to: String
        var user: String?
        var users: Set<String> = []
        var status: StatusCode
    }

    static let claims: [Claim] = [
        Claim(to: "<sip:alice@example.com>", status: 200),
        Claim(to: "<sip:alice@example.com>", user: "alice", users: ["alice"], status: 200),
        Claim(to: "<sip:%61lice@example.com>", user: "alice", users: ["alice"], status: 200),
        Claim(to: "<sip:bob@example.com>", user: "alice", users: ["alice", "bob"], status: 403),
        Claim(to: "<sip:Alice@example.com>", user: "alice", users: ["alice"], status: 403),
        Claim(to: "<sip:alice@example.org>", user: "alice", users: ["alice"], status: 403),
        Claim(to: "<sip:bob@example.com>", users: ["alice"], status: 404),
        Claim(to: "<sip:alice@example.org>", status: 404),
        Claim(to: "<sip:alice@elsewhere.net>", status: 404),
        Claim(to: "<sip:example.com>", status: 404),
        // RFC 4475 §3.3.4: an address of record is a SIP or SIPS URI.
        Claim(to: "<tel:+81312345678>", status: 400),
        Claim(to: "<sip:@example.com>", status: 400),
        Claim(to: "sip:alice@example.com", user: "alice", users: ["alice"], status: 200),
        Claim(to: "<sip:alice@example.com", status: 400),
    ]

    @Test(arguments: claims)
    func addressOfRecordMustBeTheUsers(_ claim: Claim) throws {
        let fixture = RegistrarFixture(users: claim.users)
        fixture.authenticatedUser = claim.user
        let answer = try fixture.send(
            Register("<sip:alice@192.0.2.1>").with(\.to, claim.to).with(\.from, "<sip:anyone@example.com>"))
        #expect(answer.statusCode == claim.status)
        #expect(fixture.outcome?.status == claim.status)
        #expect(fixture.table.statistics.bindings == (claim.status == 200 ? 1 : 0))
    }

    @Test func userPartsHaveALimit() throws {
        let fixture = RegistrarFixture()
        let longest = String(repeating: "a", count: BindingTable.maximumUserSize)
        #expect(
            try fixture.send(Register("<sip:a@192.0.2.1>").with(\.to, "<sip:\(longest)@example.com>")).statusCode == 200
        )
        #expect(
            try fixture.send(Register("<sip:a@192.0.2.1>").with(\.to, "<sip:\(longest)b@example.com>")).statusCode
                == 404)
        #expect(fixture.location(longest + "b") == .unknownUser)
        #expect(fixture.contacts(longest).count == 1)
    }

    @Test func addressesHaveAMostOfContacts() throws {
        let fixture = RegistrarFixture { $0.maximumContacts = 3 }
        let all = (1...4).map { "<sip:\($0)@192.0.2.1>" }
        let tooMany = try fixture.send(Register().with(\.contacts, all))
        #expect(tooMany.statusCode == 403)
        #expect(tooMany.reasonPhrase == "Too Many Contacts")
        #expect(try fixture.send(Register().with(\.contacts, Array(all[0..<3]))).statusCode == 200)
        #expect(try fixture.send(Register(all[3], cSeq: 2)).statusCode == 403)
        // One goes and another comes: three are left.
        #expect(try fixture.send(Register(all[0] + ";expires=0", all[3], cSeq: 2)).statusCode == 200)
        fixture.registrar.configuration.maximumContacts = 1
        #expect(try fixture.send(Register(all[3], cSeq: 3)).statusCode == 200, "what is there may be refreshed")
    }

    @Test func noConfigurationLiftsTheLimits() throws {
        let fixture = RegistrarFixture {
            $0.maximumContacts = .max
            $0.maximumFieldSize = .max
        }
        let all = (0...RegistrarConfiguration.largestContactCount).map { "<sip:\($0)@h>" }
        #expect(try fixture.send(Register(all.joined(separator: ","))).reasonPhrase == "Too Many Contacts")
        #expect(try fixture.send(Register(all.dropLast().joined(separator: ","))).statusCode == 200)
        let long = String(repeating: "a", count: RegistrarConfiguration.largestFieldSize)
        #expect(try fixture.send(Register("<sip:\(long)@h>;expires=0", cSeq: 2)).reasonPhrase == "Contact Too Long")
    }

    @Test func fieldsHaveALimit() throws {
        let fixture = RegistrarFixture { $0.maximumFieldSize = 100 }
        let uri = "sip:" + String(repeating: "a", count: 86) + "@192.0.2.1"
        #expect(try fixture.send(Register("<\(uri)>;expires=600;q=0.5")).statusCode == 200)
        let long = try fixture.send(Register("<\(uri)>;a", cSeq: 2))
        #expect(long.statusCode == 403)
        #expect(long.reasonPhrase == "Contact Too Long")
        let callID = String(repeating: "c", count: 101)
        #expect(try fixture.send(Register("<sip:a@192.0.2.1>", callID: callID)).statusCode == 403)
    }

    @Test(arguments: [
        (32, 0, 200 as StatusCode), (33, 0, 403), (31, 1, 200), (31, 3, 403),
    ])
    func urisHaveAMostOfParts(_ parameters: Int, _ headers: Int, _ status: StatusCode) throws {
        let fixture = RegistrarFixture()
        let uri =
            "sip:a@192.0.2.1" + (0..<parameters).map { ";p\($0)" }.joined()
            + (headers > 0 ? "?" : "") + (0..<headers).map { "h\($0)=x" }.joined(separator: "&")
        #expect(try fixture.send(Register("<\(uri)>")).statusCode == status)
    }

    @Test(arguments: [
        "<sip:alice@192.0.2.1>;q=1.1", "<sip:alice@192.0.2.1>;q=0.1234", "<sip:alice@192.0.2.1>;q=",
        "<sip:alice@192.0.2.1>;q",
        "<sip:alice@192.0.2.1>;q=.5", "<sip:alice@>", "<>", "alice", "<sip:a@192.0.2.1> x", "\"x <sip:a@192.0.2.1>",
        ",", "",
        "sip:a@192.0.2.1?x=y", "<sip:a b@192.0.2.1>",
    ])
    func malformedContactsAreRefused(_ contact: String) throws {
        let fixture = RegistrarFixture()
        let answer = try fixture.send(Register(contact))
        #expect(answer.statusCode == 400)
        #expect(fixture.table.statistics.addresses == 0)
        #expect(fixture.registrar.counters.malformed == 1)
    }

    @Test func onlyRegisterIsTaken() throws {
        let fixture = RegistrarFixture()
        let text = Register().text.replacingMethod("OPTIONS")
        let answer = try fixture.send(text)
        #expect(answer.statusCode == 405)
        #expect(answer[.allow] == "REGISTER")
    }

    @Test func tableHasAMostOfBindings() throws {
        let fixture = RegistrarFixture(maximumBindings: 1)
        try fixture.send(Register("<sip:a@192.0.2.1>"))
        let refused = try fixture.send(Register("<sip:b@192.0.2.1>", cSeq: 2))
        #expect(refused.statusCode == 503)
        #expect(refused[.retryAfter] == "5")
        #expect(try fixture.send(Register("<sip:a@192.0.2.1>", cSeq: 2)).statusCode == 200)
        #expect(try fixture.send(Register("<sip:a@192.0.2.1>;expires=0", cSeq: 3)).statusCode == 200)
        #expect(try fixture.send(Register("<sip:b@192.0.2.1>", cSeq: 4)).statusCode == 200)
        #expect(fixture.registrar.counters.deferred == 1)
    }
}

extension String {
    fileprivate func replacingMethod(_ method: String) -> String {
        split(separator: "REGISTER", omittingEmptySubsequences: false).joined(separator: method)
    }
}
