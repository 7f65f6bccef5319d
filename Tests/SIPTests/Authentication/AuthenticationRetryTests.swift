import SIP
import Testing

@Suite struct AuthenticationRetryTests {
    typealias Challenges = [(side: DigestClient.Side, challenge: DigestChallenge)]

    static let request = DigestClient.Request(
        method: Array("REGISTER".utf8), uri: Array("sip:example.com".utf8))

    static func challenge(
        _ realm: String, _ algorithm: DigestAlgorithm? = .md5, nonce: String = "n", isStale: Bool = false,
        qualities: Set<DigestQuality>? = [.auth]
    ) -> DigestChallenge {
        DigestClientTests.challenge(algorithm, realm: realm, nonce: nonce, qualities: qualities, isStale: isStale)
    }

    static func rejected(_ realm: String) -> AuthenticationRetry.Decision {
        .giveUp(.rejected(realm: Array(realm.utf8)))
    }

    @Test(
        "RFC 8760 §2.4: the topmost challenge that is supported and allowed is taken",
        arguments: [
            ([.sha256, .md5], [.sha256, .md5], "SHA-256"), ([.md5, .sha256], [.sha256, .md5], "MD5"),
            ([nil, .md5], [.sha256, .md5], "MD5"), ([.sha256, .md5], [.md5], "MD5"),
            ([.md5, .sha256], [.sha256], "SHA-256"), ([.md5], [.sha256], nil), ([nil], [.md5], nil),
        ] as [([DigestAlgorithm?], Set<DigestHashFunction>, String?)])
    func choice(offered: [DigestAlgorithm?], allowed: Set<DigestHashFunction>, expected: String?) {
        var client = DigestClientTests.client(allowed: allowed)
        var retry = AuthenticationRetry()
        let decision = retry.receive(offered.map { (.origin, Self.challenge("r", $0)) }, with: &client)
        #expect(decision == (expected == nil ? .giveUp(.unsupported) : .retry))
        let texts = DigestClientTests.text(retry.authorize(Self.request, with: &client))
        #expect(texts.count == (expected == nil ? 0 : 1))
        if let expected { #expect(texts[0].contains(",algorithm=\(expected),")) }
    }

    @Test("A challenge whose qualities are all unknown, or a session key without qop, is passed over")
    func unsupportedQualities() {
        var client = DigestClientTests.client()
        var retry = AuthenticationRetry()
        #expect(
            retry.receive([(.origin, Self.challenge("r", qualities: []))], with: &client) == .giveUp(.unsupported))
        let session = Self.challenge("r", DigestAlgorithm(.md5, isSession: true), qualities: nil)
        #expect(retry.receive([(.origin, session)], with: &client) == .giveUp(.unsupported))
        #expect(retry.receive([(.origin, session), (.origin, Self.challenge("r"))], with: &client) == .retry)
    }

    @Test("RFC 3261 §22.1: credentials that were just rejected are not sent again, not even later by themselves")
    func rejected() {
        var client = DigestClientTests.client()
        var retry = AuthenticationRetry()
        #expect(retry.receive([(.origin, Self.challenge("r"))], with: &client) == .retry)
        #expect(retry.authorize(Self.request, with: &client).count == 1)
        #expect(retry.receive([(.origin, Self.challenge("r", nonce: "m"))], with: &client) == Self.rejected("r"))
        #expect(retry.authorize(Self.request, with: &client).isEmpty)
    }

    @Test("RFC 7616 §3.3: a stale nonce brings one more attempt, a second one does not")
    func stale() {
        var client = DigestClientTests.client()
        var retry = AuthenticationRetry()
        let stale = Self.challenge("r", nonce: "m", isStale: true)
        #expect(retry.receive([(.origin, Self.challenge("r"))], with: &client) == .retry)
        #expect(retry.receive([(.origin, stale)], with: &client) == .retry)
        #expect(retry.receive([(.origin, stale)], with: &client) == Self.rejected("r"))
    }

    @Test("A nonce from an earlier request may have become too old without the server saying so")
    func cachedNonce() {
        var client = DigestClientTests.client()
        var first = AuthenticationRetry()
        #expect(first.receive([(.origin, Self.challenge("r"))], with: &client) == .retry)
        _ = first.authorize(Self.request, with: &client)

        var second = AuthenticationRetry()
        #expect(DigestClientTests.text(second.authorize(Self.request, with: &client))[0].contains("nc=00000002"))
        #expect(second.receive([(.origin, Self.challenge("r", nonce: "m"))], with: &client) == .retry)
        let field = DigestClientTests.text(second.authorize(Self.request, with: &client))[0]
        #expect(field.contains("nonce=\"m\"") && field.contains("nc=00000001"))
        #expect(second.receive([(.origin, Self.challenge("r", nonce: "o"))], with: &client) == Self.rejected("r"))
    }

