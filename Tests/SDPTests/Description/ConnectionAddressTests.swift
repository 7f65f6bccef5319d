import SDP
import Testing

@Suite struct ConnectionAddressTests {
    @Test(arguments: [
        ("198.51.100.1", ConnectionAddress.ip4(0xC633_6401)),
        ("0.0.0.0", .ip4(0)),
        ("255.255.255.255", .ip4(0xFFFF_FFFF)),
        ("::", .ip6(0)),
        ("::1", .ip6(1)),
        ("2001:db8::2", .ip6(0x2001_0DB8_0000_0000_0000_0000_0000_0002)),
        ("2001:DB8:0:0:8:800:200C:417A", .ip6(0x2001_0DB8_0000_0000_0008_0800_200C_417A)),
        ("FF01::101", .ip6(0xFF01_0000_0000_0000_0000_0000_0000_0101)),
        ("::ffff:192.0.2.1", .ip6(0xFFFF_C000_0201)),
        ("64:ff9b::192.0.2.33", .ip6(0x0064_FF9B_0000_0000_0000_0000_C000_0221)),
        ("1:2:3:4:5:6:7::", .ip6(0x0001_0002_0003_0004_0005_0006_0007_0000)),
        ("::2:3:4:5:6:7:8", .ip6(0x0000_0002_0003_0004_0005_0006_0007_0008)),
        ("1:2:3:4:5:6:7:8", .ip6(0x0001_0002_0003_0004_0005_0006_0007_0008)),
        ("host.anywhere.com", .name("host.anywhere.com")),
        ("phone-1.local", .name("phone-1.local")),
    ])
    func readsAddressesAndNames(text: String, address: ConnectionAddress) throws {
        #expect(try ConnectionAddress(text.octets) == address)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", "1..2.3", "1.2.3.4a.5", ":", ":::", "1:",
        "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1.2.3", "1.2.3.4::",
        "fe80::1%eth0",
        "[::1]", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:1.2.3.4", "host name", "a/b", "1234",
    ])
    func refusesWhatIsNeither(text: String) throws {
        #expect(try ConnectionAddress(text.octets) == nil)
    }

    /// The examples of RFC 5952 §4 and §5.
    @Test(arguments: [
        ("2001:0db8:0:0:0:0:2:1", "2001:db8::2:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:DB8:0:0:1:0:0:AAAA", "2001:db8::1:0:0:aaaa"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("0:0:0:0:0:ffff:c000:0201", "::ffff:192.0.2.1"),
        ("1:0:0:0:0:0:0:0", "1::"),
        ("10.0.0.255", "10.0.0.255"),
    ])
    func writesTheCanonicalForm(text: String, canonical: String) throws {
        let address = try #require(try ConnectionAddress(text.octets))
        #expect(address.description == canonical)
    }

    @Test(arguments: [
        ("0.0.0.0", true, false), ("::", true, false), ("hold.invalid", true, false), ("HOLD.INVALID", true, false),
        ("invalid", true, false), ("notinvalid", false, false), ("192.0.2.1", false, false), ("224.2.1.1", false, true),
        ("239.255.255.255", false, true), ("240.0.0.1", false, false), ("ff00::db8:0:101", false, true),
        ("fe80::1", false, false),
    ])
    func tellsSpecialAddresses(text: String, isUnspecified: Bool, isMulticast: Bool) throws {
        let address = try #require(try ConnectionAddress(text.octets))
        #expect(address.isUnspecified == isUnspecified)
        #expect(address.isMulticast == isMulticast)
    }
}
