import Foundation
import Media
import Reactor
import SDP
import SIP
import SRTP
import Testing

@testable import UserAgent

/// Two sessions that make each other offers, and what comes of it.
private final class Sessions {
    /// One of them.
    final class Side {
        let leg: SimulatedMediaLeg
        let session: NegotiatedSession
        /// The last description that this side has sent.
        var said = ""

        init(_ encryption: MediaEncryption, port: UInt16) throws {
            leg = SimulatedMediaLeg(
                TransportAddress.loopback(port: port), formats: [.pcmu],
                security: encryption.mode == .off ? nil : try MediaSecurity(encryption))
            let leg = leg
            session = NegotiatedSession(media: leg, sessionID: UInt64(port)) { stream, keys, _ in
                leg.apply(stream, keys: keys) { _ in }
            }
        }

        /// What encrypts the media now.
        var keys: MediaKeys { leg.keys.last ?? .none }
    }

    let caller: Side
    let callee: Side
    /// What a server on the way makes of descriptions.
    var changes: (String) -> String = { $0 }

    init(_ caller: MediaEncryption, _ callee: MediaEncryption) throws {
        self.caller = try Side(caller, port: 10_000)
        self.callee = try Side(callee, port: 20_000)
    }

    /// An offer of one and the answer of the other.
    func exchange(byCallee: Bool = false) throws {
        let (from, to) = byCallee ? (callee, caller) : (caller, callee)
        let offer = changes(String(decoding: try from.session.makeOffer(), as: UTF8.self))
        from.said = offer
        var result: Result<[UInt8], SessionRefusal> = .failure(SessionRefusal(500, "no answer"))
        to.session.answer(Array(offer.utf8)) { result = $0 }
        do throws(SessionRefusal) {
            let answer = changes(String(decoding: try result.get(), as: UTF8.self))
            to.said = answer
            try from.session.take(answer: Array(answer.utf8), isPreview: false)
        } catch {
            from.session.rollBack()
            throw error
        }
    }

    /// The error of an exchange that fails; nil for one that does not.
    func refusal(byCallee: Bool = false) -> SessionRefusal? {
        do {
            try exchange(byCallee: byCallee)
            return nil
        } catch {
            return error as? SessionRefusal
        }
    }

    /// Both sides have the same keys the other way round, or none.
    var isMirrored: Bool {
        switch (caller.keys, callee.keys) {
        case (.none, .none): true
        case (.described(let one), .described(let other)):
            one.profile == other.profile && [one.local] == other.remote && [other.local] == one.remote
        case (.association(let one), .association(let other)):
            one.role == other.role.peer && one.number == other.number && !one.fingerprints.isEmpty
        default: false
        }
    }
}

@Suite struct KeyNegotiationTests {
    typealias Mode = MediaEncryption.Mode
    typealias Exchange = MediaEncryption.KeyExchange

    /// Every policy with every other, with both ways to come to keys at either side.
    @Test(arguments: Mode.allCases, Mode.allCases) func policies(_ caller: Mode, _ callee: Mode) throws {
        for one in Exchange.allCases {
            for other in Exchange.allCases {
                let sessions = try Sessions(MediaEncryption(caller, by: one), MediaEncryption(callee, by: other))
                let refusal = sessions.refusal()
                switch (caller, callee) {
                case (.require, .off), (.off, .require):
                    #expect(refusal?.status == 488)
                    #expect(caller == .require || refusal?.security == .notOffered)
                    #expect(sessions.caller.leg.keys.isEmpty && sessions.callee.leg.keys.isEmpty)
                case (.off, _), (_, .off):
                    #expect(refusal == nil)
                    #expect(sessions.caller.keys == .none && sessions.callee.keys == .none)
                    #expect(!sessions.callee.said.contains("crypto") && !sessions.callee.said.contains("fingerprint"))
                default:
                    #expect(refusal == nil)
                    #expect(sessions.isMirrored)
                    switch one {
                    case .sdes: #expect(sessions.profile == .aeadAES128GCM)
                    case .dtls:
                        guard case .association(let terms) = sessions.caller.keys else {
                            Issue.record("there is no association")
                            break
                        }
                        // The answerer begins (RFC 5763 §5).
                        #expect(terms.role == .server)
                        #expect(sessions.caller.said.contains("a=setup:actpass\r\n"))
                        #expect(sessions.callee.said.contains("a=setup:active\r\n"))
                        #expect(sessions.callee.said.contains("a=tls-id:"))
                        #expect(sessions.callee.said.contains("a=rtcp-mux\r\n"))
                    }
                }
                let transport =
                    switch (caller, one) {
                    case (.require, .sdes): " RTP/SAVP "
                    case (.require, .dtls): " UDP/TLS/RTP/SAVP "
                    default: " RTP/AVP "
                    }
                #expect(sessions.caller.said.contains(transport))
            }
        }
    }

