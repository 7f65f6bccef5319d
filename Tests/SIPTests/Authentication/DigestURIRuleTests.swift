import SIP
import Testing

@Suite struct DigestURIRuleTests {
    @Test(
        "RFC 8760 §2.6 item 6: the same resource in another dress",
        arguments: [
            ("sip:example.com", "sip:example.com", true, true),
            ("sip:example.com", "sip:EXAMPLE.com;transport=tcp", false, true),
            ("sip:example.com:5060", "sip:example.com", false, true),
            ("sips:example.com:5061", "sips:example.com", false, true),
            ("sip:bob@example.com", "sip:bob@example.com?x=y", false, true),
            ("sip:bob@example.com", "sip:example.com", false, true),
            ("sip:[::1]:5070;lr", "sip:[::1]:5070", false, true),
            ("sip:bob@example.com", "sip:eve@example.com", false, false),
            ("sip:Bob@example.com", "sip:bob@example.com", false, false),
            ("sip:example.com", "sip:example.org", false, false), ("sip:example.com", "sips:example.com", false, false),
            ("sip:example.com:5070", "sip:example.com", false, false), ("tel:+81", "tel:+81", true, true),
            ("tel:+81", "tel:+82", false, false), ("", "", true, true), ("", "sip:a", false, false),
            ("nonsense", "sip:a", false, false), ("sip:a", "nonsense", false, false),
        ])
    func rules(uri: String, requestURI: String, identical: Bool, sameResource: Bool) {
        func allows(_ rule: DigestURIRule) -> Bool {
            Array(uri.utf8).withUnsafeBytes { uri in
                Array(requestURI.utf8).withUnsafeBytes { rule.allows(uri, $0) }
            }
        }
        #expect(allows(.identical) == identical)
        #expect(allows(.sameResource) == sameResource)
        #expect(allows(.any))
    }
}