    @Test("RFC 3261 §22.3: a chain of proxies and a server, each with its realm, are all answered in one request")
    func severalRealms() {
        var client = DigestClientTests.client()
        var retry = AuthenticationRetry()
        #expect(retry.receive([(.proxy, Self.challenge("p1"))], with: &client) == .retry)
        #expect(
            retry.receive([(.proxy, Self.challenge("p2")), (.proxy, Self.challenge("p3"))], with: &client) == .retry)
        #expect(retry.receive([(.origin, Self.challenge("p1"))], with: &client) == .retry)
        let fields = retry.authorize(Self.request, with: &client)
        #expect(
            fields.map(\.name) == [.proxyAuthorization, .proxyAuthorization, .proxyAuthorization, .authorization])
        let texts = DigestClientTests.text(fields)
        for (text, realm) in zip(texts, ["p1", "p2", "p3", "p1"]) { #expect(text.contains("realm=\"\(realm)\"")) }
        #expect(retry.attempts == 3)
        #expect(client.realms.map(\.side) == [.proxy, .proxy, .proxy, .origin])
    }

    @Test("An account for a realm answers that realm only; one realm answered of two is enough to try")
    func accounts() {
        var client = DigestClientTests.client([
            DigestAccount(username: "a", password: "x", realm: "one"),
            DigestAccount(username: "b", password: "y", realm: "two"),
        ])
        var retry = AuthenticationRetry()
        #expect(
            retry.receive([(.origin, Self.challenge("three"))], with: &client)
                == .giveUp(.noAccount(realm: Array("three".utf8))))
        let both: Challenges = [(.origin, Self.challenge("three")), (.origin, Self.challenge("two"))]
        #expect(retry.receive(both, with: &client) == .retry)
        let texts = DigestClientTests.text(retry.authorize(Self.request, with: &client))
        #expect(texts.count == 1)
        #expect(texts[0].contains("username=\"b\""))
    }

    @Test("Of several causes the plainest is told")
    func causes() {
        var client = DigestClientTests.client([DigestAccount(username: "a", password: "x", realm: "one")])
        var retry = AuthenticationRetry()
        #expect(retry.receive([(.origin, Self.challenge("one"))], with: &client) == .retry)
        let several: Challenges = [
            (.proxy, Self.challenge("x", nil)), (.origin, Self.challenge("one", nonce: "m")),
            (.origin, Self.challenge("two")),
        ]
        #expect(retry.receive(several, with: &client) == Self.rejected("one"))
        #expect(retry.receive([], with: &client) == .giveUp(.noChallenge))
        let all: [AuthenticationRetry.Cause] = [
            .noChallenge, .unsupported, .noAccount(realm: [0x72]), .rejected(realm: [0x72]), .tooManyAttempts,
        ]
        #expect(Set(all.map(\.reason)).count == all.count)
    }

    @Test("Realms that take turns come to an end")
    func bounded() {
        var client = DigestClientTests.client()
        var retry = AuthenticationRetry()
        for attempt in 0..<AuthenticationRetry.mostAttempts {
            #expect(retry.receive([(.proxy, Self.challenge("r\(attempt)"))], with: &client) == .retry)
        }
        #expect(retry.receive([(.proxy, Self.challenge("r"))], with: &client) == .giveUp(.tooManyAttempts))
    }

    @Test("The challenges of a response are found in both kinds of fields; what cannot be read is passed over")
    func fromResponse() throws {
        let response = try Message(
            """
            SIP/2.0 407 Proxy Authentication Required\r
            Via: SIP/2.0/UDP a;branch=z9hG4bK1\r
            Proxy-Authenticate: Basic realm="p"\r
            Proxy-Authenticate: Digest realm="p"\r
            Proxy-Authenticate: Digest realm="p", nonce="n", algorithm=SHA-256, qop="auth"\r
            WWW-Authenticate: Digest realm="o", nonce="n"\r
            Content-Length: 0\r
            \r

            """)
        var client = DigestClientTests.client()
        var retry = AuthenticationRetry()
        #expect(response.withView { retry.receive($0, with: &client) } == .retry)
        #expect(retry.authorize(Self.request, with: &client).map(\.name) == [.proxyAuthorization, .authorization])
        let none = try Message("SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"p\"\r\n\r\n")
        #expect(none.withView { retry.receive($0, with: &client) } == .giveUp(.noChallenge))
    }

    @Test("Client and server agree, for each function, over several requests and an expired nonce")
    func conversation() throws {
        for function in [DigestHashFunction.sha256, .md5, .sha512_256] {
            let server = DigestServerTests.server(functions: [function])
            var counts = NonceCounts(capacity: 64)
            var client = DigestClientTests.client()
            var verdicts: [String] = []
            for time in [0, 30, 100] as [Int64] {
                var retry = AuthenticationRetry()
                for _ in 0..<3 {
                    let fields = retry.authorize(Self.request, with: &client)
                    let verdict = try fields.first.map {
                        try DigestServerTests.verdict(
                            server, String(decoding: $0.value, as: UTF8.self), method: "REGISTER",
                            uri: "sip:example.com",
                            secret: DigestServerTests.secret("bob", "biloxi.com", "zanzibar", function),
                            at: .seconds(time))
                    }
                    if case .accepted(let use) = verdict {
                        verdicts.append("accepted")
                        #expect(counts.record(use) == .fresh)
                        break
                    }
                    verdicts.append(verdict == .stale ? "stale" : "none")
                    var writer = ByteWriter()
                    server.writeChallenge(
                        0, isStale: verdict == .stale, now: DigestServerTests.epoch + .seconds(time), salt: 1,
                        into: &writer)
                    let challenge = try #require(try DigestChallenge.parse(writer.bytes))
                    #expect(retry.receive([(.origin, challenge)], with: &client) == .retry)
                }
            }
            #expect(verdicts == ["none", "accepted", "accepted", "stale", "accepted"])
        }
    }
}
