import Store
import Testing

@Suite struct CredentialTests {
    /// The users of the examples of RFC 2617 §3.5 and RFC 7616 §3.9.1; the hashes by `md5sum` and `sha256sum`.
    @Test(arguments: [
        (
            "Mufasa", "testrealm@host.com", "Circle Of Life", Credential.Algorithm.md5,
            "939e7578ed9e3c518a452acee763bce9"
        ),
        ("Mufasa", "http-auth@example.org", "Circle of Life", .md5, "3d78807defe7de2157e2b0b6573a855f"),
        (
            "Mufasa", "http-auth@example.org", "Circle of Life", .sha256,
            "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
        ),
    ])
    func computesHA1(
        username: String, realm: String, password: String, algorithm: Credential.Algorithm, expected: String
    ) throws {
        let credential = try Credential(username: username, realm: realm, password: password, algorithm: algorithm)
        #expect(String(decoding: credential.hexadecimal, as: UTF8.self) == expected)
        #expect(credential.ha1.count == expected.count / 2)
    }

    @Test func composesCharactersFirst() throws {
        let composed = try Credential(username: "J\u{E9}r", realm: "r", password: "\u{E4}", algorithm: .sha256)
        let decomposed = try Credential(username: "Je\u{301}r", realm: "r", password: "a\u{308}", algorithm: .sha256)
        #expect(Array(composed.username.utf8) == Array(decomposed.username.utf8))
        #expect(composed.ha1 == decomposed.ha1)
    }

    @Test func neverShowsTheSecret() throws {
        let credential = try Credential(username: "alice", realm: "example.com", password: "secret", algorithm: .md5)
        let hexadecimal = String(decoding: credential.hexadecimal, as: UTF8.self)
        var dumped = ""
        dump([credential], to: &dumped)
        for text in ["\(credential)", "\([credential])", String(reflecting: credential), dumped] {
            #expect(!text.contains(hexadecimal))
            #expect(!text.contains("secret"))
            #expect(!text.contains(credential.ha1.map(String.init).joined(separator: ", ")))
            #expect(text.contains("alice"))
        }
    }

    @Test(arguments: [("", "r", "p"), ("a:b", "r", "p"), ("a", "", "p"), ("a", "r", ""), ("a\n", "r", "p")])
    func refusesWhatIsAmbiguousOrEmpty(username: String, realm: String, password: String) {
        #expect(throws: StoreError(.invalidRecord, "")) {
            try Credential.all(username: username, realm: realm, password: password)
        }
    }

    @Test func refusesSecretsOfTheWrongLength() {
        #expect(throws: StoreError(.invalidRecord, "")) {
            try Credential(username: "a", realm: "r", algorithm: .sha256, ha1: [UInt8](repeating: 0, count: 16))
        }
    }
}
