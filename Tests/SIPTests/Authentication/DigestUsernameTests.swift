import SIP
import Testing

@Suite struct DigestUsernameTests {
    @Test(
        "The forms that phones send",
        arguments: [
            ("alice", "alice", nil), ("alice@Example.COM", "alice", "example.com"),
            ("sip:alice@example.com", "alice", "example.com"), ("SIPS:alice@example.com", "alice", "example.com"),
            ("al%69ce", "alice", nil), ("50%", "50%", nil), ("a%zz", "a%zz", nil), ("sip:", "sip:", nil),
            ("a@b@example.com", "a@b", "example.com"), ("alice@", "alice", nil), ("Alice", "Alice", nil),
        ] as [(String, String, String?)])
    func forms(text: String, user: String, domain: String?) throws {
        let username = try #require(DigestUsername(Array(text.utf8)))
        #expect(String(decoding: username.user, as: UTF8.self) == user)
        #expect(username.domain.map { String(decoding: $0, as: UTF8.self) } == domain)
    }

    @Test("No name is no user", arguments: ["", "@example.com", "sip:@example.com"])
    func none(text: String) {
        #expect(DigestUsername(Array(text.utf8)) == nil)
    }

    /// Where the name can be taken as it stands it is the one that decoding would give.
    @Test(arguments: [
        ("username=\"alice\"", true), ("username=\"Al.ice-1\"", true), ("username=\"\"", false),
        ("username=\"al\\\"ice\"", false), ("username=\"al%69ce\"", false), ("username=\"alice@a\"", false),
        ("username=\"sip:alice\"", false), ("username*=UTF-8''alice", false),
    ])
    func plainNames(parameter: String, isPlain: Bool) throws {
        let digits = String(repeating: "0", count: 32)
        let field = "Digest \(parameter),realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"\(digits)\""
        try Array(field.utf8).withUnsafeBytes { value in
            let credentials = try #require(try DigestCredentials.parse(value))
            let plain = credentials.plainUser(in: value).map { Array($0) }
            #expect((plain != nil) == isPlain)
            guard let plain else { return }
            #expect(try DigestUsername(credentials.decodedUsername(in: value))?.user == plain)
        }
    }
}