    /// The answerer takes the first line of the offer that it knows (RFC 4568 §5.1.2).
    @Test func theFirstCommonSuiteIsTaken() throws {
        let sessions = try Sessions(
            MediaEncryption(
                .require, profiles: [.aes256CounterModeSHA1_80, .aes128CounterModeSHA1_32, .aeadAES256GCM]),
            MediaEncryption(.offer, profiles: [.aeadAES256GCM, .aes128CounterModeSHA1_32]))
        try sessions.exchange()
        #expect(sessions.profile == .aes128CounterModeSHA1_32)
        #expect(sessions.callee.said.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"))
        let strangers = try Sessions(
            MediaEncryption(.require, profiles: [.aeadAES128GCM]), MediaEncryption(.offer, profiles: [.aeadAES256GCM]))
        #expect(strangers.refusal()?.security == .unsupported)
    }

    /// A further offer leaves the keys as they are, whoever makes it, unless others are wanted (RFC 4568 §7.1.4, RFC 8842 §5.5).
    @Test(arguments: Exchange.allCases, [false, true]) func keysStayOrChange(_ exchange: Exchange, byCallee: Bool)
        throws
    {
        let sessions = try Sessions(MediaEncryption(.offer, by: exchange), MediaEncryption(.offer))
        try sessions.exchange()
        let first = sessions.caller.keys
        for byCallee in [false, true, false] {
            try sessions.exchange(byCallee: byCallee)
            #expect(sessions.caller.keys == first)
            #expect(sessions.isMirrored)
        }
        (byCallee ? sessions.callee : sessions.caller).session.renewKeys()
        try sessions.exchange(byCallee: byCallee)
        let second = sessions.caller.keys
        #expect(sessions.isMirrored)
        switch (first, second) {
        case (.described(let before), .described(let after)):
            #expect(before.local != after.local && before.remote != after.remote)
        case (.association(let before), .association(let after)):
            #expect(after.number == before.number + 1)
        default: Issue.record("the keys are of another kind")
        }
        try sessions.exchange()
        #expect(sessions.caller.keys == second)
    }

    /// A side that receives elsewhere has new keys where they stand in the description (RFC 4568 §7.1.4); an association goes on.
    @Test(arguments: Exchange.allCases) func whoMoves(_ exchange: Exchange) throws {
        let sessions = try Sessions(MediaEncryption(.require, by: exchange), MediaEncryption(.require))
        try sessions.exchange()
        let first = sessions.caller.keys
        try sessions.caller.leg.move(near: sessions.caller.leg.localAddress)
        try sessions.exchange()
        #expect(sessions.isMirrored)
        #expect((sessions.caller.keys == first) == (exchange == .dtls))
    }

