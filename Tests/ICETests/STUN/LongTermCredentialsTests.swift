import ICE
import Testing

/// RFC 8489 §9.2.
@Suite struct LongTermCredentialsTests {
    private let transaction = STUNTransactionID(upper: 1, lower: 2)
    private let username = [UInt8]("alice".utf8)
    private let realm = [UInt8]("example.org".utf8)
    private let password = [UInt8]("secret".utf8)

    /// PASSWORD-ALGORITHMS with SHA-256 and MD5 (RFC 8489 §14.11).
    private static let both = octets("00020000 00010000")

    private func message(
        _ kind: STUNClass, _ attributes: (inout STUNWriter, inout MutableRawSpan) throws -> Void
    ) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 2_000)
        var span = bytes.mutableSpan
        var memory = span.mutableBytes
        var writer = try STUNWriter(kind, .allocate, transaction, into: &memory)
        try attributes(&writer, &memory)
        let length = writer.length
        return [UInt8](bytes.prefix(length))
    }

    private func challenge(
        _ code: STUNErrorCode = .unauthenticated, nonce: [UInt8], realm: [UInt8]? = nil, algorithms: [UInt8]? = nil
    ) throws -> [UInt8] {
        try message(.error) { writer, memory in
            try writer.add(code, into: &memory)
            try writer.add(.realm, realm ?? self.realm, into: &memory)
            try writer.add(.nonce, nonce, into: &memory)
            if let algorithms { try writer.add(.passwordAlgorithms, algorithms, into: &memory) }
        }
    }

    private func judge(
        _ credentials: inout LongTermCredentials, _ bytes: [UInt8], wasProven: Bool
    ) throws -> LongTermCredentials.Verdict {
        let proof = wasProven ? credentials.nonce : nil
        let message = try STUNMessage(parsing: bytes.span.bytes)
        return credentials.judge(message, provenWith: proof, .test, in: bytes.span.bytes)
    }

    private func request(_ credentials: LongTermCredentials) throws -> [UInt8] {
        try message(.request) { try credentials.prove(&$0, .test, into: &$1) }
    }

    private var credentials: LongTermCredentials { LongTermCredentials(username: username, password: password) }

    @Test("§9.2.3.1: nothing is proven before a challenge")
    func first() throws {
        #expect(try request(credentials).count == 20)
    }

    @Test("§9.2.5: a server of RFC 5389 gets MD5 and MESSAGE-INTEGRITY")
    func old() throws {
        var credentials = credentials
        let verdict = try judge(&credentials, challenge(nonce: [1, 2]), wasProven: false)
        #expect(verdict == .retry)
        let bytes = try request(credentials)
        let message = try STUNMessage(parsing: bytes.span.bytes)
        let key = STUNKey.longTerm(username: username, realm: realm, password: password, .md5, .test)
        #expect(message.isProven(by: key, bytes))
        #expect(message.octets(.username, bytes) == username)
        #expect(message.octets(.nonce, bytes) == [1, 2])
        #expect(!message.has(.passwordAlgorithms, bytes))
        // The same again would be refused again.
        let again = try judge(&credentials, challenge(nonce: [3]), wasProven: true)
        #expect(again == .refused)
    }

    @Test("§9.2.5: an algorithm that is known, the list as it came, USERHASH, SHA-256 alone")
    func new() throws {
        var credentials = credentials
        let nonce = NonceCookie(hasPasswordAlgorithms: true, hasUsernameAnonymity: true).octets + [9]
        let list = octets("00ff0002 abcd0000") + Self.both
        let verdict = try judge(&credentials, challenge(nonce: nonce, algorithms: list), wasProven: false)
        #expect(verdict == .retry)
        let bytes = try request(credentials)
        let message = try STUNMessage(parsing: bytes.span.bytes)
        let key = STUNKey.longTerm(username: username, realm: realm, password: password, .sha256, .test)
        #expect(message.isProvenBySHA256(key, bytes))
        #expect(message.integrity == nil)
        #expect(message.octets(.passwordAlgorithms, bytes) == list)
        #expect(message.octets(.passwordAlgorithm, bytes) == [0, 2, 0, 0])
        #expect(!message.has(.username, bytes))
        #expect(
            message.octets(.userhash, bytes)
                == STUNKey.userhash(username: username, realm: realm, .test))
    }

    @Test("RFC 8656 §6: SHA-256 wherever it stands in the list")
    func strongest() throws {
        for (list, expected) in [
            ("00010000 00020000", PasswordAlgorithm.sha256), ("00010000 00ff0000", .md5),
            ("00020000 0001ffff", .sha256),
        ] {
            var credentials = credentials
            _ = try judge(&credentials, challenge(nonce: [1], algorithms: octets(list)), wasProven: false)
            #expect(credentials.key?.octets.count == (expected == .sha256 ? 32 : 16))
        }
    }

    @Test("§9.2.5: a 400 that is not proven is as if it had not come, also before the challenge")
    func badRequest() throws {
        var credentials = credentials
        let bare = try message(.error) { try $0.add(.badRequest, into: &$1) }
        let before = try judge(&credentials, bare, wasProven: false)
        _ = try judge(&credentials, challenge(nonce: [1]), wasProven: false)
        let behind = try judge(&credentials, bare, wasProven: true)
        #expect(before == .discarded && behind == .discarded)
    }

    @Test("§9.2.1, §9.2.5: a list that someone has taken out, or that holds nothing known, ends it")
    func bidDown() throws {
        let nonce = NonceCookie(hasPasswordAlgorithms: true).octets
        for (list, expected) in [
            (nil, .refused), (octets("00ff0000"), .refused), (octets("0002ffff"), .refused), (Self.both, .retry),
        ] as [([UInt8]?, LongTermCredentials.Verdict)] {
            var credentials = credentials
            let verdict = try judge(&credentials, challenge(nonce: nonce, algorithms: list), wasProven: false)
            #expect(verdict == expected)
        }
        // In other responses it makes them as if they had not come.
        var credentials = credentials
        let verdict = try judge(
            &credentials, challenge(.allocationQuotaReached, nonce: nonce), wasProven: false)
        #expect(verdict == .discarded)
    }

    @Test("§9.2.5: a stale nonce is replaced as often as it is, within limits")
    func stale() throws {
        var credentials = credentials
        let first = try judge(&credentials, challenge(nonce: [1]), wasProven: false)
        #expect(first == .retry)
        var verdicts: [LongTermCredentials.Verdict] = []
        for number in 2...6 as ClosedRange<UInt8> {
            verdicts.append(try judge(&credentials, challenge(.staleNonce, nonce: [number]), wasProven: true))
        }
        #expect(verdicts == [.retry, .retry, .retry, .refused, .refused])
        #expect(credentials.nonce == [4])
    }

    @Test("Requests at the same time: who was challenged second goes on with what the first has learned")
    func together() throws {
        var credentials = credentials
        _ = try judge(&credentials, challenge(nonce: [1]), wasProven: false)
        for _ in 0..<20 {
            let again = try judge(&credentials, challenge(nonce: [7]), wasProven: false)
            #expect(again == .retry)
        }
        #expect(credentials.nonce == [1])
        let message = try challenge(.staleNonce, nonce: [2])
        let index = try STUNMessage(parsing: message.span.bytes)
        for proof in [[1], [1], [1], [1], [1], [1]] as [[UInt8]] {
            let verdict = credentials.judge(index, provenWith: proof, .test, in: message.span.bytes)
            #expect(verdict == .retry)
        }
        #expect(credentials.nonce == [2])
    }

    @Test("§9.2.5: a response that is not proven, or by another key, is as if it had not come")
    func responses() throws {
        var credentials = credentials
        _ = try judge(&credentials, challenge(nonce: [1]), wasProven: false)
        let key = try #require(credentials.key)
        let right = try message(.success) { try $0.addIntegrity(key, .test, into: &$1) }
        let wrong = try message(.success) { try $0.addIntegrity(.shortTerm([1]), .test, into: &$1) }
        let bare = try message(.success) { _, _ in }
        let redirection = try message(.error) { try $0.add(.tryAlternate, into: &$1) }
        for (bytes, expected) in [
            (right, LongTermCredentials.Verdict.accepted), (wrong, .discarded), (bare, .discarded),
            (redirection, .accepted),
        ] {
            let verdict = try judge(&credentials, bytes, wasProven: true)
            #expect(verdict == expected)
        }
    }

    @Test("§14.9, §14.10: a realm, a nonce or a list that is too long is not taken")
    func bounds() throws {
        let long = [UInt8](repeating: 0x61, count: LongTermCredentials.longestText + 1)
        let list = [UInt8](repeating: 0, count: LongTermCredentials.longestAlgorithms) + Self.both
        for bytes in [
            try challenge(nonce: long), try challenge(nonce: [1], realm: long),
            try challenge(nonce: [1], algorithms: list),
        ] {
            var credentials = credentials
            let verdict = try judge(&credentials, bytes, wasProven: false)
            #expect(verdict == .refused)
            #expect(credentials.key == nil)
        }
    }

    @Test("§9.2: the cookie of a nonce")
    func cookies() {
        #expect(NonceCookie(nonce: [UInt8]("obMatJos2AAAA".utf8)) == NonceCookie())
        #expect(NonceCookie(nonce: [UInt8]("obMatJos2gAAAxyz".utf8)) == NonceCookie(hasPasswordAlgorithms: true))
        #expect(NonceCookie(nonce: [UInt8]("obMatJos2QAAA".utf8)) == NonceCookie(hasUsernameAnonymity: true))
        #expect(NonceCookie(nonce: [UInt8]("obMatJos2AAA".utf8)) == nil)
        #expect(NonceCookie(nonce: [UInt8]("obMatJos2A=AA".utf8)) == nil)
        #expect(NonceCookie(nonce: [UInt8]("obmatjos2AAAA".utf8)) == nil)
        for cookie in [true, false].flatMap({ first in
            [true, false].map { NonceCookie(hasPasswordAlgorithms: first, hasUsernameAnonymity: $0) }
        }) {
            #expect(NonceCookie(nonce: cookie.octets) == cookie)
        }
    }
}
