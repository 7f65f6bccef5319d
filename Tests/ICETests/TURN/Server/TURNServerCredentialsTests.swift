import ICE
import Testing

/// Who may ask (RFC 8489 §9.2.4, RFC 8656 §5), and how strangers are answered.
@Suite struct TURNServerCredentialsTests {
    private let rig = ServerRig()
    private let udp: UInt32 = 17 << 24

    private func allocation(_ nonce: [UInt8], _ algorithm: PasswordAlgorithm? = nil) -> [UInt8] {
        rig.request(.allocate, nonce: nonce, algorithm) { try $0.add(.requestedTransport, udp, into: &$1) }
    }

    private func error(_ result: ServerRig.Result) -> Int? {
        guard case .answer(let bytes) = result else { return nil }
        return read(bytes).error(bytes).map { Int($0.rawValue) }
    }

    @Test("Without proof: 401 with realm, nonce and algorithms, and nothing else")
    func challenge() throws {
        guard case .answer(let bytes) = rig.send(stun(.request, .allocate, rig.id())) else {
            Issue.record("no answer")
            return
        }
        let message = read(bytes)
        #expect(message.error(bytes) == .unauthenticated)
        #expect(message.octets(.realm, bytes) == rig.realm)
        #expect(message.octets(.passwordAlgorithms, bytes) == [0, 2, 0, 0, 0, 1, 0, 0])
        let nonce = try #require(message.octets(.nonce, bytes))
        #expect(NonceCookie(nonce: nonce) == NonceCookie(hasPasswordAlgorithms: true))
        #expect(message.integrity == nil && message.integritySHA256 == nil)
        // A client that sends FINGERPRINT gets it, and only that one.
        #expect(message.fingerprint == nil)
        #expect(bytes.count <= 120)
    }

    @Test(
        "The algorithms, and the attribute that answers are proven by",
        arguments: [nil, .md5, .sha256] as [PasswordAlgorithm?])
    func algorithms(algorithm: PasswordAlgorithm?) {
        guard case .answer(let bytes) = rig.send(allocation(rig.nonce(), algorithm)) else {
            Issue.record("no answer")
            return
        }
        #expect(read(bytes).kind == .success)
        let key = STUNKey.longTerm(
            username: [UInt8]("alice".utf8), realm: rig.realm, password: [UInt8]("secret".utf8), algorithm ?? .md5,
            .test)
        #expect(read(bytes).isProvenBySHA256(key, bytes) == (algorithm != nil))
        #expect(read(bytes).isProven(by: key, bytes) == (algorithm == nil))
        #expect(read(bytes).isFingerprintRight(bytes))
    }

    @Test("What is missing is 400, what is wrong 401, a nonce of before or of another address 438")
    func refusals() {
        let nonce = rig.nonce()
        let key = STUNKey.longTerm(
            username: [UInt8]("alice".utf8), realm: rig.realm, password: [UInt8]("secret".utf8), .md5, .test)
        let bare = stun(.request, .allocate, rig.id()) { writer, memory in
            try writer.add(.username, [UInt8]("alice".utf8), into: &memory)
            try writer.addIntegrity(key, .test, into: &memory)
        }
        #expect(error(rig.send(bare)) == 400)
        for (user, password) in [("alice", "wrong"), ("nobody", "secret"), ("", "")] {
            #expect(rig.ask(.allocate, user: user, password: password) { _, _ in }.error == 401)
        }
        #expect(error(rig.send(allocation([1, 2, 3]))) == 438)
        #expect(error(rig.send(allocation(nonce), from: rig.client.with(port: 4_001))) == 438)
        var changed = nonce
        changed[20] ^= 1
        #expect(error(rig.send(allocation(changed))) == 438)
        rig.advance(.seconds(3_599))
        #expect(rig.ask(.refresh) { _, _ in }.error == 437)
        rig.advance(.seconds(2))
        #expect(error(rig.send(allocation(nonce))) == 438)
        #expect(rig.server.statistics.allocated == 0)
        #expect(rig.server.statistics.unauthenticated == 3)
    }

    @Test("§9.2.4: an algorithm without the list, a list that is another, and one that is not in it are 400")
    func bidDown() {
        let nonce = rig.nonce()
        let key = STUNKey.longTerm(
            username: [UInt8]("alice".utf8), realm: rig.realm, password: [UInt8]("secret".utf8), .md5, .test)
        let cases: [([UInt8]?, [UInt8]?)] = [
            ([0, 2, 0, 0, 0, 1, 0, 0], nil), (nil, [0, 1, 0, 0]), ([0, 1, 0, 0], [0, 1, 0, 0]),
            ([0, 2, 0, 0, 0, 1, 0, 0], [0, 9, 0, 0]),
        ]
        for (list, choice) in cases {
            let bytes = stun(.request, .allocate, rig.id()) { writer, memory in
                try writer.add(.username, [UInt8]("alice".utf8), into: &memory)
                try writer.add(.realm, rig.realm, into: &memory)
                try writer.add(.nonce, nonce, into: &memory)
                if let list { try writer.add(.passwordAlgorithms, list, into: &memory) }
                if let choice { try writer.add(.passwordAlgorithm, choice, into: &memory) }
                try writer.addIntegrity(key, .test, into: &memory)
            }
            #expect(error(rig.send(bytes)) == 400)
        }
    }