    /// A change that is refused leaves the keys as they were.
    @Test(arguments: Exchange.allCases) func aRefusedChangeChangesNothing(_ exchange: Exchange) throws {
        let sessions = try Sessions(MediaEncryption(.offer, by: exchange), MediaEncryption(.offer))
        try sessions.exchange()
        let first = sessions.caller.keys
        sessions.caller.session.renewKeys()
        _ = try sessions.caller.session.makeOffer()
        sessions.caller.session.rollBack()
        sessions.caller.session.abandonChange(SessionRefusal(488, "no"))
        try sessions.exchange()
        #expect(sessions.caller.keys == first)
        #expect(sessions.isMirrored)
    }

    /// A server on the way takes the keys out: who demands them has no call, and who only offers them talks in the clear.
    @Test(arguments: Exchange.allCases) func keysAreTakenAway(_ exchange: Exchange) throws {
        for mode in [Mode.offer, .require] {
            let sessions = try Sessions(MediaEncryption(mode, by: exchange), MediaEncryption(mode))
            sessions.changes = { Self.without(["a=crypto", "a=fingerprint", "a=setup", "a=tls-id"], $0) }
            let refusal = sessions.refusal()
            #expect(refusal?.security == (mode == .require ? .unsupported : nil))
            #expect((refusal == nil) == (mode == .offer))
            #expect(sessions.caller.keys == .none)
            // The transport in the clear, too.
            let plain = try Sessions(MediaEncryption(mode, by: exchange), MediaEncryption(mode))
            plain.changes = { text in
                Self.without(["a=crypto", "a=fingerprint"], text)
                    .replacingOccurrences(of: ["UDP/TLS/RTP/SAVP", "RTP/SAVP"], with: "RTP/AVP")
            }
            #expect(plain.refusal()?.security == (mode == .require ? .notOffered : nil))
        }
    }

    /// Only the answer is in the clear.
    @Test(arguments: Exchange.allCases) func theAnswerIsInTheClear(_ exchange: Exchange) throws {
        let sessions = try Sessions(MediaEncryption(.require, by: exchange), MediaEncryption(.require))
        let offer = try sessions.caller.session.makeOffer()
        let answer = """
            v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 TRANSPORT 0\r\n
            """
        for transport in ["RTP/AVP", exchange == .sdes ? "RTP/SAVP" : "UDP/TLS/RTP/SAVP"] {
            let text = answer.replacingOccurrences(of: ["TRANSPORT"], with: transport)
            do throws(SessionRefusal) {
                try sessions.caller.session.take(answer: Array(text.utf8), isPreview: true)
                Issue.record("an answer in the clear was taken")
            } catch {
                #expect(error.security == .notAnswered)
                #expect(error.status == 488)
            }
        }
        #expect(!offer.isEmpty)
        #expect(sessions.caller.leg.keys.isEmpty)
    }

    /// Once encrypted, always encrypted: by an offer of either side, and by an answer.
    @Test(arguments: Exchange.allCases, [false, true]) func thereIsNoWayBack(_ exchange: Exchange, byCallee: Bool)
        throws
    {
        let sessions = try Sessions(MediaEncryption(.offer, by: exchange), MediaEncryption(.offer, by: exchange))
        try sessions.exchange()
        let keys = sessions.caller.keys
        sessions.changes = { Self.without(["a=crypto", "a=fingerprint"], $0) }
        #expect(sessions.refusal(byCallee: byCallee)?.security == .downgrade)
        var isAnswer = false
        sessions.changes = { text in
            defer { isAnswer = true }
            return isAnswer ? Self.without(["a=crypto", "a=fingerprint"], text) : text
        }
        #expect(sessions.refusal(byCallee: byCallee)?.security == .downgrade)
        #expect(sessions.caller.keys == keys || sessions.callee.keys != .none)
        sessions.changes = { $0 }
        try sessions.exchange(byCallee: byCallee)
        #expect(sessions.isMirrored)
    }

