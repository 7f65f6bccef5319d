extension ServerConfiguration {
    /// Where the server accepts SIP: `udp://127.0.0.1:5060`, `tcp://[::1]:5060`, `tls://127.0.0.1:5061`, and behind NAT
    /// `udp://10.0.0.5:5060?advertise=203.0.113.7`.
    public struct Listener: Hashable, Sendable {
        /// The transport of a listener.
        public enum Transport: String, CaseIterable, Sendable {
            case udp, tcp, tls, ws, wss

            /// The port of a URL that names none (RFC 3261 §18.2.1, §19.1.2, RFC 7118 §5.5).
            public var defaultPort: UInt16 {
                switch self {
                case .udp, .tcp: 5060
                case .tls: 5061
                case .ws: 80
                case .wss: 443
                }
            }

            /// Whether it needs a certificate.
            public var isSecure: Bool { self == .tls || self == .wss }
        }

        /// The address and port that others are told in place of the listener's own (in Via and Record-Route).
        public struct Advertised: Hashable, Sendable, CustomStringConvertible {
            /// A host name or address, as it stands in a SIP URI.
            public var host: String

            /// The port; nil is the one the listener is bound to.
            public var port: UInt16?

            /// `HOST` or `HOST:PORT`.
            public var description: String { port.map { "\(host):\($0)" } ?? host }
        }

        /// The transport.
        public var transport: Transport

        /// The numeric address to bind, in its shortest form and without brackets.
        public var address: String

        /// The port to bind; 0 leaves the choice to the system.
        public var port: UInt16

        /// What others are told; nil is the address and port themselves.
        public var advertised: Advertised?

        /// Makes a listener on a numeric address; the port is the transport's own unless given.
        public init(
            transport: Transport, address: String, port: UInt16? = nil, advertised: Advertised? = nil
        ) {
            self.transport = transport
            self.address = NumericAddress(address)?.canonical ?? address
            self.port = port ?? transport.defaultPort
            self.advertised = advertised
        }

        /// Whether only programs on the same machine reach it.
        public var isLoopback: Bool { NumericAddress(address)?.isLoopback ?? false }

        /// Whether it stands for all addresses of the machine.
        public var isWildcard: Bool { NumericAddress(address)?.isWildcard ?? false }

        /// The address as it stands in a URI: IPv6 in brackets.
        public var host: String { address.contains(":") ? "[\(address)]" : address }
    }
}

extension ServerConfiguration.Listener: CustomStringConvertible {
    /// The URL without what is advertised.
    var url: String { "\(transport.rawValue)://\(host):\(port)" }

    /// The URL that `init(_:)` reads.
    public var description: String { advertised.map { "\(url)?advertise=\($0)" } ?? url }
}

extension ServerConfiguration.Listener {
    /// Transports of the command line's grammar that this version does not serve.
    private static let laterSchemes: Set<String> = ["http", "https"]

    /// Reads a URL.
    ///
    /// - Throws: `Mismatch` that says what is wrong with it and how it should look.
    init(_ text: String) throws(Mismatch) {
        guard let mark = text.firstRange(of: "://") else {
            throw Mismatch("`\(text)` names no transport", example: "udp://\(text.isEmpty ? "127.0.0.1:5060" : text)")
        }
        let scheme = text[..<mark.lowerBound].lowercased()
        guard let transport = Transport(rawValue: scheme) else {
            guard !Self.laterSchemes.contains(scheme) else {
                throw Mismatch("this version does not serve `\(scheme)://`", example: "tcp://127.0.0.1:5060")
            }
            throw Mismatch("`\(scheme)://` is no transport for SIP", example: "udp://127.0.0.1:5060")
        }
        let (authority, query) = Self.split(text[mark.upperBound...], at: "?")
        let (host, port) = try Self.hostAndPort(String(authority), of: text)
        let name = host == "localhost" ? "127.0.0.1" : host
        guard let address = NumericAddress(name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name),
            address.isIPv6 == name.hasPrefix("[")
        else {
            throw Mismatch(
                "`\(host)` is no IP address of this machine, with IPv6 in brackets", example: "\(scheme)://[::1]:5060")
        }
        self.init(transport: transport, address: address.canonical, port: port ?? transport.defaultPort)
        guard let query else { return }
        let (name_, value) = Self.split(query, at: "=")
        guard name_ == "advertise", let value else {
            throw Mismatch("`?\(query)` is not understood", example: "\(url)?advertise=203.0.113.7")
        }
        advertised = try Advertised(String(value))
    }

    /// Splits `host:port` or `[host]:port`.
    fileprivate static func hostAndPort(_ text: String, of whole: String) throws(Mismatch) -> (String, UInt16?) {
        let hostEnd: String.Index
        if text.hasPrefix("["), let close = text.firstIndex(of: "]") {
            hostEnd = text.index(after: close)
        } else {
            hostEnd = text.firstIndex(of: ":") ?? text.endIndex
        }
        let host = String(text[..<hostEnd])
        let rest = text[hostEnd...]
        guard !rest.dropFirst().contains(":") else {
            throw Mismatch("`\(whole)`: an IPv6 address stands in brackets", example: "udp://[::1]:5060")
        }
        guard !host.isEmpty else { throw Mismatch("`\(whole)` names no address", example: "udp://127.0.0.1:5060") }
        guard !rest.isEmpty else { return (host, nil) }
        guard rest.first == ":", rest.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(rest.dropFirst())
        else {
            throw Mismatch("`\(rest)` of `\(whole)` is no port from 0 to 65535", example: "udp://127.0.0.1:5060")
        }
        return (host, port)
    }

    private static func split(_ text: Substring, at mark: Character) -> (Substring, Substring?) {
        guard let index = text.firstIndex(of: mark) else { return (text, nil) }
        return (text[..<index], text[text.index(after: index)...])
    }
}

extension ServerConfiguration.Listener.Advertised {
    /// Reads `HOST` or `HOST:PORT`.
    ///
    /// - Throws: `Mismatch` that says what is wrong with it.
    init(_ text: String) throws(Mismatch) {
        let (host, port) = try ServerConfiguration.Listener.hostAndPort(text, of: text)
        guard let canonical = ServerConfiguration.Domain.canonicalHost(host), port != 0 else {
            throw Mismatch("`\(text)` is no host name or address that others could send to", example: "203.0.113.7")
        }
        self.init(host: canonical, port: port)
    }
}
