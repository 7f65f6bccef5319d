import Reactor
import TestKit
import Testing

/// RFC 5922 §7.1 and §7.2.
@Suite struct CertificateNamesTests {
    static let authority = Result { try CertificateAuthority() }

    private func names(_ list: [CertificateAuthority.Name]) throws -> CertificateNames {
        try CertificateNames(derEncoded: Self.authority.get().issue(list).derBytes)
    }

    @Test(
        arguments: [
            // A sip URI says which domains are meant; DNS names count only without one.
            ([.dns("example.com")], ["example.com"]),
            ([.dns("example.com"), .dns("example.net")], ["example.com", "example.net"]),
            ([.dns(""), .dns("example.net")], ["example.net"]), ([.dns("")], []),
            ([.dns("host.example.com"), .uri("sip:example.com")], ["example.com"]),
            ([.uri("sip:example.com"), .uri("sip:example.net")], ["example.com", "example.net"]),
            // The scheme is read without regard to case, and all but the host is put aside.
            ([.uri("SIP:Example.COM:5061;transport=tls")], ["example.com"]),
            ([.uri("sip:[2001:db8::1]:5061")], ["2001:db8::1"]),
            // A user is no domain, nor is another scheme: DNS names then count.
            ([.uri("sip:alice@example.com")], []),
            ([.uri("sips:example.com")], []),
            ([.uri("https://example.com/"), .dns("example.org")], ["example.org"]),
            // The common name stands in only where there is no subjectAltName, and only as a DNS name.
            ([.common("example.com")], ["example.com"]),
            ([.common("Example Company")], []),
            ([.common("example.com"), .uri("sip:alice@example.com")], []),
            ([.common("example.com"), .dns("example.net")], ["example.net"]),
        ] as [([CertificateAuthority.Name], [String])])
    func identitiesOfACertificate(list: [CertificateAuthority.Name], domains: [String]) throws {
        #expect(try names(list).domains == domains)
    }

    @Test(
        arguments: [
            ([.uri("sip:alice@example.com")], ["alice@example.com"]),
            ([.uri("SIPS:al%69ce:x@Example.COM:5061;transport=tls")], ["alice@example.com"]),
            (
                [.uri("sip:Alice@[2001:db8::1]"), .uri("sip:bob@example.net")],
                ["Alice@2001:db8::1", "bob@example.net"]
            ),
            ([.uri("sip:example.com"), .uri("mailto:alice@example.com"), .dns("example.com")], []),
            ([.uri("sip:@example.com"), .uri("sip:alice@"), .uri("sip:a%4@example.com")], []),
            ([.uri("sip:a%+1@example.com"), .uri("sip:a%-0@example.com"), .uri("sip:a%g0@example.com")], []),
        ] as [([CertificateAuthority.Name], [String])])
    func usersOfACertificate(list: [CertificateAuthority.Name], users: [String]) throws {
        #expect(try names(list).users == users)
    }

    @Test(arguments: [
        ("example.com", true), ("EXAMPLE.com", true), ("example.com.", true),
        // No suffix, no part, no wildcard (§7.2).
        ("foo.example.com", false), ("com", false), ("xample.com", false), ("*.example.com", false), ("", false),
        (".", false), (".example.com", false), ("127.0.0.1", false),
    ])
    func domainsAreComparedWhole(host: String, isProven: Bool) throws {
        #expect(try names([.dns("example.com")]).prove(host) == isProven)
    }

    /// A wildcard matches itself and nothing else (§7.2).
    @Test func wildcardsMatchNothing() throws {
        let names = try names([.dns("*.example.com"), .dns(".example.net")])
        #expect(!names.prove("foo.example.com"))
        #expect(!names.prove("example.com"))
        #expect(!names.prove("foo.example.net"))
        #expect(names.prove("*.example.com"))
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.0.0.2", false), ("::1", true), ("[::1]", true), ("[0:0:0:0:0:0:0:1]", true),
        ("[::2]", false), ("example.com", true), ("0x7f.1", false),
    ])
    func addressesAreComparedAsAddresses(host: String, isProven: Bool) throws {
        let names = try names([.address("127.0.0.1"), .address("::1"), .dns("example.com")])
        #expect(names.prove(host) == isProven)
    }

    /// Many certificates name an address as text, which RFC 5922 takes for a domain like any other.
    @Test func anAddressInAURIIsOne() throws {
        #expect(try names([.uri("sip:192.0.2.1")]).prove("192.0.2.1"))
    }

    @Test func whatIsNoCertificateIsRefused() {
        #expect(throws: TLSConfigurationError.self) { try CertificateNames(derEncoded: [1, 2, 3]) }
    }
}