    /// An answer with another tag, another suite or a key that cannot be read (RFC 4568 §5.1.3).
    @Test(arguments: [
        (["a=crypto:1 "], "a=crypto:9 "), (["AEAD_AES_128_GCM"], "AEAD_AES_256_GCM"), (["inline:"], "inline:="),
        (["a=crypto:1 AEAD_AES_128_GCM"], "a=crypto:3 AES_CM_128_HMAC_SHA1_80"),
    ])
    func answersThatDoNotFit(_ part: [String], _ change: String) throws {
        for mode in [Mode.offer, .require] {
            let sessions = try Sessions(MediaEncryption(mode), MediaEncryption(mode))
            var isAnswer = false
            sessions.changes = { text in
                defer { isAnswer = true }
                return isAnswer ? text.replacingOccurrences(of: part, with: change) : text
            }
            #expect(sessions.refusal()?.security == .mismatch)
            #expect(sessions.caller.leg.keys.isEmpty)
        }
    }

    /// Hashes that prove nothing, and a role that cannot be.
    @Test(arguments: [(["sha-256 "], "sha-1 "), (["a=setup:active"], "a=setup:holdconn")])
    func associationsThatAreRefused(_ part: [String], _ change: String) throws {
        let sessions = try Sessions(MediaEncryption(.offer, by: .dtls), MediaEncryption(.offer))
        var isAnswer = false
        sessions.changes = { text in
            defer { isAnswer = true }
            return isAnswer ? text.replacingOccurrences(of: part, with: change) : text
        }
        let refusal = sessions.refusal()
        // A hash of another length is none at all, and the media then would be in the clear, which this side only offers not to be.
        #expect(refusal?.security == (change == "sha-1 " ? nil : .mismatch))
    }

