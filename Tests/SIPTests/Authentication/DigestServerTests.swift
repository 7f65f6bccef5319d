import SIP
import Testing

@Suite struct DigestServerTests {
    static let epoch = ContinuousClock.now
    static let realm = "biloxi.com"
    static let hash = ReferenceHashes.all

    static func server(
        realm: String = realm, functions: [DigestHashFunction] = [.sha256, .md5, .sha512_256], hash: DigestHash = hash,
        configure: (inout DigestServer.Policy) -> Void = { _ in }
    ) -> DigestServer {
        var policy = DigestServer.Policy()
        policy.functions = functions
        configure(&policy)
        return DigestServer(
            realm: Array(realm.utf8), hash: hash,
            issuer: NonceIssuer(key: SipHash(key: 1, 2), epoch: epoch, lifetime: .seconds(60)), policy: policy)
    }

    /// The finding about a header field value.
    static func verdict(
        _ server: DigestServer, _ field: String, method: String, uri: String, body: String = "", secret: [UInt8]?,
        at time: Duration = .zero
    ) throws -> DigestVerdict {
        try Array(field.utf8).withUnsafeBytes { value in
            let credentials = try #require(try DigestCredentials.parse(value))
            return Array(method.utf8).withUnsafeBytes { method in
                Array(uri.utf8).withUnsafeBytes { uri in
                    Array(body.utf8).withUnsafeBytes { body in
                        let request = DigestServer.Request(method: method, uri: uri, body: body)
                        guard let secret else {
                            return server.verify(credentials, in: value, request, ha1: nil, now: epoch + time)
                        }
                        return secret.withUnsafeBytes {
                            server.verify(credentials, in: value, request, ha1: $0, now: epoch + time)
                        }
                    }
                }
            }
        }
    }

    static func secret(
        _ username: String, _ realm: String, _ password: String, _ function: DigestHashFunction,
        hash: DigestHash = hash
    ) -> [UInt8]? {
        hash.ha1(
            username: Array(username.utf8), realm: Array(realm.utf8), password: Array(password.utf8), function)
    }

    static func nonce(_ server: DigestServer, at time: Duration = .zero, salt: UInt64 = 1) -> String {
        var writer = ByteWriter()
        server.issuer.issue(realm: server.realm, now: epoch + time, salt: salt, into: &writer)
        return String(decoding: writer.array, as: UTF8.self)
    }

    // MARK: Vectors

