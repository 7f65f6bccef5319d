import SIP
import Testing

@Suite struct URITests {
    /// RFC 3261 §19.1.4, equivalent pairs, and others that follow from its rules.
    @Test(arguments: [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
        ),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
        // RFC 5954 §4.2.
        ("sip:bob@[::ffff:192.0.2.128]", "sip:bob@[::ffff:c000:280]"),
        ("sip:bob@[2001:db8::9:1]", "sip:bob@[2001:db8::9:01]"),
        ("sip:bob@[0:0:0:0:0:FFFF:129.144.52.38]", "sip:bob@[::FFFF:129.144.52.38]"),
    ])
    func equivalent(_ a: String, _ b: String) throws {
        #expect(try URI(a).isEquivalent(to: URI(b)))
        #expect(try URI(b).isEquivalent(to: URI(a)))
    }

    @Test(arguments: [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob:a@biloxi.com", "sip:bob@biloxi.com"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com;maddr=192.0.2.1", "sip:bob@biloxi.com"),
        ("tel:7042;phone-context=example.com", "tel:7042"),
    ])
    func different(_ a: String, _ b: String) throws {
        #expect(try !URI(a).isEquivalent(to: URI(b)))
        #expect(try !URI(b).isEquivalent(to: URI(a)))
    }

    @Test func parts() throws {
        let uri = try URI("sips:j%40s0n:p%20w@[2001:db8::1]:5070;transport=tcp;lr?Subject=a%26b&x=")
        #expect(uri.scheme == .sips)
        #expect(uri.user == "j@s0n")
        #expect(uri.password == "p w")
        #expect(uri.host == "2001:db8::1")
        #expect(uri.port == 5070)
        #expect(uri.transport == .tcp)
        #expect(uri.parameter("LR") == "")
        #expect(uri.parameter("ttl") == nil)
        #expect(uri.headers.map(\.name) == ["Subject", "x"])
        #expect(uri.headers.first?.value == "a&b")
        #expect(uri.addressOfRecord == "sips:j%40s0n@[2001:db8::1]")
        #expect(try URI("sip:bob@[2001:DB8:0:0::9:01]:5060").addressOfRecord == "sip:bob@[2001:db8::9:1]")
    }

    @Test func builds() throws {
        #expect(
            try URI(user: "a b;c%", host: "::1", port: 5060, parameters: [("transport", "tcp"), ("lr", nil)])
                .description == "sip:a%20b;c%25@[::1]:5060;transport=tcp;lr")
        #expect(URI.unescape("%6") == "%6")
        #expect(URI.unescape("%zz%41") == "%zzA")
    }

    @Test(arguments: [
        "", "sip:", "sip:@b", "bob@b", "sip:a@b c", "sip:a@b:70000", "sip:a@[::1", "sip:a@b;x=<", "sip:%4@b",
        "sip:a@", "sip:bob@444.555.666.777", "sip:bob@192.0.2.256", "sip:bob@1.2.3", "sip:bob@192.0.02.1",
        "sip:bob@[::1::]",
        "sip:bob@[1:2:3:4:5:6:7]", "sip:bob@[::g]", "sip:2001:db8::10", "sip:a@b;x=%4", "sip:a@b?x=%zz", "sip:a%4@b",
        "sip::p@b",
        "sip:a[@b", "sip:a:p[@b", "tel:", "tel:12x4", "<sip:a@b>", "sip:a\u{7f}@b", ":x", "sip:a@b>",
    ])
    func malformed(_ text: String) {
        #expect(throws: MessageDefect(.uri, "")) { try URI(text) }
    }

    @Test(arguments: [
        "sip:a@b", "sip:b", "sip:b:5060", "sip:b;lr", "sip:b?x=y", "sip:a:p@b:5060;x=y;z?h=v&i=", "sip:a:@b", "SIP:a@B",
        "sips:a%40x@b", "sip:a;x=%41@b;y=%42?z=%43", "sip:p1", "sip:a@192.0.2.255", "sip:[::]", "sip:a@[::1]:5060;lr",
        "sip:a@[1:2:3:4:5:6:7:8]", "sip:a@[1:2:3:4:5:6:192.0.2.1]", "sip:a@[1:2:3:4:5:6:7::]", "sip:0.0.0.0",
        "sip:a@b.",
        "sip:a@_sip.b", "sip:+1234#5@b",
    ])
    func wellFormed(_ text: String) throws {
        #expect(try URI(text).description == text)
    }

    @Test func otherSchemesAreKept() throws {
        let uri = try URI("urn:service:sos")
        #expect(uri.scheme == .other)
        #expect(uri.description == "urn:service:sos")
    }

    @Test func addressesRoundTrip() throws {
        let address = try NameAddress("\"A \\\"quoted\\\" name\" <sip:a@b;x=y>;tag=12;q=0.5;flag")
        #expect(address.displayName == "A \"quoted\" name")
        #expect(address.tag == "12")
        #expect(address["FLAG"] == "")
        #expect(address.description == "\"A \\\"quoted\\\" name\" <sip:a@b;x=y>;tag=12;q=0.5;flag")
        #expect(try NameAddress("sip:a@b;tag=1").uri.description == "sip:a@b")
        #expect(throws: MessageDefect(.headerValue, "")) { try NameAddress("\"open <sip:a@b>") }
        #expect(throws: MessageDefect(.headerValue, "")) { try NameAddress("sip:a@b?x=y") }
        #expect(throws: MessageDefect(.headerValue, "")) { try NameAddress("a@b <sip:a@b>") }
    }

    /// A quote and a combining mark behind it are one character, but two in a quoted string.
    @Test func quotesAreFoundBeforeCombiningMarks() throws {
        let name = "\"\u{301}\\\u{301}"
        #expect(NameAddress.quote(name).utf8.elementsEqual("\"\\\"\u{301}\\\\\u{301}\"".utf8))
        #expect(NameAddress.unquote(NameAddress.quote(name)) == name)
        let address = try NameAddress(NameAddress(URI("sip:a@b"), displayName: name).description)
        #expect(address.displayName == name)
        #expect(URI.unescape(URI.escape(name)) == name)
    }

    /// RFC 3261 §19.1.1, table 1.
    @Test(arguments: [
        ("sip:a@b", "sip:a@b", "sip:a@b"),
        ("sip:a@b?Subject=x", "sip:a@b", "sip:a@b"),
        (
            "sip:a@b:5070;transport=tcp;METHOD=INVITE;user=phone?Subject=x&y=z",
            "sip:a@b:5070;transport=tcp;user=phone",
            "sip:a@b:5070;user=phone"
        ),
        ("sip:b;lr;maddr=10.0.0.1;ttl=15", "sip:b;lr;maddr=10.0.0.1;ttl=15", "sip:b"),
        ("tel:+81312345678;phone-context=x", "tel:+81312345678;phone-context=x", "tel:+81312345678;phone-context=x"),
    ])
    func whatAURIMayHaveDependsOnItsPlace(uri: String, requestURI: String, address: String) throws {
        #expect(try URI(uri).asRequestURI.description == requestURI)
        #expect(try URI(uri).asAddress.description == address)
    }

    @Test func multipartBodies() throws {
        let body = Array(
            "pre\r\n--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1\r\n\r\n\u{0}\u{1}\r\n--b1--\r\n".utf8)
        let parts = try Multipart(body, contentType: "multipart/mixed;boundary=\"b1\"").parts
        #expect(parts.count == 2)
        #expect(parts[0]["content-type"] == "text/plain")
        #expect(parts[0].body == Array("hello".utf8))
        #expect(parts[1].body == [0, 1])
        #expect(throws: MessageDefect(.headerValue, "")) {
            try Multipart(body, contentType: "multipart/mixed;boundary=zz")
        }
        #expect(throws: MessageDefect(.headerValue, "")) { try Multipart(body, contentType: "multipart/mixed") }
    }
}
