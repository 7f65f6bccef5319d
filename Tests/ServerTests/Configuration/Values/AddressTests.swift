import Testing

@testable import Server

@Suite struct AddressTests {
    private typealias Listener = ServerConfiguration.Listener
    private typealias Domain = ServerConfiguration.Domain
    private typealias Network = ServerConfiguration.Network

    @Test(arguments: [
        ("udp://127.0.0.1:5060", "udp://127.0.0.1:5060"), ("tcp://[::1]:5060", "tcp://[::1]:5060"),
        ("udp://127.0.0.1", "udp://127.0.0.1:5060"), ("UDP://localhost:0", "udp://127.0.0.1:0"),
        ("tcp://[2001:DB8:0:0::1]:65535", "tcp://[2001:db8::1]:65535"), ("tcp://[::]", "tcp://[::]:5060"),
        ("udp://10.0.0.5:5062?advertise=203.0.113.7", "udp://10.0.0.5:5062?advertise=203.0.113.7"),
        ("udp://10.0.0.5?advertise=SIP.example.com:5080", "udp://10.0.0.5:5060?advertise=sip.example.com:5080"),
        ("TLS://127.0.0.1", "tls://127.0.0.1:5061"), ("tls://[::1]:5071", "tls://[::1]:5071"),
        ("ws://127.0.0.1", "ws://127.0.0.1:80"), ("wss://[::1]", "wss://[::1]:443"),
        ("udp://[::]?advertise=[2001:db8::9]:5080", "udp://[::]:5060?advertise=[2001:db8::9]:5080"),
    ])
    func readsListeners(text: String, canonical: String) throws {
        let listener = try Listener(text)
        #expect(listener.description == canonical)
        #expect(try Listener(canonical) == listener)
    }

    /// The text, and what the error must tell.
    @Test(arguments: [
        ("", "names no transport"), ("127.0.0.1:5060", "udp://127.0.0.1:5060"),
        ("sip://127.0.0.1", "no transport for SIP"),
        ("http://127.0.0.1:5061", "does not serve `http://`"), ("https://127.0.0.1", "does not serve"),
        ("udp://", "names no address"), ("udp://:5060", "names no address"),
        ("udp://example.com:5060", "`example.com` is no IP address"), ("udp://::1:5060", "stands in brackets"),
        ("udp://[::1", "brackets"), ("udp://[127.0.0.1]:5060", "no IP address"), ("udp://127.1:5060", "no IP address"),
        ("udp://127.0.0.1:65536", "no port from 0 to 65535"), ("udp://127.0.0.1:", "no port"),
        ("udp://127.0.0.1:x", "no port"), ("udp://127.0.0.1:+5", "no port"), ("udp://127.0.0.1:5060/x", "no port"),
        ("udp://127.0.0.1:5060?x=y", "`?x=y` is not understood"), ("udp://127.0.0.1:5060?advertise", "not understood"),
        ("udp://127.0.0.1:5060?advertise=", "names no address"),
        ("udp://127.0.0.1:5060?advertise=a b", "no host name or address"),
        ("udp://127.0.0.1:5060?advertise=1.2.3.4:0", "no host name or address"),
        ("udp://[fe80::1%eth0]", "no IP address"),
    ])
    func saysWhatIsWrongWithAListener(text: String, expected: String) throws {
        let error = try #require(throws: Mismatch.self) { try Listener(text) }
        #expect("\(error.reason) \(error.example)".contains(expected), "\(error)")
        #expect(!error.example.isEmpty)
    }

    @Test func knowsLoopbackAndWildcard() throws {
        for (text, isLoopback, isWildcard) in [
            ("127.0.0.1", true, false), ("127.9.9.9", true, false), ("[::1]", true, false),
            ("[::ffff:127.0.0.1]", true, false), ("0.0.0.0", false, true), ("[::]", false, true),
            ("192.0.2.1", false, false), ("[2001:db8::1]", false, false), ("[::ffff:10.0.0.1]", false, false),
        ] {
            let listener = try Listener("udp://\(text):5060")
            #expect((listener.isLoopback, listener.isWildcard) == (isLoopback, isWildcard), "\(text)")
        }
    }

    @Test(arguments: [
        ("Example.COM", "example.com"), ("localhost", "localhost"), ("a-b.c_d.e", "a-b.c_d.e"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::0:1]", "[2001:db8::1]"), ("xn--r8jz45g.example", "xn--r8jz45g.example"),
    ])
    func readsHosts(text: String, canonical: String) {
        #expect(Domain.canonicalHost(text) == canonical)
    }

    @Test(arguments: [
        "", ".", "a..b", "a.", "-a", "a-", "a b", "a@b", "sip:a", "::1", "[::1", "[127.0.0.1]", "192.0.2", "1.2.3.256",
        "é.example",
        "a.\(String(repeating: "x", count: 64))", String(repeating: "x.", count: 130) + "x",
    ])
    func refusesOtherHosts(text: String) {
        #expect(Domain.canonicalHost(text) == nil)
    }

    @Test func networksHoldTheirAddresses() throws {
        let network = try #require(Network("192.0.2.77/26"))
        #expect(network.description == "192.0.2.64/26")
        #expect(network.contains([192, 0, 2, 64]) && network.contains([192, 0, 2, 127]))
        #expect(!network.contains([192, 0, 2, 63]) && !network.contains([192, 0, 2, 128]))
        #expect(!network.contains([UInt8](repeating: 0, count: 16)))
        #expect(try #require(Network("0.0.0.0/0")).contains([1, 2, 3, 4]))
        let single = try #require(Network("2001:db8::1"))
        #expect(single.description == "2001:db8::1/128")
        #expect(single.contains([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
        #expect(try #require(Network("2001:db8:ffff::/33")).description == "2001:db8:8000::/33")
    }

    @Test(arguments: [
        "", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "192.0.2/24", "::/129", "1.2.3.4/5/6", "example.com",
    ])
    func refusesOtherNetworks(text: String) {
        #expect(Network(text) == nil)
    }
}