    @Test("Credentials for a time: until it is over, then only for what there is; counted by the user")
    func timeLimited() {
        let rig = ServerRig(perUser: 2) { $1.add(secret: [UInt8]("north".utf8)) }
        let expiry = rig.wallClock.seconds + 100
        let name = "\(expiry):carol"
        // base64(HMAC-SHA1("north", name)), computed with the functions of another library.
        func password(_ name: String, _ secret: String = "north") -> String {
            var code = [UInt8](repeating: 0, count: 20)
            [UInt8](name.utf8).withUnsafeBytes { text in
                [UInt8](secret.utf8).withUnsafeBytes { key in
                    code.withUnsafeMutableBytes {
                        STUNHash.test.hmacSHA1(key, text, UnsafeRawBufferPointer(start: nil, count: 0), $0)
                    }
                }
            }
            return base64(code)
        }
        #expect(rig.allocate(user: name, password: password(name)).isSuccess)
        #expect(rig.allocate(user: name, password: password(name, "south"), from: ip(1, 1, 1, 1, 1)).error == 401)
        let other = "\(expiry + 7):carol"
        #expect(rig.allocate(user: other, password: password(other), from: ip(1, 1, 1, 1, 2)).isSuccess)
        #expect(rig.allocate(user: name, password: password(name), from: ip(1, 1, 1, 1, 3)).error == 486)
        rig.advance(.seconds(101))
        #expect(rig.allocate(user: name, password: password(name), from: ip(1, 1, 1, 1, 3)).error == 401)
        #expect(rig.ask(.refresh, user: name, password: password(name)) { _, _ in }.isSuccess)
        for wrong in ["carol", ":carol", "12x:carol", "9999999999999999999:carol"] {
            #expect(rig.allocate(user: wrong, password: password(wrong), from: ip(1, 1, 1, 2, 1)).error == 401)
        }
    }

    @Test("§5: another user than the one that has made the allocation is refused, 441")
    func otherUser() {
        #expect(rig.allocate().isSuccess)
        #expect(rig.ask(.refresh, user: "bob", password: "geheim") { _, _ in }.error == 441)
        #expect(rig.ask(.createPermission, user: "bob", password: "geheim") { _, _ in }.error == 441)
        #expect(rig.ask(.refresh) { _, _ in }.isSuccess)
    }

    @Test("Binding Requests are answered to everybody")
    func binding() {
        guard case .answer(let bytes) = rig.send(stun(.request, .binding, rig.id())) else {
            Issue.record("no answer")
            return
        }
        #expect(read(bytes).address(.xorMappedAddress, bytes) == rig.client)
        #expect(rig.server.statistics.bindings == 1)
    }

    @Test("Strangers are answered so often in a second, each source by itself; who has proven himself always is")
    func strangers() {
        let rig = ServerRig { configuration, _ in configuration.strangerAnswers = 5 }
        let nonce = rig.nonce()
        let binding = stun(.request, .binding, rig.id())
        let answered = (0..<200).filter { _ in rig.send(binding) != .nothing }.count
        #expect(answered == 49)
        #expect(rig.send(binding, from: rig.client.with(port: 9)) == .nothing)
        #expect(rig.send(binding, from: ip(203, 0, 113, 99, 1)) != .nothing)
        #expect(rig.server.statistics.unanswered == 152)
        #expect(error(rig.send(self.rig.request(.refresh, nonce: nonce) { _, _ in })) == 437)
        rig.advance(.seconds(1))
        #expect((0..<200).filter { _ in rig.send(binding) != .nothing }.count == 5)
    }

    @Test("What is no request of TURN has no answer")
    func silence() {
        var cut = stun(.request, .allocate, rig.id())
        cut.append(0)
        var wrong = allocation(rig.nonce())
        wrong[wrong.count - 1] ^= 1
        for bytes in [
            [], [0], [1, 2, 3, 4], cut, wrong, stun(.request, .connectionAttempt, rig.id()),
            stun(.success, .allocate, rig.id()),
            stun(.indication, .binding, rig.id()), stun(.indication, .data, rig.id()), [0x40, 0, 0, 1, 9],
            [0x60, 0, 0, 0], [0x40, 0, 0, 9, 0],
        ] as [[UInt8]] {
            #expect(rig.send(bytes) == .nothing)
        }
    }
}

/// RFC 4648 §4, written apart from the library.
private func base64(_ octets: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var bits = octets.flatMap { octet in (0..<8).map { octet >> (7 - $0) & 1 } }
    while bits.count % 6 != 0 { bits.append(0) }
    var text = ""
    for start in stride(from: 0, to: bits.count, by: 6) {
        text.append(alphabet[bits[start..<start + 6].reduce(0) { $0 * 2 + Int($1) }])
    }
    while text.count % 4 != 0 { text.append("=") }
    return text
}
