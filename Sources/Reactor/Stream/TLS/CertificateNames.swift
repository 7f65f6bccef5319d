import NIOSSL
import SwiftASN1
import X509

/// The SIP domains that a certificate proves (RFC 5922 §7.1), and the IP addresses.
public struct CertificateNames: Hashable, Sendable {
    /// The domains, in small letters. A wildcard is a name like any other, and matches itself only (RFC 5922 §7.2).
    public let domains: [String]

    /// The IP addresses, with port 0. RFC 5922 knows domains only; a next hop that is named by its address is matched by
    /// the name type that RFC 5280 §4.2.1.6 has for it.
    public let addresses: [TransportAddress]

    /// The users that SIP URIs name, as `user@domain`: the user without escapes, the domain in small letters. RFC 5922 §7.1 leaves
    /// them aside for domains; they prove one user of one.
    public let users: [String]

    /// Names as they stand in a certificate.
    public init(domains: [String], addresses: [TransportAddress] = [], users: [String] = []) {
        self.users = users
        self.domains = domains.map { $0.lowercased() }
        self.addresses = addresses.map { $0.with(port: 0) }
    }

    /// Reads the names of a certificate in DER form.
    ///
    /// - Throws: `TLSConfigurationError` when it is malformed.
    public init(derEncoded bytes: [UInt8]) throws(TLSConfigurationError) {
        do {
            self.init(try X509.Certificate(derEncoded: bytes))
        } catch {
            throw TLSConfigurationError("the certificate is malformed")
        }
    }

    init(_ certificate: NIOSSLCertificate) throws(TLSConfigurationError) {
        guard let bytes = try? certificate.toDERBytes() else {
            throw TLSConfigurationError("the certificate is malformed")
        }
        try self.init(derEncoded: bytes)
    }

    private init(_ certificate: X509.Certificate) {
        // A subjectAltName that cannot be read proves nothing, and the subject does not stand in for it.
        let hasAlternatives = certificate.extensions.contains { $0.oid == .X509ExtensionID.subjectAlternativeName }
        guard hasAlternatives else {
            self.init(domains: Self.commonNames(certificate))
            return
        }
        var (uris, names, addresses) = ([String](), [String](), [TransportAddress]())
        var users: [String] = []
        for name in (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames() {
            switch name {
            case .uniformResourceIdentifier(let uri):
                if let domain = Self.domain(ofSIP: uri) { uris.append(domain) }
                if let user = Self.user(ofSIP: uri) { users.append(user) }
            case .dnsName(let name): if !name.isEmpty { names.append(name) }
            case .ipAddress(let octets): if let address = Self.address(octets.bytes) { addresses.append(address) }
            default: break
            }
        }
        // DNS names count only where no SIP URI says which domains are meant.
        self.init(domains: uris.isEmpty ? names : uris, addresses: addresses, users: users)
    }

    /// The user and the domain of a SIP or SIPS URI; nil for others.
    private static func user(ofSIP uri: String) -> String? {
        guard let colon = uri.firstIndex(of: ":"), ["sip", "sips"].contains(uri[..<colon].lowercased()) else {
            return nil
        }
        let rest = uri[uri.index(after: colon)...]
        guard let at = rest.lastIndex(of: "@"),
            let user = unescape(rest[..<at].prefix { $0 != ":" }), !user.isEmpty
        else { return nil }
        let tail = rest[rest.index(after: at)...]
        let host = tail.hasPrefix("[") ? tail.prefix { $0 != "]" }.dropFirst() : tail.prefix { !":;?/".contains($0) }
        return host.isEmpty ? nil : "\(user)@\(host.lowercased())"
    }

    /// A user part without its escapes; nil when one is none.
    private static func unescape(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            // A sign is no digit, though it may stand before some.
            guard rest.count >= 2, rest.first != UInt8(ascii: "+"), rest.first != UInt8(ascii: "-"),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The domain of a SIP URI without a user; nil for others.
    private static func domain(ofSIP uri: String) -> String? {
        guard uri.prefix(4).lowercased() == "sip:", !uri.contains("@") else { return nil }
        let rest = uri.dropFirst(4)
        let host = rest.hasPrefix("[") ? rest.prefix { $0 != "]" }.dropFirst() : rest.prefix { !":;?/".contains($0) }
        return host.isEmpty ? nil : String(host)
    }

    private static func address(_ octets: ArraySlice<UInt8>) -> TransportAddress? {
        let words = octets.reduce(into: (upper: UInt64(0), lower: UInt64(0))) { words, octet in
            words.upper = words.upper << 8 | words.lower >> 56
            words.lower = words.lower << 8 | UInt64(octet)
        }
        switch octets.count {
        case 4: return TransportAddress(ipv4: UInt32(truncatingIfNeeded: words.lower), port: 0)
        case 16: return TransportAddress(ipv6: words.upper, words.lower, port: 0)
        default: return nil
        }
    }

    /// The common names of the subject that are DNS names, for certificates without subjectAltName.
    private static func commonNames(_ certificate: X509.Certificate) -> [String] {
        certificate.subject.flatMap { $0 }.compactMap { attribute in
            guard attribute.type == .RDNAttributeType.commonName, let name = String(attribute.value) else {
                return nil
            }
            let isName = name.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            }
            return isName && !name.isEmpty && name.utf8.count <= 253 ? name : nil
        }
    }

    /// Whether the certificate proves a host: compared whole and without regard to case, and never by wildcard
    /// (RFC 5922 §7.2).
    ///
    /// - Parameter host: a domain or an IP address as text; an IPv6 address with or without brackets.
    public func prove(_ host: String) -> Bool {
        if let address = Self.literal(host) {
            return addresses.contains { $0.hasSameHost(as: address) }
                || domains.contains { Self.literal($0)?.hasSameHost(as: address) ?? false }
        }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        return !name.isEmpty && domains.contains { $0 == name.lowercased() }
    }

    /// The address that a host is, without asking the system about zones.
    static func literal(_ host: String) -> TransportAddress? {
        Array(host.utf8).withUnsafeBytes { TransportAddress(host: $0, port: 0) }
    }

    /// Whether there is no name at all.
    public var isEmpty: Bool { domains.isEmpty && addresses.isEmpty && users.isEmpty }
}

extension CertificateNames: CustomStringConvertible {
    /// The names, for a person.
    public var description: String {
        isEmpty ? "nobody" : (domains + addresses.map(\.ip) + users).joined(separator: ", ")
    }
}
