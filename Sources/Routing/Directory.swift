import SIP

/// A hash for Digest (RFC 7616 §3.3, RFC 8760).
public enum DigestAlgorithmName: UInt8, Sendable, Hashable, CaseIterable {
    case md5, sha256
}

/// Finds users and their secrets; safe to call from any lane, and never blocks beyond a short mutex.
public protocol Directory: AnyObject, Sendable {
    /// Whether there is such a user; `user` is unescaped text.
    func isUser(_ user: UnsafeRawBufferPointer, domain: Int) -> Bool

    /// H(username:realm:password) of a user in hexadecimal digits, as Digest needs it; nil when there is none.
    func secret(user: UnsafeRawBufferPointer, domain: Int, algorithm: DigestAlgorithmName) -> [UInt8]?
}

/// The domains that this server is responsible for, fixed until the configuration is read again.
public struct DomainTable: Sendable {
    /// One domain.
    public struct Domain: Sendable, Hashable {
        /// Its name, in small letters.
        public var name: String
        /// The realm of its challenges.
        public var realm: String
        /// Other names that mean the same domain: aliases, addresses of our listeners.
        public var aliases: [String]

        public init(name: String, realm: String? = nil, aliases: [String] = []) {
            self.name = name.lowercased()
            self.realm = realm ?? name
            self.aliases = aliases.map { $0.lowercased() }
        }
    }

    /// The domains in their order.
    public let domains: [Domain]
    private let names: [(name: [UInt8], domain: Int)]
    private let addresses: [(address: AddressLiteral, domain: Int)]

    public init(_ domains: [Domain]) {
        self.domains = domains
        var names: [(name: [UInt8], domain: Int)] = []
        for (index, domain) in domains.enumerated() {
            for name in [domain.name] + domain.aliases { names.append((Array(name.utf8), index)) }
        }
        self.names = names
        addresses = names.compactMap { entry in
            guard entry.name.contains(UInt8(ascii: ":")),
                let address = entry.name.withUnsafeBytes({ AddressLiteral($0) })
            else { return nil }
            return (address, entry.domain)
        }
    }

    /// The domain of a host as written in a URI, brackets of an IPv6 reference included; nil for a stranger.
    public func find(_ host: UnsafeRawBufferPointer) -> Int? {
        // One IPv6 address has many texts (RFC 5954 §4.2).
        if host.count > 2, host[0] == UInt8(ascii: "[") {
            guard let address = AddressLiteral(host) else { return nil }
            return addresses.first { $0.address == address }?.domain
        }
        var host = host
        // A trailing dot names the same domain (RFC 1035 §3.1).
        if host.count > 1, host[host.count - 1] == UInt8(ascii: ".") {
            host = UnsafeRawBufferPointer(rebasing: host.dropLast())
        }
        for entry in names where entry.name.count == host.count {
            var same = true
            for i in 0..<host.count {
                let byte = host[i]
                let small = byte &- 0x41 < 26 ? byte | 0x20 : byte
                if small != entry.name[i] {
                    same = false
                    break
                }
            }
            if same { return entry.domain }
        }
        return nil
    }
}
