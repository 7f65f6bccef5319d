extension ServerConfiguration {
    /// Where clients of STUN and TURN come to: `udp://192.0.2.1:3478`, `tcp://[::1]:3478`, `tls://192.0.2.1:5349`.
    public struct TURNListener: Hashable, Sendable, CustomStringConvertible {
        /// `udp`, `tcp` or `tls`.
        public let transport: Listener.Transport
        /// The numeric address to bind, without brackets; a wildcard stands for all addresses that the machine has at the start.
        public let address: String
        /// The port to bind; 0 leaves the choice to the system.
        public let port: UInt16

        /// The port of a URL that names none (RFC 8656 §5).
        private static func defaultPort(_ scheme: String) -> UInt16 { scheme == "tls" ? 5_349 : 3_478 }

        /// Reads a URL; the port is 3478 unless given, 5349 for TLS.
        ///
        /// - Throws: `Mismatch` that says what is wrong with it and how it should look.
        init(_ text: String) throws(Mismatch) {
            let scheme = text.firstRange(of: "://").map { text[..<$0.lowerBound].lowercased() } ?? ""
            let authority = text.dropFirst(scheme.count + 3)
            let hasPort = authority.hasPrefix("[") ? authority.contains("]:") : authority.contains(":")
            let whole = hasPort || scheme.isEmpty ? text : "\(text):\(Self.defaultPort(scheme))"
            let read = try Listener(whole)
            guard [.udp, .tcp, .tls].contains(read.transport), read.advertised == nil else {
                throw Mismatch("`\(text)` is no place for STUN and TURN", example: "udp://192.0.2.1:3478")
            }
            transport = read.transport
            address = read.address
            port = read.port
        }

        /// The URL that `init(_:)` reads.
        public var description: String {
            "\(transport.rawValue)://\(address.contains(":") ? "[\(address)]" : address):\(port)"
        }
    }

    /// An address that data is relayed from: `192.0.2.1`, and behind a router that forwards all ports `10.0.0.5?advertise=203.0.113.7`.
    public struct TURNAddress: Hashable, Sendable, CustomStringConvertible {
        /// The numeric address of this machine.
        public let bound: String
        /// The one that peers know it by.
        public let advertised: String

        /// Reads it.
        ///
        /// - Throws: `Mismatch` that says what is wrong with it.
        init(_ text: String) throws(Mismatch) {
            let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let prefix = "advertise="
            guard let bound = NumericAddress(parts[0]), !bound.isWildcard,
                parts.count == 1 || parts[1].hasPrefix(prefix)
            else { throw Mismatch("`\(text)` is no address that data could be relayed from", example: "192.0.2.1") }
            let other = parts.count == 1 ? bound : NumericAddress(String(parts[1].dropFirst(prefix.count)))
            guard let other, other.isIPv6 == bound.isIPv6, !other.isWildcard else {
                throw Mismatch(
                    "`\(text)` advertises no address of the same family", example: "10.0.0.5?advertise=203.0.113.7")
            }
            self.bound = bound.canonical
            advertised = other.canonical
        }

        /// The form that `init(_:)` reads.
        public var description: String { advertised == bound ? bound : "\(bound)?advertise=\(advertised)" }
    }

    /// Who may have allocations: a name and a password.
    public struct TURNUser: Hashable, Sendable, CustomStringConvertible {
        public let name: String
        public let password: String

        /// Reads `NAME:PASSWORD`.
        ///
        /// - Throws: `Mismatch` that does not show the password.
        init(_ text: String) throws(Mismatch) {
            guard let colon = text.firstIndex(of: ":"), colon != text.startIndex,
                text[..<colon].utf8.count <= 509, text.index(after: colon) != text.endIndex
            else { throw Mismatch("an element is not a name, a colon and a password", example: "alice:secret") }
            name = String(text[..<colon])
            password = String(text[text.index(after: colon)...])
        }

        /// The form that `init(_:)` reads.
        public var description: String { "\(name):\(password)" }
    }
}