    static let mufasaMD5 = """
        Digest username="Mufasa",
            realm="http-auth@example.org",
            uri="/dir/index.html",
            algorithm=MD5,
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            qop=auth,
            response="8ca523f5e9506fed4657c9700eebdbec",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
        """
    static let mufasaSHA256 = mufasaMD5.replacing("algorithm=MD5", with: "algorithm=SHA-256").replacing(
        "8ca523f5e9506fed4657c9700eebdbec",
        with: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")
    static let mufasaRFC2617 = """
        Digest username="Mufasa",
                         realm="testrealm@host.com",
                         nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
                         uri="/dir/index.html",
                         qop=auth,
                         nc=00000001,
                         cnonce="0a4f113b",
                         response="6629fae49393a05397450978507c4ef1",
                         opaque="5ccc069c403ebaf9f0171e9517f40e41"
        """

    /// The nonce of another server makes right credentials stale, not wrong: so the digest alone is tested.
    @Test(
        "RFC 7616 §3.9.1 and RFC 2617 §3.5: the examples' digests are right",
        arguments: [
            (mufasaMD5, "http-auth@example.org", "Circle of Life", DigestHashFunction.md5),
            (mufasaSHA256, "http-auth@example.org", "Circle of Life", .sha256),
            (mufasaRFC2617, "testrealm@host.com", "Circle Of Life", .md5),
        ])
    func examples(field: String, realm: String, password: String, function: DigestHashFunction) throws {
        let server = Self.server(realm: realm)
        let right = Self.secret("Mufasa", realm, password, function)
        #expect(try Self.verdict(server, field, method: "GET", uri: "/dir/index.html", secret: right) == .stale)
        #expect(try Self.verdict(server, field, method: "PUT", uri: "/dir/index.html", secret: right) == .wrong)
        let wrong = Self.secret("Mufasa", realm, password + "!", function)
        #expect(try Self.verdict(server, field, method: "GET", uri: "/dir/index.html", secret: wrong) == .wrong)
    }

    /// The figures of the RFC are those of the first half of SHA-512; with SHA-512/256 they are others (computed with OpenSSL). The
    /// way they are put together is the same.
    @Test("RFC 7616 §3.9.2: username*, UTF-8 and SHA-512-256")
    func exampleInUTF8() throws {
        let field = """
            Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, realm="api@example.org", uri="/doe.json",
            algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", nc=00000001,
            cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", qop=auth,
            response="ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd",
            opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", userhash=false
            """
        let cut = DigestHash(sha512_256: { $1.copyBytes(from: ReferenceHashes.sha512(Array($0)).prefix(32)) })
        let real = field.replacing(
            "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd",
            with: "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")
        for (field, hash) in [(field, cut), (real, Self.hash)] {
            let server = Self.server(realm: "api@example.org", hash: hash)
            let username = try Array(field.utf8).withUnsafeBytes {
                try #require(try DigestCredentials.parse($0)).decodedUsername(in: $0)
            }
            let secret = Self.secret(
                String(decoding: username, as: UTF8.self), "api@example.org", "Secret, or not?", .sha512_256,
                hash: hash)
            #expect(try Self.verdict(server, field, method: "GET", uri: "/doe.json", secret: secret) == .stale)
        }
    }

    /// Computed with another program (OpenSSL's functions) from RFC 7616 §3.4 and RFC 8760 §2.6 item 7.
    @Test(
        "RFC 7616 §3.4: auth and auth-int for each algorithm, with and without a body, and the form of RFC 2069",
        arguments: [
            ("MD5", "auth", "", "89eb0059246c02b2f6ee02c7961d5ea3"),
            ("MD5", "auth-int", "v=0\r\n", "77226bb823dc077c1ad3537415667bae"),
            ("MD5", "auth-int", "", "2d6fc6e788367208f746582b18a69618"),
            ("MD5", "", "", "bf57e4e0d0bffc0fbaedce64d59add5e"),
            ("SHA-256", "auth", "", "b3b5a6c69453abafaab9ae4dccdac90a076b6c80615d5f3498e7433b6e93bf4f"),
            (
                "SHA-256", "auth-int", "v=0\r\n",
                "554a9ffe79ce71c3cb6c9630deddd2787d8033f895e5cdef6a73c8e84ed4c979"
            ),
            ("SHA-256", "auth-int", "", "3985ceb21e3aee19764bf4d9659738c507c12293dd692d31387928ccc2159763"),
            ("SHA-256", "", "", "38aad98c50c33abe72c5f88dd17246ffcfa6b1f68852c855719ff0659386c0ca"),
            ("SHA-512-256", "auth", "", "7f1a09de0f19af0a1eac2b28d33e3f2fb89cca1ad8fb01bba5e1883b288bac14"),
            (
                "SHA-512-256", "auth-int", "v=0\r\n",
                "e9a7fbc1c80a10421c59a0c982f28d40e0ddc7b62ef3dc4faf68f179c6e05922"
            ),
            ("SHA-512-256", "auth-int", "", "6ba9effb831c1f3ba5760fe23de520f78124ed29d9a06d48a1338613d894c69b"),
        ])
    func computed(algorithm: String, qop: String, body: String, response: String) throws {
        let function: DigestHashFunction =
            algorithm == "MD5" ? .md5 : algorithm == "SHA-256" ? .sha256 : .sha512_256
        let quality = qop.isEmpty ? "" : ",qop=\(qop),nc=00000001,cnonce=\"0a4f113b\""
        let field = """
            Digest username="bob",realm="biloxi.com",nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",\
            uri="sip:bob@biloxi.com",algorithm=\(algorithm),response="\(response)"\(quality)
            """
        let secret = Self.secret("bob", "biloxi.com", "zanzibar", function)
        func verdict(_ method: String, _ body: String) throws -> DigestVerdict {
            try Self.verdict(
                Self.server(), field, method: method, uri: "sip:bob@biloxi.com", body: body, secret: secret)
        }
        #expect(try verdict("INVITE", body) == .stale)
        #expect(try verdict("BYE", body) == .wrong)
        #expect(try verdict("INVITE", body + "a=b\r\n") == (qop == "auth-int" ? .wrong : .stale))
    }

    @Test("RFC 7616 §3.4.5: quoted pairs are hashed without their backslashes")
    func quotedPairs() throws {
        let field = """
            Digest username="bo\\"b\\\\",realm="the \\"realm\\"",nonce="n\\"1",uri="sip:example.com",\
            algorithm=SHA-256,qop=auth,nc=00000010,cnonce="c\\\\2",\
            response="421D7BCFF9407073E10381E35F1312AC83BAE5EF24F913C1378949319481159B"
            """
        let server = Self.server(realm: "the \"realm\"")
        let secret = Self.secret("bo\"b\\", "the \"realm\"", "p:w", .sha256)
        #expect(
            try Self.verdict(server, field, method: "REGISTER", uri: "sip:example.com", secret: secret) == .stale)
        let addressed = try Array(field.utf8).withUnsafeBytes { value in
            let credentials = try #require(try DigestCredentials.parse(value))
            return [server, Self.server()].map { $0.isAddressed(by: credentials, in: value) }
        }
        #expect(addressed == [true, false])
    }

