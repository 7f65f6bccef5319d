import SDP
import Testing

@Suite struct FingerprintTests {
    static let sha1 = "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB"
    static let sha256 = Array(repeating: "0F", count: 31).joined(separator: ":") + ":A0"

    private func description(session: String, media: String) throws -> SessionDescription {
        try parse(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\(session)m=audio 4000 UDP/TLS/RTP/SAVP 0\n\(media)"
        )
    }

    /// The example of RFC 8122 §3.4 has SHA-1.
    @Test func read() throws {
        let old = try #require(Fingerprint(try "SHA-1 \(Self.sha1)".octets))
        #expect(old.hash == .sha1)
        #expect(old.octets.prefix(3) == [0x4A, 0xAD, 0xB9])
        #expect(!old.hash.isAcceptable)
        let new = try #require(Fingerprint(try "sha-256 \(Self.sha256.lowercased())".octets))
        #expect(new.octets == [UInt8](repeating: 0x0F, count: 31) + [0xA0])
        #expect(new.hash.isAcceptable)
        #expect(new.attribute.name == "fingerprint")
        #expect(new.attribute.value == (try "sha-256 \(Self.sha256)".octets))
        #expect(Fingerprint.HashFunction.allCases.filter(\.isAcceptable) == [.sha256, .sha384, .sha512])
        for hash in Fingerprint.HashFunction.allCases {
            let made = try #require(Fingerprint(hash, [UInt8](repeating: 0xC5, count: hash.length)))
            #expect(Fingerprint(try #require(made.attribute.value)) == made)
            #expect(Fingerprint(hash, [UInt8](repeating: 0, count: hash.length + 1)) == nil)
        }
    }

    @Test(arguments: [
        "", "sha-256", "sha-256 ", "sha-256 \(sha1)", "sha-1 \(sha256)", "sha-3 \(sha256)", "sha-256 \(sha256):00",
        "sha-256 \(sha256.dropLast())", "sha-256 \(sha256.replacing(":", with: "-"))", "sha-256 \(sha256) x",
        "sha-256 \(sha256.replacing("A0", with: "G0"))", "\(sha256) sha-256",
    ])
    func outOfGrammar(text: String) throws {
        #expect(Fingerprint(try text.octets) == nil)
    }

    /// RFC 8122 §5: those of the media description, or those of the session when it has none.
    @Test func levels() throws {
        let session = "a=fingerprint:sha-256 \(Self.sha256)\n"
        let media = "a=fingerprint:sha-1 \(Self.sha1)\na=fingerprint:sha-9 00\na=fingerprint:sha-256 \(Self.sha256)\n"
        let both = try description(session: session, media: media)
        #expect(both.fingerprints(of: both.media[0]).map(\.hash) == [.sha1, .sha256])
        let above = try description(session: session, media: "")
        #expect(above.fingerprints(of: above.media[0]).map(\.hash) == [.sha256])
        let unknown = try description(session: session, media: "a=fingerprint:sha-9 00\n")
        #expect(unknown.fingerprints(of: unknown.media[0]).isEmpty)
        let many = try description(session: "", media: String(repeating: session, count: Fingerprint.maximumLines + 3))
        #expect(many.fingerprints(of: many.media[0]).count == Fingerprint.maximumLines)
    }
}
