import Routing
import SIP
import Testing

@testable import Registrar

/// RFC 5627 §5 and §6.1.
@Suite struct GRUUTests {
    private static let urn = "urn:uuid:F81D4fae-7dec-11d0-a765-00a0c91e6bf6"
    private static let other = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"
    private static let supported = ["Supported: path, gruu"]

    private func contact(_ uri: String, _ urn: String = Self.urn, more: String = "") -> String {
        "<\(uri)>;+sip.instance=\"<\(urn)>\"\(more)"
    }

    /// The GRUUs of the contacts in an answer.
    private func gruus(_ answer: Message) throws -> [(public: String, temporary: String)] {
        try answer.values(of: .contact).map { text in
            let address = try NameAddress(text)
            return (
                NameAddress.unquote(try #require(address["pub-gruu"])),
                NameAddress.unquote(try #require(address["temp-gruu"]))
            )
        }
    }

    @Test func areGivenToWhoAsks() throws {
        let fixture = RegistrarFixture()
        let request = Register(contact("sip:a@10.0.0.1"))
        let silent = try fixture.send(request)
        #expect(!silent.values(of: .contact)[0].contains("gruu"))
        let answer = try fixture.send(request.with(\.fields, Self.supported).with(\.cSeq, 2))
        let found = try #require(try gruus(answer).first)
        #expect(found.public == "sip:alice@example.com;gr=\(Self.urn)")
        #expect(found.temporary.hasPrefix("sip:tgruu.") && found.temporary.hasSuffix("@example.com;gr"))
        #expect(answer[.require] == nil && answer[.supported] == nil)
        // Also to one who only asks, and not for a contact without instance.
        #expect(try gruus(try fixture.send(Register().with(\.fields, Self.supported))).count == 1)
        try fixture.send(
            Register("<sip:b@10.0.0.2>").with(\.to, "<sip:bob@example.com>").with(\.fields, Self.supported))
        let bobs = try fixture.send(
            Register().with(\.to, "<sip:bob@example.com>").with(\.fields, Self.supported))
        #expect(bobs.values(of: .contact).count == 1 && !bobs.values(of: .contact)[0].contains("gruu"))
    }

    @Test(arguments: [
        ("<sip:alice@example.com:5080;user=ip?a=b>", "sip:alice@example.com:5080;gr="),
        ("<sips:alice@EXAMPLE.com>", "sips:alice@EXAMPLE.com;gr="),
        ("<sip:al%69ce@192.0.2.254>", "sip:al%69ce@192.0.2.254;gr="),
    ])
    func stateTheAddressOfRecordAsItWasWritten(_ to: String, _ expected: String) throws {
        let fixture = RegistrarFixture()
        let request = Register(contact("sip:a@10.0.0.1")).with(\.to, to).with(\.fields, Self.supported)
        let found = try #require(try gruus(try fixture.send(request)).first)
        #expect(found.public == expected + Self.urn)
        #expect(try fixture.contacts(gruu: found.public) == ["sip:a@10.0.0.1"])
        #expect(try fixture.contacts(gruu: found.temporary) == ["sip:a@10.0.0.1"])
    }

    @Test func whatAURIParameterCannotHoldIsEscaped() throws {
        let fixture = RegistrarFixture()
        let request = Register(contact("sip:a@10.0.0.1", "urn:x:a=b;c@d,e")).with(\.fields, Self.supported)
        let found = try #require(try gruus(try fixture.send(request)).first)
        #expect(found.public == "sip:alice@example.com;gr=urn:x:a%3Db%3Bc%40d%2Ce")
        #expect(try fixture.contacts(gruu: found.public) == ["sip:a@10.0.0.1"])
    }

    /// A user agent cannot choose its own (§5.1).
    @Test func thoseOfTheRequestAreIgnored() throws {
        let fixture = RegistrarFixture()
        let more = ";pub-gruu=\"sip:mallory@example.com;gr=1\";temp-gruu=\"sip:x@example.com;gr\""
        let answer = try fixture.send(Register(contact("sip:a@10.0.0.1", more: more)).with(\.fields, Self.supported))
        #expect(answer.values(of: .contact)[0].split(separator: "pub-gruu").count == 2)
        #expect(try gruus(answer)[0].public == "sip:alice@example.com;gr=\(Self.urn)")
        #expect(!answer.values(of: .contact)[0].contains("mallory"))
    }

    @Test func leadToOneInstanceAlone() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register(contact("sip:a@10.0.0.1")))
        let answer = try fixture.send(
            Register(contact("sip:b@10.0.0.2", Self.other), callID: "two").with(\.fields, Self.supported))
        let found = try gruus(answer)
        #expect(try fixture.contacts(gruu: found[0].public) == ["sip:a@10.0.0.1"])
        #expect(try fixture.contacts(gruu: found[0].temporary) == ["sip:a@10.0.0.1"])
        #expect(try fixture.contacts(gruu: found[1].public) == ["sip:b@10.0.0.2"])
        #expect(try fixture.contacts(gruu: found[1].temporary) == ["sip:b@10.0.0.2"])
        // Case makes no difference in a UUID.
        #expect(try fixture.contacts(gruu: found[0].public.lowercased()) == ["sip:a@10.0.0.1"])
        #expect(fixture.contacts().count == 2)
    }

