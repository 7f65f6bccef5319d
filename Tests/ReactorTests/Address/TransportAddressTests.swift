import Glibc
import Reactor
import Testing

@Suite struct TransportAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1:5060", 0x7f00_0001, 5060), ("0.0.0.0:0", 0, 0), ("255.255.255.255:65535", 0xffff_ffff, 65535),
            ("192.0.2.33:1", 0xc000_0221, 1),
        ] as [(String, UInt32, UInt16)])
    func readsIPv4(text: String, bits: UInt32, port: UInt16) {
        let address = TransportAddress(text)
        #expect(address == TransportAddress(ipv4: bits, port: port))
        #expect(address?.description == text)
        #expect(address?.isIPv6 == false)
    }

    /// Text forms of RFC 4291 §2.2 and RFC 5952, with the form in which we write them.
    @Test(
        arguments: [
            ("::", 0, 0, "::"),
            ("::1", 0, 1, "::1"),
            ("1::", 0x0001_0000_0000_0000, 0, "1::"),
            ("2001:db8::1", 0x2001_0db8_0000_0000, 1, "2001:db8::1"),
            ("2001:DB8:0:0:8:800:200C:417A", 0x2001_0db8_0000_0000, 0x0008_0800_200c_417a, "2001:db8::8:800:200c:417a"),
            ("2001:db8:0:1:1:1:1:1", 0x2001_0db8_0000_0001, 0x0001_0001_0001_0001, "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", 0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "2001:0:0:1::1"),
            ("2001:db8:0:0:1:0:0:1", 0x2001_0db8_0000_0000, 0x0001_0000_0000_0001, "2001:db8::1:0:0:1"),
            ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008, "1:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000, "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008, "0:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.1", 0, 0x0000_ffff_c000_0201, "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", 0x0064_ff9b_0000_0000, 0xc000_0221, "64:ff9b::c000:221"),
            ("fe80::abcd", 0xfe80_0000_0000_0000, 0xabcd, "fe80::abcd"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", .max, .max, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] as [(String, UInt64, UInt64, String)])
    func readsIPv6(text: String, upper: UInt64, lower: UInt64, written: String) {
        let expected = TransportAddress(ipv6: upper, lower, port: 5061)
        #expect(TransportAddress("[\(text)]:5061") == expected)
        #expect(TransportAddress("[\(text)]", defaultPort: 5061) == expected)
        #expect(TransportAddress(text, defaultPort: 5061) == expected)
        #expect(TransportAddress(host: text, port: 5061) == expected)
        #expect(expected.ip == written)
        #expect(expected.description == "[\(written)]:5061")
        #expect(TransportAddress(expected.description) == expected)
    }

    @Test(arguments: [
        "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:99999999999", "127.0.0.1:-1",
        "127.0.0.1: 5060",
        "127.0.0:5060", "127.0.0.1.1:5060", "127.0.0.256:5060", "127.0.0.01:5060", "127..0.1:5060", ".127.0.0.1:5060",
        "1270.0.0.1:5060", "localhost:5060", "::1:5060", "[::1]", "[::1]:", "[::1:5060", "::1]:5060", "[]:5060",
        "[:]:1",
        "[:::]:1", "[1::2::3]:1", "[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[1:2:3:4:5:6:7:8::]:1", "[12345::]:1",
        "[g::]:1", "[1:]:1", "[:1]:1", "[::1%]:1", "[::1%0]:1", "[::1%99999999999]:1", "[::1%no-such-if]:1",
        "[::ffff:1.2.3]:1", "[1:2:3:4:5:6:7:1.2.3.4]:1", "[1.2.3.4]:1", "[::1]x:1", "127.0.0.1:5060 ",
    ])
    func refusesEverythingElse(text: String) {
        #expect(TransportAddress(text) == nil)
    }

    @Test func zonesAreNumbersOrInterfaces() {
        #expect(TransportAddress("[fe80::1%2]:5060")?.scope == 2)
        #expect(TransportAddress("[fe80::1%2]:5060")?.description == "[fe80::1%2]:5060")
        #expect(TransportAddress("[fe80::1%lo]:5060")?.scope == if_nametoindex("lo"))
        let fromNetwork = Array("[fe80::1%lo]".utf8)
        fromNetwork.withUnsafeBytes { #expect(TransportAddress(host: $0, port: 1) == nil) }
        Array("[fe80::1%3]".utf8).withUnsafeBytes { #expect(TransportAddress(host: $0, port: 1)?.scope == 3) }
    }

    @Test func everyCutOfAnAddressIsReadOrRefusedWithoutHarm() {
        for text in ["[2001:db8:1:2:3:4:192.0.2.1%12]:5060", "192.168.100.200:65535"] {
            for length in 0...text.utf8.count {
                let part = String(text.prefix(length))
                if let address = TransportAddress(part, defaultPort: 9) {
                    #expect(TransportAddress(address.description) == address)
                }
            }
        }
    }

    @Test func writesIntoBytes() {
        func written(_ write: (UnsafeMutableRawBufferPointer) -> Int, room: Int = TransportAddress.longestText)
            -> String
        {
            var bytes = [UInt8](repeating: 0x2a, count: room)
            let count = bytes.withUnsafeMutableBytes(write)
            #expect(bytes[count...].allSatisfy { $0 == 0x2a })
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
        let four = TransportAddress("192.0.2.9:5060")!
        let six = TransportAddress("[2001:db8::9%4]:65535")!
        #expect(written(four.writeIP) == "192.0.2.9")
        #expect(written(four.writeHost) == "192.0.2.9")
        #expect(written(four.write) == "192.0.2.9:5060")
        #expect(written(six.writeIP) == "2001:db8::9")
        #expect(written(six.writeHost) == "[2001:db8::9]")
        #expect(written(six.write) == "[2001:db8::9]:65535")
        #expect(written(four.writeIP, room: 9) == "192.0.2.9")
        #expect(written(four.writeIP, room: 8) == "")
        #expect(written(four.writeIP, room: 0) == "")
        let longest = TransportAddress("[1111:1111:1111:1111:1111:1111:1111:1111%4294967295]:65535")!
        #expect(longest.description.utf8.count < TransportAddress.longestText)
        #expect(TransportAddress(longest.description) == longest)
    }

    @Test(
        arguments: [
            ("127.0.0.1", true, false, false, false), ("127.255.0.9", true, false, false, false),
            ("128.0.0.1", false, false, false, false), ("0.0.0.0", false, true, false, false),
            ("10.1.2.3", false, false, true, false), ("172.16.0.1", false, false, true, false),
            ("172.31.255.255", false, false, true, false), ("172.32.0.1", false, false, false, false),
            ("192.168.9.9", false, false, true, false), ("192.169.0.1", false, false, false, false),
            ("100.64.0.1", false, false, true, false), ("100.127.255.255", false, false, true, false),
            ("100.128.0.1", false, false, false, false), ("169.254.3.4", false, false, true, false),
            ("224.0.1.75", false, false, false, true), ("8.8.8.8", false, false, false, false),
            ("::1", true, false, false, false), ("::", false, true, false, false), ("::2", false, false, false, false),
            ("fe80::1", false, false, true, false), ("febf::1", false, false, true, false),
            ("fec0::1", false, false, false, false),
            ("fc00::1", false, false, true, false), ("fdff::1", false, false, true, false),
            ("fe00::1", false, false, false, false),
            ("ff02::1", false, false, false, true), ("2001:db8::1", false, false, false, false),
        ] as [(String, Bool, Bool, Bool, Bool)])
    func classes(text: String, loopback: Bool, wildcard: Bool, isPrivate: Bool, multicast: Bool) throws {
        let address = try #require(TransportAddress(host: text, port: 5060))
        #expect(address.isLoopback == loopback)
        #expect(address.isWildcard == wildcard)
        #expect(address.isPrivate == isPrivate)
        #expect(address.isMulticast == multicast)
    }

    @Test func kernelFormIsTheOneOfTheSystem() throws {
        for text in ["192.0.2.9:5060", "[2001:db8::9%4]:65535"] {
            let address = try #require(TransportAddress(text))
            var bytes = [UInt8](repeating: 0xff, count: 28)
            let length = bytes.withUnsafeMutableBytes { address.storeSocketAddress(to: $0.baseAddress!) }
            #expect(length == address.socketAddressLength)
            var host = [CChar](repeating: 0, count: 128)
            var service = [CChar](repeating: 0, count: 16)
            let result = bytes.withUnsafeMutableBytes { raw in
                getnameinfo(
                    raw.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(length), &host, 128, &service,
                    16,
                    NI_NUMERICHOST | NI_NUMERICSERV)
            }
            #expect(result == 0)
            let hostText = String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            #expect(hostText.prefix { $0 != "%" } == address.ip)
            #expect(service.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)) == Array("\(address.port)".utf8))
            bytes.withUnsafeBytes {
                #expect(TransportAddress(socketAddress: $0.baseAddress!, length: length) == address)
                #expect(TransportAddress(socketAddress: $0.baseAddress!, length: length - 1) == nil)
            }
        }
        [UInt8](repeating: 0, count: 28).withUnsafeBytes {
            #expect(TransportAddress(socketAddress: $0.baseAddress!, length: 28) == nil)
        }
    }

    @Test func equalAddressesHashEqualAndSeedsMatter() {
        #expect(MemoryLayout<TransportAddress>.stride == 24)
        let one = TransportAddress("[2001:db8::1]:5060")!
        let same = TransportAddress(ipv6: 0x2001_0db8_0000_0000, 1, port: 5060)
        #expect(one.hash(seed: 3) == same.hash(seed: 3))
        #expect(one.hashValue == same.hashValue)
        #expect(one.hash(seed: 3) != one.hash(seed: 4))
        #expect(one.hasSameHost(as: one.with(port: 9)))
        #expect(one != one.with(port: 9))
        #expect(!TransportAddress.loopback().hasSameHost(as: .loopback(.ipv6)))
    }

    /// Neighbouring addresses and ports, the usual load, spread evenly over 256 buckets: chi-square with 255 degrees of freedom
    /// stays below 350, which chance passes with probability 0.9999.
    @Test(arguments: [0, 1, 0xdead_beef_0123_4567] as [UInt64])
    func hashSpreadsNeighbours(seed: UInt64) {
        for shift in [0, 56] as [UInt64] {
            var buckets = [Int](repeating: 0, count: 256)
            for host in 0..<256 as Range<UInt32> {
                for port in 0..<100 as Range<UInt16> {
                    let address = TransportAddress(ipv4: 0x0a00_0000 + host, port: 10_000 + 2 * port)
                    buckets[Int(address.hash(seed: seed) >> shift & 255)] += 1
                }
            }
            let expected = 100.0
            let chiSquare = buckets.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
            #expect(chiSquare < 350)
        }
    }
}
