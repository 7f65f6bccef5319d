import SDP
import Testing

@Suite struct SetupRoleTests {
    static let answers: [(SetupRole?, HandshakeRole?, HandshakeRole, HandshakeRole?)] = [
        (.actpass, nil, .client, .client),
        (.actpass, nil, .server, .server), (.actpass, .server, .client, .server), (.actpass, .client, .server, .client),
        (.active, nil, .client, .server), (.active, .client, .client, .server), (.passive, nil, .server, .client),
        (.passive, .server, .server, .client), (.holdconn, nil, .client, nil), (.holdconn, .client, .client, nil),
        (nil, nil, .client, .server),
    ]

    /// RFC 4145 §4, RFC 5763 §5, RFC 8842 §5.3: what an answerer becomes.
    @Test(arguments: answers)
    func answering(offered: SetupRole?, current: HandshakeRole?, preferred: HandshakeRole, expected: HandshakeRole?) {
        let role = HandshakeRole.answering(offered, keeping: current, preferring: preferred)
        #expect(role == expected)
        // What is answered then is what the offerer understands.
        if let role, let offered { #expect(HandshakeRole.offering(offered, answered: role.setup) == role.peer) }
    }

    static let exchanges: [(SetupRole, SetupRole?, HandshakeRole?)] = [
        (.actpass, .active, .server), (.actpass, .passive, .client),
        (.actpass, nil, .client), (.actpass, .actpass, nil), (.actpass, .holdconn, nil), (.active, .passive, .client),
        (.active, nil, .client), (.active, .active, nil), (.active, .actpass, nil), (.active, .holdconn, nil),
        (.passive, .active, .server), (.passive, nil, nil), (.passive, .passive, nil), (.passive, .actpass, nil),
        (.passive, .holdconn, nil), (.holdconn, .active, nil), (.holdconn, .passive, nil), (.holdconn, .holdconn, nil),
        (.holdconn, .actpass, nil), (.holdconn, nil, nil),
    ]

    /// All pairs of an offer and an answer.
    @Test(arguments: exchanges)
    func offering(offered: SetupRole, answered: SetupRole?, expected: HandshakeRole?) {
        #expect(HandshakeRole.offering(offered, answered: answered) == expected)
    }

    @Test func attributes() throws {
        for role in SetupRole.allCases {
            #expect(SetupRole(try role.rawValue.octets) == role)
            #expect(SetupRole(try role.rawValue.uppercased().octets) == role)
            #expect(role.attribute.name == "setup")
            #expect(role.attribute.value == (try role.rawValue.octets))
        }
        #expect(SetupRole("both") == nil)
        let text =
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=setup:passive\nm=audio 4000 RTP/AVP 0\n"
        let session = try parse(text)
        #expect(session.setup(of: session.media[0]) == .passive)
        let media = try parse(text + "a=setup:actpass\n")
        #expect(media.setup(of: media.media[0]) == .actpass)
        let none = try parse(text.replacing("a=setup:passive\n", with: ""))
        #expect(none.setup(of: none.media[0]) == nil)
    }

    /// RFC 8842 §4.
    @Test func tlsIdentifiers() throws {
        let example = try #require(TLSIdentifier("abc3de65cddef001be82"))
        #expect(example.attribute.value == "abc3de65cddef001be82")
        #expect(example.attribute.name == "tls-id")
        #expect(TLSIdentifier(try String(repeating: "a", count: 255).octets) != nil)
        for text in [
            String(repeating: "a", count: 19), String(repeating: "a", count: 256), "abc3de65cddef001be8 ",
            "abc3de65cddef001be8!",
        ] {
            #expect(TLSIdentifier(try text.octets) == nil)
        }
        let made = TLSIdentifier(random: (0..<16).map { UInt8($0 * 16) })
        #expect(made.text == "00102030405060708090a0b0c0d0e0f0")
        #expect(TLSIdentifier(made.text) == made)
        let media = try parse(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0\na=tls-id:abc3de65cddef001be82"
        ).media[0]
        #expect(media.tlsIdentifier == example)
    }

    /// RFC 8842 §4: what asks for a new association, with names and without.
    @Test func newAssociations() throws {
        let print = try #require(Fingerprint(.sha256, [UInt8](repeating: 1, count: 32)))
        let otherPrint = try #require(Fingerprint(.sha256, [UInt8](repeating: 2, count: 32)))
        let name = TLSIdentifier(random: [UInt8](repeating: 1, count: 15))
        let otherName = TLSIdentifier(random: [UInt8](repeating: 2, count: 15))
        let named = AssociationDescription(
            identifier: name, fingerprints: [print], role: .client, transport: "192.0.2.1 4000")
        var nameless = named
        nameless.identifier = nil
        func changed(_ from: AssociationDescription, _ change: (inout AssociationDescription) -> Void) -> Bool {
            var later = from
            change(&later)
            return later.isNew(since: from)
        }
        #expect(!named.isNew(since: named))
        #expect(!nameless.isNew(since: nameless))
        #expect(changed(named) { $0.identifier = otherName })
        #expect(changed(named) { $0.fingerprints = [otherPrint] })
        #expect(!changed(named) { $0.transport = "192.0.2.1 4002" })
        #expect(changed(nameless) { $0.transport = "192.0.2.1 4002" })
        #expect(changed(nameless) { $0.role = .server })
        #expect(changed(nameless) { $0.fingerprints.insert(otherPrint) })
    }
}
