import SIP
import Testing

@Suite struct DigestClientTests {
    static let invite = DigestClient.Request(
        method: Array("INVITE".utf8), uri: Array("sip:bob@biloxi.com".utf8), body: Array("v=0\r\n".utf8))
    static let bob = DigestAccount(username: "bob", password: "zanzibar")

    static func client(
        _ accounts: [DigestAccount] = [bob],
        allowed: Set<DigestHashFunction> = Set(DigestHashFunction.allCases)
    ) -> DigestClient {
        DigestClient(accounts: accounts, hash: ReferenceHashes.all, allowed: allowed, makeCnonce: { 0x0A4F_113B })
    }

    static func challenge(
        _ algorithm: DigestAlgorithm? = .sha256, realm: String = "biloxi.com",
        nonce: String = "dcd98b7102dd2f0e8b11d0f600bfb0c093", qualities: Set<DigestQuality>? = [.auth],
        isStale: Bool = false, userhash: Bool = false
    ) -> DigestChallenge {
        DigestChallenge(
            realm: Array(realm.utf8), nonce: Array(nonce.utf8), algorithm: algorithm, qualities: qualities,
            opaque: Array("5ccc".utf8), isStale: isStale, acceptsUserhash: userhash)
    }

    static func text(_ fields: [DigestClient.Field]) -> [String] {
        fields.map { String(decoding: $0.value, as: UTF8.self) }
    }

    static func response(_ field: DigestClient.Field) throws -> String {
        try field.value.withUnsafeBytes {
            let credentials = try #require(try DigestCredentials.parse($0))
            return String(decoding: credentials.response.raw(in: $0), as: UTF8.self)
        }
    }

    /// Computed with another program (OpenSSL's functions) from RFC 7616 §3.4.
    @Test(
        "RFC 7616 §3.4: the response for each algorithm and quality",
        arguments: [
            (DigestAlgorithm.md5, [.auth, .authInt], "640af0c7d020814268119ffc56f71e7b"),
            (.md5, [.authInt], "5c100894ca0ed0ecad23f912c8b7a32c"), (.md5, nil, "bf57e4e0d0bffc0fbaedce64d59add5e"),
            (DigestAlgorithm(.md5, isSession: true), [.auth], "33a4b1f694183177ea5e21f0c101b1c8"),
            (.sha256, [.auth], "bf5ae075620044cbcfd77ccacd07ec0ca8f76cc0f073c9fb5c4c69941dbf8afd"),
            (.sha256, [.authInt], "9ea34d77ee2f06fbae5bee61042057d9bf5c392a79feb17863a263ea6f21cf7a"),
            (.sha256, nil, "38aad98c50c33abe72c5f88dd17246ffcfa6b1f68852c855719ff0659386c0ca"),
            (
                DigestAlgorithm(.sha256, isSession: true), [.auth],
                "2dd8b1fd7aba126f055d7797c219e2b1d370d4a0638ecd8716bb5223993dde4d"
            ),
            (.sha512_256, [.auth], "c9e3a29a0ac14f61fca11fbcc26b94451ba71194cf6f500e982b8182501e2431"),
            (.sha512_256, [.authInt], "a1e31410738d75a5395c6413723a13fe286ac6d367bc8ddd6ecb77f817306756"),
            (
                DigestAlgorithm(.sha512_256, isSession: true), [.auth],
                "5362373c10f90692f2ee94cedb68fbd9d3a71a4d04d7460525cd0e77a1e1a81b"
            ),
        ] as [(DigestAlgorithm, Set<DigestQuality>?, String)])
    func responses(algorithm: DigestAlgorithm, qualities: Set<DigestQuality>?, expected: String) throws {
        var client = Self.client()
        var retry = AuthenticationRetry()
        let challenge = Self.challenge(algorithm, qualities: qualities)
        #expect(retry.receive([(.origin, challenge)], with: &client) == .retry)
        let fields = retry.authorize(Self.invite, with: &client)
        #expect(fields.map(\.name) == [.authorization])
        #expect(try Self.response(fields[0]) == expected)
        let text = Self.text(fields)[0]
        #expect(text.contains("cnonce=") == (qualities != nil))
        #expect(text.contains("nc=00000001") == (qualities != nil))
        #expect(text.contains(",opaque=\"5ccc\""))
    }

