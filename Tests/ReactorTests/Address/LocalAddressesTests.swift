import Testing

@testable import Reactor

/// Which addresses of a machine others are told of.
@Suite struct LocalAddressesTests {
    private func addresses(_ texts: [String]) throws -> [TransportAddress] {
        try texts.map { try #require(TransportAddress($0.contains(":") ? "[\($0)]:0" : "\($0):0")) }
    }

    @Test("RFC 8445 §5.1.1.1: none of loopback, of a link, of a site, and none that stand for IPv4")
    func addressesThatMeanNothingElsewhere() throws {
        let left = try addresses(["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"])
        let out = try addresses([
            "127.0.0.1", "127.9.9.9", "169.254.3.4", "0.0.0.0", "::1", "fe80::1", "fec0::1", "::ffff:192.0.2.1",
            "::192.0.2.1",
            "ff02::1", "::",
        ])
        #expect(LocalAddresses.usable(out + left + out, []) == left)
    }

    @Test(
        "RFC 8445 §5.1.1.1: where there are temporary addresses of a network those that stay are not told; deprecated ones never"
    )
    func temporaryAddresses() throws {
        let lines = [
            "20010db8000000000000000000000001 02 40 00 80 eth0",  // stays, beside a temporary one
            "20010db800000000aaaaaaaaaaaaaaaa 02 40 00 01 eth0",  // temporary
            "20010db800000000bbbbbbbbbbbbbbbb 02 40 00 21 eth0",  // temporary, deprecated
            "20010db8000000000000000000000002 03 40 00 80 eth1",  // of another interface
            "20010db8000100000000000000000003 02 40 00 80 eth0",  // of another network
            "20010db8000100000000000000000004 02 40 00 a0 eth0",  // deprecated
            "20010db8000100000000000000000005 02 40 00 c0 eth0",  // not proven yet
            "20010db8000100000000000000000006 02 40 00 88 eth0",  // another machine's
        ]
        let states = lines.compactMap(InterfaceAddressState.init(line:))
        #expect(states.count == lines.count)
        let all = try addresses([
            "2001:db8::1", "2001:db8::aaaa:aaaa:aaaa:aaaa", "2001:db8::bbbb:bbbb:bbbb:bbbb", "2001:db8::2",
            "2001:db8:1::3", "2001:db8:1::4", "2001:db8:1::5", "2001:db8:1::6",
        ])
        #expect(LocalAddresses.usable(all, states) == [all[1], all[3], all[4]])
    }

    @Test(
        "What is no line of the kernel's table is none",
        arguments: [
            "", "20010db8 02 40 00 80 eth0", "20010db8000000000000000000000001 02 40 00", "x 1 2 3 4 5",
            "20010db8000000000000000000000001 02 ff 00 80 eth0",
        ])
    func malformedLines(line: String) { #expect(InterfaceAddressState(line: line) == nil) }

    @Test func besideLoopbackThereAreNone() {
        #expect(LocalAddresses.beside(.loopback()).isEmpty)
        #expect(LocalAddresses.beside(.loopback(.ipv6)).isEmpty)
        #expect(LocalAddresses.beside(.wildcard()).isEmpty)
    }

    @Test func whatIsBesideIsThisMachines() throws {
        let elsewhere = try #require(TransportAddress("192.0.2.77:0"))
        let all = LocalAddresses.all
        #expect(all.contains { $0.isLoopback })
        #expect(LocalAddresses.beside(elsewhere).allSatisfy { all.contains($0) && !$0.isLoopback })
    }
}