    // MARK: Findings

    /// Credentials as a client would make them.
    static func credentials(
        _ server: DigestServer, nonce: String, algorithm: DigestAlgorithm = .sha256, password: String = "zanzibar",
        uri: String = "sip:biloxi.com", quality: Set<DigestQuality>? = [.auth]
    ) -> String {
        var client = DigestClient(
            accounts: [DigestAccount(username: "bob", password: password)], hash: hash, makeCnonce: { 7 })
        var retry = AuthenticationRetry()
        let challenge = DigestChallenge(
            realm: server.realm, nonce: Array(nonce.utf8), algorithm: algorithm, qualities: quality)
        _ = retry.receive([(.origin, challenge)], with: &client)
        let request = DigestClient.Request(method: Array("REGISTER".utf8), uri: Array(uri.utf8))
        return String(decoding: retry.authorize(request, with: &client)[0].value, as: UTF8.self)
    }

    static func finding(
        _ server: DigestServer, _ field: String, user: String? = "bob", at time: Duration = .zero,
        _ function: DigestHashFunction = .sha256
    ) throws -> DigestVerdict {
        let secret = user.flatMap { Self.secret($0, Self.realm, "zanzibar", function) }
        return try verdict(server, field, method: "REGISTER", uri: "sip:biloxi.com", secret: secret, at: time)
    }

    @Test("Right credentials for a nonce of ours are accepted", arguments: [DigestHashFunction.sha256, .md5])
    func accepted(function: DigestHashFunction) throws {
        let server = Self.server()
        let field = Self.credentials(server, nonce: Self.nonce(server), algorithm: DigestAlgorithm(function))
        guard case .accepted(let use) = try Self.finding(server, field, at: .seconds(60), function) else {
            Issue.record("accepted")
            return
        }
        #expect(use.count == 1)
        #expect(use.issued == 0)
    }