    @Test("RFC 7616 §3.4: nc counts the uses of a nonce and starts anew with the next")
    func nonceCount() throws {
        var client = Self.client()
        var retry = AuthenticationRetry()
        _ = retry.receive([(.origin, Self.challenge())], with: &client)
        _ = client.authorize(Self.invite)
        let bye = DigestClient.Request(method: Array("BYE".utf8), uri: Self.invite.uri)
        let second = client.authorize(bye)
        #expect(Self.text(second)[0].contains(",nc=00000002"))
        #expect(
            try Self.response(second[0]) == "f0722dd835fb91ed13521b2140ecef5db7b6d9201643c96ffcae7b1f5b0cf8e2")
        var next = AuthenticationRetry()
        _ = next.receive([(.origin, Self.challenge(nonce: "new"))], with: &client)
        #expect(Self.text(client.authorize(bye))[0].contains(",nc=00000001"))
    }

    @Test("RFC 7616 §3.4.4: the username is hashed where the server can take it")
    func userhash() {
        var client = Self.client()
        var retry = AuthenticationRetry()
        _ = retry.receive([(.origin, Self.challenge(userhash: true))], with: &client)
        let text = Self.text(client.authorize(Self.invite))[0]
        #expect(
            text.contains("username=\"aafc60b9fa3e13876262208200cd6aebf77f59d79e854061f632f35f6cb30e0c\""))
        #expect(text.contains(",userhash=true"))
    }

    @Test("A secret of the server's kind serves instead of the password")
    func ha1Secret() throws {
        let ha1 = try #require(
            ReferenceHashes.all.ha1(
                username: Array("bob".utf8), realm: Array("biloxi.com".utf8), password: Array("zanzibar".utf8),
                .sha256))
        let account = DigestAccount(username: Array("bob".utf8), secret: .ha1([.sha256: ha1]))
        var client = Self.client([account])
        var retry = AuthenticationRetry()
        #expect(retry.receive([(.origin, Self.challenge())], with: &client) == .retry)
        #expect(
            try Self.response(client.authorize(Self.invite)[0])
                == "bf5ae075620044cbcfd77ccacd07ec0ca8f76cc0f073c9fb5c4c69941dbf8afd")
        var other = AuthenticationRetry()
        let decision = other.receive([(.origin, Self.challenge(.md5, realm: "b"))], with: &client)
        #expect(decision == .giveUp(.noAccount(realm: Array("b".utf8))))
    }

    @Test("An account is described without its secret")
    func secretsStayHidden() {
        let account = DigestAccount(username: "bob", password: "zanzibar", realm: "biloxi.com")
        #expect("\(account)" == "bob in biloxi.com")
        #expect("\(Self.bob)" == "bob")
    }

    @Test("The cnonce is fresh for each request, but for session keys as long as the nonce")
    func cnonces() {
        for (algorithm, isFresh) in [(DigestAlgorithm.md5, true), (DigestAlgorithm(.md5, isSession: true), false)] {
            var client = DigestClient(accounts: [Self.bob], hash: ReferenceHashes.all)
            var retry = AuthenticationRetry()
            _ = retry.receive([(.origin, Self.challenge(algorithm))], with: &client)
            let cnonces = (0..<2).map { _ in
                Self.text(client.authorize(Self.invite))[0].split(separator: ",").first { $0.hasPrefix("cnonce") }
            }
            #expect((cnonces[0] != cnonces[1]) == isFresh)
        }
    }
}
