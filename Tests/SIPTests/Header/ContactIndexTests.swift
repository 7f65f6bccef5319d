import SIP
import Testing

/// Contact and the expiry of bindings (RFC 3261 §10.2, §10.3, §20.10, §20.19, §20.23).
@Suite struct ContactIndexTests {
    @Test func theExampleOfTheRFC() throws {
        try sample(
            "Contact: \"Mr. Watson\" <sip:watson@worcester.bell-telephone.com>", "   ;q=0.7; expires=3600,",
            "   \"Mr. Watson\" <mailto:watson@bell-telephone.com> ;q=0.1", "m: <sips:bob@192.0.2.4>;expires=60"
        ).withView { view in
            let contacts = try view.values(of: .contact).map { try view.contact($0) }
            #expect(
                contacts.map { view.text($0.address.uri) } == [
                    "sip:watson@worcester.bell-telephone.com", "mailto:watson@bell-telephone.com", "sips:bob@192.0.2.4",
                ])
            #expect(contacts.map(\.quality) == [700, 100, 1_000])
            #expect(contacts.map(\.expires) == [3_600, nil, 60])
            #expect(view.tolerantExpires == nil)
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("7200", 7_200), ("4294967295", .max), ("4294967296", .max), ("280297596632815", .max),
            ("1\(String(repeating: "0", count: 100))", .max), ("-5", 3_600), ("soon", 3_600),
            ("\"Thu, 01 Dec 1994 16:00:00 GMT\"", 3_600), ("5x", 3_600), ("\"60\"", 3_600),
        ] as [(String, UInt32)])
    func expiriesAreTolerant(_ text: String, _ seconds: UInt32) throws {
        try sample("Contact: <sip:a@b>;expires=\(text)", "Expires: \(text)").withView { view in
            let contact = try view.contact(#require(view.firstValue(of: .contact)))
            #expect(contact.expires == seconds)
            #expect(view.tolerantExpires == seconds)
        }
    }

    @Test func theContactsOwnExpiryComesFirst() throws {
        try sample("Contact: <sip:a@b>;expires=5, <sip:c@d>, *", "Expires: 600").withView { view in
            let contacts = try view.values(of: .contact).map { try view.contact($0) }
            #expect(contacts.map { view.expiry(of: $0) } == [5, 600, 600])
            #expect(contacts.map(\.address.isWildcard) == [false, false, true])
        }
        try sample("Contact: <sip:a@b>").withView { view in
            let contact = try view.contact(#require(view.firstValue(of: .contact)))
            #expect(view.expiry(of: contact) == nil)
        }
    }

    @Test(arguments: ["<sip:a@b>;q=2", "<sip:a@b>;q=", "<sip:a@b>;;", "<sip:a@b", "<sip:a@b>;expires=\"5"])
    func malformed(_ text: String) throws {
        try sample("Contact: \(text)").withView { view in
            let value = try #require(view.firstValue(of: .contact))
            #expect(throws: malformedValue) { try view.contact(value) }
            do throws(MessageDefect) {
                _ = try view.contact(value)
            } catch {
                #expect(error.header == .contact)
            }
        }
    }

    @Test func minExpires() throws {
        try sample("Min-Expires: 60").withView { (view) throws in #expect(try view.minExpires == 60) }
        try sample("Min-Expires: 4294967296").withView { view in
            #expect(throws: malformedValue) { try view.minExpires }
        }
    }
}
