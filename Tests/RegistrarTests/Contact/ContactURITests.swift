import SIP
import Testing

@testable import Registrar

@Suite struct ContactURITests {
    private func areEquivalent(_ a: String, _ b: String) -> Bool {
        Array(a.utf8).withUnsafeBytes { first in
            Array(b.utf8).withUnsafeBytes { ContactURI(first).isEquivalent(to: ContactURI($0)) }
        }
    }

    /// The examples of RFC 3261 §19.1.4, and more by its rules.
    @Test(arguments: [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
        ("sip:alice@a.com", "sips:alice@a.com", false), ("sip:alice@a.com", "sip:a.com", false),
        ("sip:alice:pw@a.com", "sip:alice@a.com", false), ("sip:alice:pw@a.com", "sip:alice:p%77@a.com", true),
        ("sip:alice:pw@a.com", "sip:alice:PW@a.com", false), ("sip:a@a.com;maddr=1.2.3.4", "sip:a@a.com", false),
        ("sip:a@a.com;ttl=1", "sip:a@a.com", false), ("sip:a@a.com;user=phone", "sip:a@a.com", false),
        ("sip:a@a.com;method=INVITE", "sip:a@a.com", false), ("sip:a@a.com;lr", "sip:a@a.com;LR", true),
        ("sip:a@a.com;x=%41", "sip:a@a.com;X=a", true), ("sip:a@a.com;x", "sip:a@a.com;x=1", false),
        ("sip:a@a.com:05060", "sip:a@a.com:5060", true), ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]", true),
        ("sip:a@[2001:db8::1]:5060", "sip:a@[2001:db8::1]", false), ("sip:a@[::1]:5060", "sip:a@[::1]:5061", false),
        // A reserved character is not its escape.
        ("sip:a;b@a.com", "sip:a%3Bb@a.com", false), ("sip:a%3bb@a.com", "sip:a%3Bb@a.com", true),
        ("sip:a@a.com?x=1&x=1&y=2", "sip:a@a.com?y=2&x=1&x=1", true),
        ("sip:a@a.com?x=1&x=1&y=2", "sip:a@a.com?x=1&y=2&y=2", false), ("sip:a@a.com?X=1", "sip:a@a.com?x=1", true),
        ("tel:+81-3-1234", "TEL:+8131234", true), ("tel:+8131234;ext=1", "tel:+8131234", false),
        ("tel:+8131234;isub=1;ext=2", "tel:+8131234;EXT=2;isub=1", true), ("tel:8131234", "tel:+8131234", false),
        ("mailto:a@b.c", "mailto:a@b.c", true), ("mailto:a@b.c", "mailto:a@B.c", false),
        ("mailto:a@b.c", "sip:a@b.c", false),
    ])
    func followsTheRules(_ a: String, _ b: String, _ expected: Bool) throws {
        #expect(areEquivalent(a, b) == expected)
        #expect(areEquivalent(b, a) == expected, "the relation is symmetric")
        #expect(areEquivalent(a, a) && areEquivalent(b, b))
    }

    /// The comparison of `URI` is another implementation of the same rules.
    @Test func agreesWithURI() throws {
        let users = ["", "alice@", "%61lice@", "ALICE@", "alice:pw@", "bob@"]
        let hosts = ["a.com", "A.com", "192.0.2.1", "[2001:db8::1]", "a.com:5060"]
        let tails = [
            "", ";transport=udp", ";transport=TCP", ";lr", ";x=1;y", ";y;x=1", ";user=phone", "?a=1&b=2", "?b=2&a=1",
        ]
        let all = try users.flatMap { user in
            try hosts.flatMap { host in try tails.map { try URI("sip:\(user)\(host)\($0)") } }
        }
        for a in all {
            for b in all where areEquivalent(a.description, b.description) != a.isEquivalent(to: b) {
                Issue.record("\(a) and \(b)")
            }
        }
    }

    @Test(arguments: [
        ("0", 0 as UInt16?, "0"), ("1", 1_000, "1"), ("0.", 0, "0"), ("1.", 1_000, "1"), ("0.5", 500, "0.5"),
        ("0.05", 50, "0.05"), ("0.005", 5, "0.005"), ("0.123", 123, "0.123"), ("0.120", 120, "0.12"),
        ("1.000", 1_000, "1"), ("0.999", 999, "0.999"), ("1.001", nil, ""), ("0.1234", nil, ""), ("2", nil, ""),
        ("", nil, ""), (".5", nil, ""), ("0,5", nil, ""), ("00", nil, ""), ("-0", nil, ""), ("0.a", nil, ""),
    ])
    func preferencesAreThousandths(_ text: String, _ expected: UInt16?, _ canonical: String) {
        let value = Array(text.utf8).withUnsafeBytes { Preference.parse($0) }
        #expect(value == expected)
        guard let value else { return }
        var writer = ByteWriter(capacity: 64)
        Preference.write(value, into: &writer)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == canonical)
    }

    @Test(arguments: [
        (0 as UInt32, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"), (4_294_967_295, "Sun, 07 Feb 2106 06:28:15 GMT"),
    ])
    func datesAreThoseOfRFC1123(_ seconds: UInt32, _ expected: String) {
        var field = DateField()
        for _ in 0..<2 {
            var writer = ByteWriter(capacity: 64)
            field.write(WallTime(seconds: seconds), into: &writer)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == "Date: \(expected)\r\n")
        }
    }
}
