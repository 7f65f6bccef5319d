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
}