    /// A key with a lifetime and a name (RFC 4568 §6.1) is answered, and opens the packets that have the name; ours has none.
    @Test(arguments: [
        ("AES_CM_128_HMAC_SHA1_80", "|2^31|1:4", [0, 0, 0, 1] as [UInt8]), ("AEAD_AES_128_GCM", "|2^31|66:2", [0, 66]),
        ("AES_CM_128_HMAC_SHA1_80", "|7:1", [7]),
    ])
    func keysWithNames(_ suite: String, _ parameters: String, _ name: [UInt8]) throws {
        let profile = try #require(ProtectionProfile(cryptoSuite: suite))
        let octets = try MasterKey.random(for: profile).keyAndSalt
        let text = Data(octets).base64EncodedString()
        let offer = """
            v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4002 RTP/SAVP 0\r\n\
            a=crypto:3 \(suite) inline:\(text)\(parameters)\r\n
            """
        let side = try Sessions.Side(MediaEncryption(.require), port: 30_000)
        var answered = ""
        side.session.answer(Array(offer.utf8)) { result in
            answered = (try? result.get()).map { String(decoding: $0, as: UTF8.self) } ?? "\(result)"
        }
        let line = try #require(answered.split(separator: "\r\n").first { $0.hasPrefix("a=crypto:") })
        #expect(line.hasPrefix("a=crypto:3 \(suite) inline:") && !line.contains("|"))
        guard case .described(let keys) = side.keys else {
            Issue.record("there are no keys")
            return
        }
        #expect(keys.remote.map(\.identifier) == [name])
        let now = ContinuousClock.now
        let ours = try StreamProtection(keys.profile, local: keys.local, remote: keys.remote, at: now)
        let theirs = try #require(MasterKey(profile, keyAndSalt: octets, identifier: name))
        let peer = try StreamProtection(profile, local: theirs, remote: [keys.local], at: now)
        let packet = [0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 9] + [UInt8](repeating: 0x55, count: 160)
        var memory = packet + [UInt8](repeating: 0, count: 100)
        try memory.withUnsafeMutableBytes { bytes in
            let sealed = try peer.seal(bytes, length: packet.count)
            #expect(sealed == packet.count + profile.tagLength + name.count)
            let length = try ours.open(UnsafeMutableRawBufferPointer(rebasing: bytes[..<sealed]), at: now)
            #expect(bytes[..<length].elementsEqual(packet))
            // And what is sent back.
            let back = try ours.seal(bytes, length: packet.count)
            #expect(back == packet.count + profile.tagLength)
            #expect(try peer.open(UnsafeMutableRawBufferPointer(rebasing: bytes[..<back]), at: now) == packet.count)
        }
        // Another name than the one that was said opens nothing.
        let stranger = try #require(MasterKey(profile, keyAndSalt: octets, identifier: name.map { $0 &+ 1 }))
        let other = try StreamProtection(profile, local: stranger, remote: [keys.local], at: now)
        memory = packet + [UInt8](repeating: 0, count: 100)
        memory[3] = 2
        try memory.withUnsafeMutableBytes { bytes in
            let sealed = try other.seal(bytes, length: packet.count)
            #expect(throws: SRTPError.self) {
                try ours.open(UnsafeMutableRawBufferPointer(rebasing: bytes[..<sealed]), at: now)
            }
        }
    }

    /// Of two lines, as some phones offer, the encrypted one is taken; and the other by who does not encrypt.
    @Test(arguments: [Mode.off, .offer, .require]) func oneOfTwoLines(_ mode: Mode) throws {
        let key = String(repeating: "A", count: 40)
        let offer = """
            v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n\
            m=audio 4002 RTP/SAVP 0\r\na=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:\(key)\r\n
            """
        let side = try Sessions.Side(MediaEncryption(mode), port: 30_000)
        var answered = ""
        side.session.answer(Array(offer.utf8)) { result in
            answered = (try? result.get()).map { String(decoding: $0, as: UTF8.self) } ?? "\(result)"
        }
        #expect(answered.contains("m=audio \(mode == .off ? 30_000 : 0) RTP/AVP 0\r\n"))
        #expect(answered.contains("m=audio \(mode == .off ? 0 : 30_000) RTP/SAVP 0\r\n"))
        #expect(answered.contains("a=crypto:7 ") == (mode != .off))
        #expect((side.keys == .none) == (mode == .off))
    }

    /// A preview that may come again changes nothing for good, and the answer that follows brings the same keys.
    @Test(arguments: Exchange.allCases) func previews(_ exchange: Exchange) throws {
        let sessions = try Sessions(MediaEncryption(.offer, by: exchange), MediaEncryption(.offer))
        let offer = try sessions.caller.session.makeOffer()
        var answer: [UInt8] = []
        sessions.callee.session.answer(offer) { answer = (try? $0.get()) ?? [] }
        try sessions.caller.session.take(answer: answer, isPreview: true)
        let early = sessions.caller.keys
        #expect(sessions.isMirrored)
        try sessions.caller.session.take(answer: answer, isPreview: false)
        #expect(sessions.caller.keys == early)
        #expect(sessions.isMirrored)
    }

    private static func without(_ beginnings: [String], _ text: String) -> String {
        text.split(separator: "\r\n", omittingEmptySubsequences: true)
            .filter { line in !beginnings.contains { line.hasPrefix($0) } }
            .map { $0 + "\r\n" }.joined()
    }
}

extension Sessions {
    /// The profile of keys that stand in the descriptions.
    fileprivate var profile: ProtectionProfile? {
        if case .described(let keys) = caller.keys { keys.profile } else { nil }
    }
}

extension String {
    /// The text with each of some parts replaced.
    fileprivate func replacingOccurrences(of parts: [String], with other: String) -> String {
        parts.reduce(self) { text, part in
            var pieces: [Substring] = []
            var rest = text[...]
            while let found = rest.firstRange(of: part) {
                pieces.append(rest[..<found.lowerBound])
                rest = rest[found.upperBound...]
            }
            pieces.append(rest)
            return pieces.joined(separator: other)
        }
    }
}
