import SIP

extension ValueFormat {
    /// What is expected, for an error.
    fileprivate static func phrase(_ kind: String, _ allowed: String) -> String {
        let article = "aeiou".contains(kind.first ?? "x") ? "an" : "a"
        return allowed.isEmpty ? "\(article) \(kind)" : "\(article) \(kind), \(allowed)"
    }

    /// What is expected, for an error.
    var phrase: String { Self.phrase(kind, allowed) }

    /// A format whose errors only say what was expected.
    fileprivate init(
        _ kind: String, _ allowed: String, example: String = "", text: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.kind = kind
        self.allowed = allowed
        self.text = text
        self.parse = { (input: String) throws(Mismatch) -> Value in
            guard let value = parse(input) else {
                throw Mismatch("expected \(Self.phrase(kind, allowed)), found `\(input)`", example: example)
            }
            return value
        }
    }
}

extension ValueFormat<Duration> {
    /// A duration within a range.
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        let allowed = "\(ConfigurationText.text(range.lowerBound)) to \(ConfigurationText.text(range.upperBound))"
        return Self("duration", allowed, text: { ConfigurationText.text($0) }) { text in
            ConfigurationText.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueFormat<Duration?> {
    /// A duration within a range, or `auto` for the one that follows from other settings.
    static func durationOrAuto(_ range: ClosedRange<Duration>) -> Self {
        let inner = ValueFormat<Duration>.duration(range)
        return Self(
            "duration", "auto or \(inner.allowed)", example: "32s", text: { $0.map(inner.text) ?? "auto" }
        ) { text in
            if text == "auto" { return .some(nil) }
            return (try? inner.parse(text)).map { .some($0) }
        }
    }
}

extension ValueFormat<Int> {
    /// A whole number within a range.
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self("number", "\(range.lowerBound) to \(range.upperBound)", text: { String($0) }) { text in
            ConfigurationText.integer(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A number of bytes within a range.
    static func size(_ range: ClosedRange<Int>) -> Self {
        let bounds = [range.lowerBound, range.upperBound].map { ConfigurationText.text(size: $0) }
        return Self("size", bounds.joined(separator: " to "), text: { ConfigurationText.text(size: $0) }) { text in
            ConfigurationText.size(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueFormat<Bool> {
    /// `yes` or `no`, `true` or `false`, `on` or `off`.
    static var boolean: Self {
        Self("switch", "yes or no", text: { $0 ? "yes" : "no" }) { ConfigurationText.boolean($0) }
    }
}

extension ValueFormat where Value: RawRepresentable<String> & CaseIterable {
    /// One of the words of an enumeration; upper and lower case do not differ.
    static var choice: Self {
        let words = Value.allCases.map(\.rawValue)
        let allowed =
            words.count == 2 ? words.joined(separator: " or ") : "one of \(words.joined(separator: ", "))"
        return Self("word", allowed, text: { $0.rawValue }) { text in
            Value.allCases.first { $0.rawValue.lowercased() == text.lowercased() }
        }
    }
}

extension ValueFormat<ClosedRange<UInt16>> {
    /// A range of UDP ports with room for at least one pair, of which the first is even (RFC 3550 §11).
    static var ports: Self {
        Self(
            "range of ports", "from an even port of at least 1024", text: { "\($0.lowerBound)-\($0.upperBound)" }
        ) { text in
            ConfigurationText.ports(text).flatMap { ports in
                ports.lowerBound >= 1_024 && ports.lowerBound.isMultiple(of: 2) && ports.count >= 2 ? ports : nil
            }
        }
    }
}

extension ValueFormat<String> {
    /// A path; `~/` at its beginning is the home folder.
    static var path: Self {
        Self("path", "", text: { $0 }) { text in
            guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
            return text.hasPrefix("~/") ? ServerConfiguration.homeFolder + text.dropFirst() : text
        }
    }

    /// A URL of the web, or `off`, which is the empty text.
    static var webURLOrOff: Self {
        Self(
            "URL", "http or https, or off", example: "https://push.example.com/wake", text: { $0.isEmpty ? "off" : $0 }
        ) {
            text in
            if text == "off" { return "" }
            guard let mark = text.firstRange(of: "://"),
                ["http", "https"].contains(text[..<mark.lowerBound].lowercased()),
                !text[mark.upperBound...].isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { return nil }
            return text
        }
    }

    /// A word of letters, digits, dots and hyphens.
    static var word: Self {
        Self("word", "letters, digits, dots and hyphens", example: "apns", text: { $0 }) { text in
            let isWord = text.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            }
            return isWord && !text.isEmpty ? text.lowercased() : nil
        }
    }

    /// The origin of a web page (RFC 6454 §6.2).
    static var origin: Self {
        Self("origin", "scheme, host and port of a page", example: "https://phone.example.com", text: { $0 }) { text in
            guard let mark = text.firstRange(of: "://"),
                ["http", "https"].contains(text[..<mark.lowerBound].lowercased())
            else { return nil }
            let authority = text[mark.upperBound...]
            let allowed = authority.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
            return authority.isEmpty || !allowed ? nil : text.lowercased()
        }
    }

    /// The address of a server of DNS.
    static var nameServer: Self {
        Self("address", "with `:port` where it is not 53", example: "192.0.2.53", text: { $0 }) { text in
            ServerConfiguration.DNS.address(text) == nil ? nil : text
        }
    }

    /// An IP address of a family, or `off` for the empty one.
    static func numericAddressOrOff(isIPv6: Bool) -> Self {
        Self(
            "address", isIPv6 ? "an IPv6 address or `off`" : "an IPv4 address or `off`",
            text: { $0.isEmpty ? "off" : $0 }
        ) { text in
            if text == "off" { return "" }
            return NumericAddress(text).flatMap { $0.isIPv6 == isIPv6 ? $0.canonical : nil }
        }
    }

    /// A path, or a word for the empty one.
    static func pathOr(_ word: String) -> Self {
        Self("path", "or `\(word)`", text: { $0.isEmpty ? word : $0 }) { text in
            text == word ? "" : try? path.parse(text)
        }
    }

    /// A user part of an address that needs no escaping (RFC 3261 §25.1 `unreserved`); `off` is the empty one.
    static var userOrOff: Self {
        Self("user name", "letters, digits and -_.!~*, or off", text: { $0.isEmpty ? "off" : $0 }) { text in
            text == "off" ? "" : plainUser(text)
        }
    }

    /// A user part of an address that needs no escaping (RFC 3261 §25.1 `unreserved`).
    static var user: Self {
        Self("user name", "letters, digits and -_.!~*", example: "alice", text: { $0 }) { plainUser($0) }
    }

    private static func plainUser(_ text: String) -> String? {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789-_.!~*".unicodeScalars.contains(scalar))
        }
        return isPlain && (1...64).contains(text.utf8.count) ? text : nil
    }

    /// A domain name or address.
    static var domain: Self {
        Self(
            "domain", "a host name, an IPv4 address, or an IPv6 address in brackets", example: "example.com",
            text: { $0 }
        ) { ServerConfiguration.Domain.canonicalHost($0) }
    }

    /// The URI of a proxy for Route.
    static var routeURI: Self {
        Self("SIP URI", "with ;lr", example: "sip:proxy.example.com;lr", text: { $0 }) { text in
            guard let uri = try? URI(text), uri.index.isSIP, uri.index.headers.isEmpty, uri.parameter("lr") != nil
            else {
                return nil
            }
            return text
        }
    }

    /// The realm of a challenge, a quoted string on the wire.
    static var realm: Self {
        Self("text", "1 to 255 bytes without control characters", example: "example.com", text: { $0 }) { text in
            let isPrintable = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            return isPrintable && (1...255).contains(text.utf8.count) ? text : nil
        }
    }
}

extension ValueFormat<ServerConfiguration.Network> {
    /// A range of addresses.
    static var network: Self {
        Self(
            "network", "an address with a prefix length", example: "192.0.2.0/24", text: { $0.description }
        ) { ServerConfiguration.Network($0) }
    }
}

extension ValueFormat<ServerConfiguration.Listener> {
    /// The URL of a listener.
    static var listener: Self {
        Self(
            kind: "URL", allowed: "udp://, tcp://, tls://, ws:// or wss:// with an IP address and a port",
            parse: { (text: String) throws(Mismatch) in try ServerConfiguration.Listener(text) },
            text: { $0.url })
    }
}

extension ValueFormat<ServerConfiguration.Listener.Advertised?> {
    /// The address that others are told.
    static var advertised: Self {
        Self(
            kind: "address", allowed: "HOST or HOST:PORT",
            parse: { (text: String) throws(Mismatch) in try ServerConfiguration.Listener.Advertised(text) },
            text: { $0?.description ?? "203.0.113.7" })
    }
}
