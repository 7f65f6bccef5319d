import Routing
import Testing

@Suite struct DomainTableTests {
    private let table = DomainTable([
        .init(name: "Example.com", aliases: ["192.0.2.7", "2001:db8::10"]), .init(name: "example.net"),
    ])

    private func find(_ host: String) -> Int? { Array(host.utf8).withUnsafeBytes { table.find($0) } }

    @Test(arguments: [
        ("example.com", 0), ("EXAMPLE.COM", 0), ("example.com.", 0), ("192.0.2.7", 0), ("example.net", 1),
        ("example.org", nil), ("", nil), (".", nil),
    ])
    func namesAreFound(host: String, domain: Int?) {
        #expect(find(host) == domain)
    }

    /// RFC 5954 §4.2, and RFC 5118 §4.3 and §4.10: the text may differ, the address not.
    @Test(arguments: [
        ("[2001:db8::10]", 0), ("[2001:DB8:0:0::10]", 0), ("[2001:db8:::0.0.0.16]", 0), ("[2001:db8::10:5070]", nil),
        ("[2001:db8::11]", nil), ("[]", nil), ("[", nil), ("[x]", nil),
    ])
    func anAddressIsFoundHoweverItIsWritten(host: String, domain: Int?) {
        #expect(find(host) == domain)
    }
}