    @Test("RFC 7616 §3.3: stale only if all but the nonce is right")
    func stale() throws {
        let server = Self.server()
        let field = Self.credentials(server, nonce: Self.nonce(server))
        #expect(try Self.finding(server, field, at: .seconds(61)) == .stale)
        let foreign = Self.credentials(server, nonce: "another server's")
        #expect(try Self.finding(server, foreign) == .stale)
        let wrong = Self.credentials(server, nonce: "another server's", password: "guess")
        #expect(try Self.finding(server, wrong) == .wrong)
        #expect(DigestVerdict.stale.isStale)
        #expect(!DigestVerdict.wrong.isStale)
    }

    @Test("Wrong password, unknown user, foreign URI, foreign algorithm, no answer")
    func refused() throws {
        let server = Self.server(functions: [.sha256])
        let nonce = Self.nonce(server)
        #expect(try Self.finding(server, Self.credentials(server, nonce: nonce, password: "guess")) == .wrong)
        #expect(try Self.finding(server, Self.credentials(server, nonce: nonce), user: nil) == .unknownUser)
        #expect(
            try Self.finding(server, Self.credentials(server, nonce: nonce, uri: "sip:chicago.com")) == .badURI)
        #expect(
            try Self.finding(server, Self.credentials(server, nonce: nonce, algorithm: .md5)) == .unknownAlgorithm)
        let session = DigestAlgorithm(.sha256, isSession: true)
        #expect(
            try Self.finding(server, Self.credentials(server, nonce: nonce, algorithm: session)) == .unknownAlgorithm)
        let empty = "Digest username=\"bob\",realm=\"biloxi.com\",nonce=\"\",uri=\"sip:biloxi.com\",response=\"\""
        #expect(try Self.finding(server, empty) == .unanswered)
        let unknown = Self.credentials(server, nonce: nonce).replacing("SHA-256", with: "AKAv1-MD5")
        #expect(try Self.finding(server, unknown) == .unknownAlgorithm)
    }

    @Test("The decoy secret of an unknown user opens nothing")
    func decoy() throws {
        let server = Self.server()
        let nonce = Self.nonce(server)
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: 64)
        var client = DigestClient(
            accounts: [DigestAccount(username: Array("bob".utf8), secret: .ha1([.sha256: zeros]))], hash: Self.hash)
        var retry = AuthenticationRetry()
        let challenge = DigestChallenge(realm: server.realm, nonce: Array(nonce.utf8), algorithm: .sha256)
        _ = retry.receive([(.origin, challenge)], with: &client)
        let request = DigestClient.Request(method: Array("REGISTER".utf8), uri: Array("sip:biloxi.com".utf8))
        let field = String(decoding: retry.authorize(request, with: &client)[0].value, as: UTF8.self)
        #expect(try Self.finding(server, field, user: nil) == .unknownUser)
    }

    @Test("RFC 3261 §22.4 item 8: the form of RFC 2069 is taken, once per nonce, unless the policy says no")
    func withoutQuality() throws {
        let lenient = Self.server()
        let field = Self.credentials(lenient, nonce: Self.nonce(lenient), quality: nil)
        guard case .accepted(let use) = try Self.finding(lenient, field) else {
            Issue.record("accepted")
            return
        }
        var counts = NonceCounts(capacity: 8)
        #expect(counts.record(use) == .fresh)
        #expect(counts.record(use) == .replayed)
        let strict = Self.server { $0.acceptsWithoutQuality = false }
        #expect(try Self.finding(strict, field) == .noQuality)
    }

    @Test("RFC 7616 §3.4: the same credentials again are a replay, with the next count they are fresh")
    func replay() throws {
        let server = Self.server()
        var counts = NonceCounts(capacity: 64)
        let field = Self.credentials(server, nonce: Self.nonce(server))
        for expected in [NonceCounts.Verdict.fresh, .replayed] {
            guard case .accepted(let use) = try Self.finding(server, field) else {
                Issue.record("accepted")
                return
            }
            #expect(counts.record(use) == expected)
        }
    }

    @Test("Every finding says what it is")
    func reasons() {
        let use = NonceIssuer.Use(identifier: 0, issued: 0, count: 1)
        let verdicts: [DigestVerdict] = [
            .accepted(use), .stale, .wrong, .unknownUser, .unknownAlgorithm, .noQuality, .badURI, .unanswered,
        ]
        #expect(Set(verdicts.map(\.reason)).count == verdicts.count)
    }

    // MARK: Challenges

    @Test("RFC 8760 §2.3: one challenge per algorithm, best first, those without a function left out")
    func challenges() throws {
        let server = Self.server(hash: DigestHash(md5: Self.hash.md5, sha256: Self.hash.sha256))
        #expect(server.challengeCount == 2)
        var algorithms: [DigestAlgorithm?] = []
        for index in 0..<server.challengeCount {
            var writer = ByteWriter()
            server.writeChallenge(index, isStale: index == 1, now: Self.epoch, salt: 5, into: &writer)
            let challenge = try #require(try DigestChallenge.parse(writer.bytes))
            #expect(challenge.realm == server.realm)
            #expect(challenge.qualities == [.auth])
            #expect(challenge.isStale == (index == 1))
            #expect(String(decoding: challenge.nonce, as: UTF8.self) == Self.nonce(server, salt: 5))
            algorithms.append(challenge.algorithm)
        }
        #expect(algorithms == [.sha256, .md5])
    }

    @Test("The header fields of a challenge are those of its algorithms, with one nonce", arguments: [false, true])
    func challengeAsAWhole(isStale: Bool) throws {
        let server = Self.server(functions: [.sha256, .md5])
        for (asProxy, name) in [(false, "WWW-Authenticate: "), (true, "Proxy-Authenticate: ")] {
            var whole = ByteWriter()
            server.writeChallenge(asProxy: asProxy, isStale: isStale, now: Self.epoch, salt: 5, into: &whole)
            var parts = ByteWriter()
            for index in 0..<server.challengeCount {
                parts.append(name)
                server.writeChallenge(index, isStale: isStale, now: Self.epoch, salt: 5, into: &parts)
                parts.append("\r\n")
            }
            #expect(whole.array == parts.array)
        }
    }

    @Test("The default policy: SHA-256 before MD5, RFC 2069 taken, same resource")
    func defaultPolicy() {
        let policy = DigestServer.Policy()
        #expect(policy.functions == [.sha256, .md5])
        #expect(policy.acceptsWithoutQuality)
        #expect(policy.uriRule == .sameResource)
    }

    @Test("RFC 3261 §22.3: the realm's credentials are found among others")
    func search() throws {
        let server = Self.server()
        let nonce = Self.nonce(server)
        let ours = Self.credentials(server, nonce: nonce)
        let theirs = Self.credentials(Self.server(realm: "other.com"), nonce: nonce)
        func search(_ fields: [String]) throws -> DigestServer.Search {
            let lines = fields.map { "Proxy-Authorization: \($0)\r\n" }.joined()
            let message = try Message(
                "REGISTER sip:biloxi.com SIP/2.0\r\nAuthorization: \(ours)\r\n\(lines)Content-Length: 0\r\n\r\n")
            return message.withView { server.search($0, .proxyAuthorization) }
        }
        #expect(try search([]) == .none)
        #expect(try search([theirs]) == .none)
        #expect(try search(["Basic Ym9iOng="]) == .none)
        guard case .found(let credentials, let value) = try search([theirs, "Digest x", ours]) else {
            Issue.record("found behind others")
            return
        }
        #expect(value.count == ours.utf8.count)
        #expect(credentials.nonceCount == 1)
        guard case .malformed(let error) = try search([theirs, "Digest x"]) else {
            Issue.record("malformed")
            return
        }
        #expect(error.code == .noEqualSign)
    }
}
