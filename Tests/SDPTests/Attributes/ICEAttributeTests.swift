import SDP
import Testing

/// RFC 8839 §5, RFC 8840 §4.1.
@Suite struct ICEAttributeTests {
    private func description(_ session: String = "", _ media: String) throws -> SessionDescription {
        try parse(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\(session)m=audio 4000 RTP/AVP 0\n" + media)
    }

    @Test("§5.1: its example, read and written")
    func theExample() throws {
        let text = "2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998"
        let candidate = try #require(try CandidateAttribute(text.octets))
        #expect(candidate.foundation == "2")
        #expect(candidate.component == 1)
        #expect(candidate.priority == 1_694_498_815)
        #expect(candidate.address == .ip4(0xC000_0203))
        #expect(candidate.port == 45_664)
        #expect(candidate.kind == .serverReflexive)
        #expect(candidate.related == .init(address: .ip4(0xCB00_718D), port: 8_998))
        #expect(candidate.extensions.isEmpty)
        #expect(candidate.isUsable)
        #expect(candidate.attribute.value?.string == text)
        #expect(candidate.attribute.name == "candidate")
    }

    @Test(
        "§5.1: what others write is read, and written as it was",
        arguments: [
            ("1 2 UDP 2130706431 2001:db8::1 5000 typ host", true),
            ("a+/9 256 udp 1 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 9 generation 0 ufrag abcd network-id 1", true),
            ("1 1 UDP 2122260223 0b8c9c4f-0f6e-4a7d-9d1c-6f7f0d5b8d4e.local 50000 typ host", true),
            ("1 1 TCP 2105458943 192.0.2.1 9 typ host tcptype active", false),
            ("1 1 UDP 7 example.com 9 typ host", false), ("1 1 UDP 7 192.0.2.1 9 typ future x y", false),
            ("1 1 UDP 7 192.0.2.1 9 typ prflx raddr :: rport 9", true),
        ])
    func others(text: String, isUsable: Bool) throws {
        let candidate = try #require(try CandidateAttribute(text.octets))
        #expect(candidate.attribute.value?.string == text)
        #expect(candidate.isUsable == isUsable)
    }

    @Test("RFC 6544 §4.5: tcptype is an extension; mDNS names are told from others")
    func extensions() throws {
        let tcp = try #require(try CandidateAttribute("1 1 TCP 5 192.0.2.1 9 typ host tcptype passive".octets))
        #expect(tcp.value(of: "TCPTYPE") == "passive")
        #expect(tcp.value(of: "ufrag") == nil)
        let name = try #require(try CandidateAttribute("1 1 UDP 5 X.LOCAL 9 typ host".octets))
        #expect(name.isHiddenByMDNS)
        let many = "1 1 UDP 5 192.0.2.1 9 typ host" + (0..<40).map { " n\($0) v" }.joined()
        #expect(try CandidateAttribute(many.octets)?.extensions.count == CandidateAttribute.mostExtensions)
    }

    @Test(
        "§5.1: what is out of grammar is no candidate",
        arguments: [
            "", "1 1 UDP 5 192.0.2.1 9 typ", "1 1 UDP 5 192.0.2.1 9 host host", "1 0 UDP 5 192.0.2.1 9 typ host",
            "1 257 UDP 5 192.0.2.1 9 typ host", "1 1 UDP 0 192.0.2.1 9 typ host",
            "1 1 UDP 2147483648 192.0.2.1 9 typ host", "1 1 UDP 5 192.0.2.1 65536 typ host",
            "1 1 UDP 5 192.0.2.999 9 typ host", "- 1 UDP 5 192.0.2.1 9 typ host",
            "123456789012345678901234567890123 1 UDP 5 192.0.2.1 9 typ host",
            "1 1 U(P 5 192.0.2.1 9 typ host", "1 1 UDP 5 192.0.2.1 9 typ srflx raddr x= rport 9",
            "1 1 UDP 5 192.0.2.1 9 typ srflx raddr 192.0.2.1 rport x", "1 1 UDP 5 192.0.2.1 9 typ srflx raddr",
        ])
    func outOfGrammar(text: String) throws {
        #expect(try CandidateAttribute(text.octets) == nil)
    }

    @Test("§5.1: candidates of a description, in order, and no more than are read")
    func candidates() throws {
        let text =
            "a=candidate:1 1 UDP 5 192.0.2.1 9 typ host\na=candidate:x\na=candidate:2 1 UDP 4 192.0.2.2 9 typ host"
        var media = try description("", text).media[0]
        #expect(media.candidates.map(\.foundation) == ["1", "2"])
        media.setCandidates([media.candidates[1]])
        #expect(media.candidates.map(\.foundation) == ["2"])
        let many = try description(
            "", (0..<120).map { "a=candidate:\($0) 1 UDP 5 192.0.2.1 9 typ host" }.joined(separator: "\n"))
        #expect(many.media[0].candidates.count == MediaDescription.mostCandidates)
    }

    @Test("§5.2: remote candidates, on one line or several")
    func remoteCandidates() throws {
        let one = RemoteCandidate(component: 1, address: .ip4(0xC000_0203), port: 45_664)
        let two = RemoteCandidate(component: 2, address: .ip4(0xC000_0203), port: 45_665)
        for text in [
            "a=remote-candidates:1 192.0.2.3 45664 2 192.0.2.3 45665",
            "a=remote-candidates:1 192.0.2.3 45664\na=remote-candidates:2 192.0.2.3 45665",
        ] {
            #expect(try description("", text).media[0].remoteCandidates == [one, two])
        }
        #expect(RemoteCandidate.attribute([one, two]).value == "1 192.0.2.3 45664 2 192.0.2.3 45665")
        for text in ["1 192.0.2.3", "0 192.0.2.3 1", "1 192.0.2.3 x", ""] {
            #expect(try description("", "a=remote-candidates:" + text).media[0].remoteCandidates.isEmpty)
        }
    }

    @Test("§5.3, RFC 8840 §4.1: flags")
    func flags() throws {
        var read = try description("a=ice-lite\n", "a=ice-mismatch\na=end-of-candidates")
        #expect(read.isICELite && read.media[0].hasICEMismatch && read.media[0].endsCandidates)
        #expect(!read.endsCandidates)
        read.setICELite(false)
        read.media[0].setEndsCandidates(false)
        #expect(!read.isICELite && !read.media[0].endsCandidates)
        read.setICELite(true)
        read.media[0].setEndsCandidates(true)
        read.media[0].setEndsCandidates(true)
        #expect(read.isICELite)
        #expect(lines(read).filter { $0 == "a=end-of-candidates" }.count == 1)
    }

    @Test("§5.4: credentials, of the media before those of the session")
    func credentials() throws {
        let session = "a=ice-ufrag:8hhY\na=ice-pwd:asd88fgpdd777uzjYhagZg\n"
        let read = try description(session, "a=ice-ufrag:9uB6")
        let found = try #require(read.iceCredentials(of: read.media[0]))
        #expect(found.fragment == "9uB6")
        #expect(found.password == "asd88fgpdd777uzjYhagZg")
        #expect(read.media[0].iceCredentials == nil)
        #expect(read.iceCredentials?.fragment == "8hhY")
        var media = read.media[0]
        media.setICECredentials(found)
        #expect(media.iceCredentials == found)
        media.setICECredentials(nil)
        #expect(media.iceCredentials == nil)
    }

    @Test(
        "§5.4: bounds of credentials",
        arguments: [
            (4, 22, true), (3, 22, false), (4, 21, false), (256, 256, true), (257, 22, false), (4, 257, false),
        ])
    func bounds(fragment: Int, password: Int, isRight: Bool) throws {
        let own = try String(repeating: "a", count: fragment).octets
        let secret = try String(repeating: "b", count: password).octets
        #expect((ICECredentials(fragment: own, password: secret) != nil) == isRight)
        #expect(ICECredentials(fragment: "a-bc", password: "bbbbbbbbbbbbbbbbbbbbbb") == nil)
    }

    @Test("§5.5, §5.6: pacing and options")
    func pacingAndOptions() throws {
        var read = try description("a=ice-pacing:20\na=ice-options:ice2 trickle\n", "a=ice-options:rtp+ecn x- y")
        #expect(read.icePacing == .milliseconds(20))
        #expect(read.iceOptions(of: read.media[0]) == ["rtp+ecn", "y", "ice2", "trickle"])
        read.setICEPacing(.milliseconds(50))
        read.setICEOptions(["ice2"])
        read.media[0].setICEOptions([])
        #expect(read.icePacing == .milliseconds(50))
        #expect(read.iceOptions(of: read.media[0]) == ["ice2"])
        #expect(try description("", "a=x").icePacing == .milliseconds(50))
        #expect(try description("a=ice-pacing:99999999999\n", "a=x").icePacing == .milliseconds(50))
    }
}