    /// The most recently refreshed contact goes first, the others are for fail-over (§6.1).
    @Test func leadToTheYoungestContactOfAnInstance() throws {
        let fixture = RegistrarFixture()
        try fixture.send(Register(contact("sip:a@10.0.0.1")))
        fixture.clock.advance(10)
        let answer = try fixture.send(
            Register(contact("sip:a@10.0.0.9"), callID: "after a restart").with(\.fields, Self.supported))
        for gruu in try gruus(answer) {
            #expect(try fixture.contacts(gruu: gruu.public) == ["sip:a@10.0.0.9", "sip:a@10.0.0.1"])
            #expect(try fixture.contacts(gruu: gruu.temporary) == ["sip:a@10.0.0.9", "sip:a@10.0.0.1"])
        }
    }

    // MARK: Temporary GRUUs

    /// Each answer brings another; all of them are good as long as the Call-ID is the same (§5.1, §5.4).
    @Test func temporaryOnesAddUpUntilTheCallIDChanges() throws {
        let fixture = RegistrarFixture()
        var temporary: [String] = []
        for cSeq in 1...5 {
            let request = Register(contact("sip:a@10.0.0.1"), cSeq: UInt32(cSeq)).with(\.fields, Self.supported)
            temporary.append(try #require(try gruus(try fixture.send(request)).first).temporary)
        }
        #expect(Set(temporary).count == 5)
        for gruu in temporary { #expect(try fixture.contacts(gruu: gruu) == ["sip:a@10.0.0.1"]) }
        let answer = try fixture.send(
            Register(contact("sip:a@10.0.0.1"), callID: "another").with(\.fields, Self.supported))
        for gruu in temporary { #expect(try fixture.location(gruu: gruu) == .unknownUser) }
        let found = try #require(try gruus(answer).first)
        #expect(try fixture.contacts(gruu: found.temporary) == ["sip:a@10.0.0.1"])
        #expect(try fixture.contacts(gruu: found.public) == ["sip:a@10.0.0.1"])
    }

    /// Nothing of the user can be seen in them, and nobody can make or change one.
    @Test func temporaryOnesAreOpaque() throws {
        let fixture = RegistrarFixture()
        let request = Register(contact("sip:a@10.0.0.1")).with(\.fields, Self.supported)
        let gruu = try #require(try gruus(try fixture.send(request)).first).temporary
        let user = Array(gruu.utf8.dropFirst(4).prefix { $0 != UInt8(ascii: "@") })
        #expect(user.count == TemporaryGRUU.length)
        for index in user.indices {
            var changed = user
            changed[index] = user[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = "sip:\(String(decoding: changed, as: UTF8.self))@example.com;gr"
            #expect(try fixture.location(gruu: text) == .unknownUser, "byte \(index)")
        }
        #expect(try fixture.location(gruu: "sip:tgruu.@example.com;gr") == .unknownUser)
        #expect(try fixture.location(gruu: "sip:alice@example.com;gr") == .unknownUser)
        // One of another domain of ours, and of another server.
        #expect(try fixture.location(gruu: gruu.replacing("example.com", with: "example.org")) == .unknownUser)
        #expect(try RegistrarFixture().location(gruu: gruu) == .unknownUser)
        // Two do not share a part, which would tell that they are of one user.
        let second = try #require(
            try gruus(try fixture.send(request.with(\.cSeq, 2))).first
        ).temporary
        let same = zip(gruu.utf8, second.utf8).dropFirst("sip:tgruu.".count).prefix(40).count { $0 == $1 }
        #expect(same < 10)
    }

    /// Afterwards a public one is good still, and leads nowhere: 480. A temporary one is none any more: 404 (§5.3).
    @Test(arguments: [false, true])
    func bindingsThatHaveEnded(_ isRemoved: Bool) throws {
        let fixture = RegistrarFixture(users: ["alice"])
        let request = Register(contact("sip:a@10.0.0.1", more: ";expires=60")).with(\.fields, Self.supported)
        let found = try #require(try gruus(try fixture.send(request)).first)
        if isRemoved {
            try fixture.send(Register(contact("sip:a@10.0.0.1", more: ";expires=0"), cSeq: 2))
        } else {
            fixture.clock.advance(61)
        }
        #expect(try fixture.location(gruu: found.public) == .noBinding)
        #expect(try fixture.location(gruu: found.temporary) == .unknownUser)
        #expect(try fixture.location(gruu: "sip:nobody@example.com;gr=urn:x:1") == .unknownUser)
        // The same Call-ID does not bring the old one back.
        let again = try fixture.send(Register(contact("sip:a@10.0.0.1"), cSeq: 3).with(\.fields, Self.supported))
        #expect(try fixture.location(gruu: found.temporary) == .unknownUser)
        #expect(try fixture.contacts(gruu: try #require(try gruus(again).first).temporary) == ["sip:a@10.0.0.1"])
    }

    /// They hold as long as any flow of the instance does (§4.2), and end for all of them when one has another Call-ID.
    @Test func flowsShareThem() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        func register(_ flow: Int, _ callID: String, _ cSeq: UInt32, more: String = "") throws -> String? {
            let request = Register(
                contact("sip:a@10.0.0.1;x=\(flow)", more: ";reg-id=\(flow)\(more)"), callID: callID, cSeq: cSeq)
            let answer = try fixture.send(request.with(\.fields, ["Supported: gruu, outbound, path"]))
            #expect(answer.statusCode == 200)
            return answer.values(of: .contact).isEmpty ? nil : try gruus(answer).first?.temporary
        }
        let first = try #require(try register(1, "one", 1))
        let second = try #require(try register(2, "two", 1))
        for gruu in [first, second] { #expect(try fixture.contacts(gruu: gruu).count == 2) }
        _ = try register(1, "one", 2, more: ";expires=0")
        for gruu in [first, second] { #expect(try fixture.contacts(gruu: gruu) == ["sip:a@10.0.0.1;x=2"]) }
        let third = try #require(try register(1, "one", 3))
        #expect(try fixture.contacts(gruu: first).count == 2)
        let fourth = try #require(try register(2, "three", 1))
        for gruu in [first, second, third] { #expect(try fixture.location(gruu: gruu) == .unknownUser) }
        #expect(try fixture.contacts(gruu: fourth).count == 2)
        // The journal knows one generation for both.
        let generations = try #require(fixture.journal?.rows.values).map { row in
            row.flow.withUnsafeBytes { JournalFlow($0).generation }
        }
        #expect(generations.count == 2 && Set(generations).count == 1 && generations[0] != 0)
    }

    /// With the same key they outlive a restart, and while bindings are loaded nothing is said to be gone.
    @Test func outliveARestart() throws {
        let key = SipHash(key: 1, 2)
        let before = RegistrarFixture(isJournaled: true, key: key)
        let request = Register(contact("sip:a@192.0.2.1")).with(\.fields, Self.supported)
        let found = try #require(try gruus(try before.send(request)).first)
        let after = RegistrarFixture(key: key)
        after.table.beginLoading()
        #expect(try after.location(gruu: found.temporary) == .loading)
        #expect(try after.location(gruu: found.public) == .loading)
        for (key, row) in try #require(before.journal?.rows) { #expect(after.load(row, of: key.address) == .loaded) }
        after.table.endLoading()
        #expect(try after.contacts(gruu: found.temporary) == ["sip:a@192.0.2.1"])
        #expect(try after.contacts(gruu: found.public) == ["sip:a@192.0.2.1"])
    }

    // MARK: Refusals

    @Test(arguments: [
        "sip:alice@example.com", "sip:ALICE@example.com;gr=urn:x:1".replacing("ALICE", with: "alice"),
        "sip:alice@example.com;gr=\(urn)", "sip:tgruu.abc@example.com;gr", "tel:+1555",
    ])
    func contactsThatLeadBackAreRefused(_ uri: String) throws {
        let fixture = RegistrarFixture()
        let refused = try fixture.send(Register(contact(uri)).with(\.fields, Self.supported))
        #expect(refused.statusCode == 403)
        #expect(fixture.table.statistics.bindings == 0)
        // Without instance the rules of RFC 3261 hold.
        #expect(try fixture.send(Register("<\(uri)>")).statusCode == 200)
    }

    @Test func mayBeRequired() throws {
        let fixture = RegistrarFixture()
        let request = Register(contact("sip:a@10.0.0.1")).with(\.fields, ["Require: gruu", "Supported: gruu"])
        #expect(try gruus(try fixture.send(request)).count == 1)
    }
}
