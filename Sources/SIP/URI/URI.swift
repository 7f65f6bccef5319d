/// A SIP, SIPS or tel URI to keep (RFC 3261 §19.1, RFC 3966); other schemes are kept as they are.
///
/// `==` is equality of the bytes; `isEquivalent(to:)` is the comparison of RFC 3261 §19.1.4, which is not transitive and
/// therefore no `Equatable`.
public struct URI: Hashable, Sendable {
    /// The URI as text, in bytes.
    public let bytes: [UInt8]
    /// Where its parts are.
    public let index: URIIndex

    /// Parses a URI.
    ///
    /// - Throws: `MessageDefect` with code `uri`.
    public init(_ bytes: [UInt8]) throws(MessageDefect) {
        index = try bytes.withUnsafeBufferPointer { (buffer) throws(MessageDefect) in
            guard let base = buffer.baseAddress else { throw MessageDefect(.uri, "The URI is empty") }
            return try URIIndex(base, ByteRange(0, buffer.count))
        }
        self.bytes = bytes
    }

    /// Parses a URI.
    ///
    /// - Throws: `MessageDefect` with code `uri`.
    public init(_ text: String) throws(MessageDefect) { try self.init([UInt8](text.utf8)) }

    /// Makes a SIP URI of its parts; the user is escaped as needed.
    ///
    /// - Throws: `MessageDefect` with code `uri` when the host is none.
    public init(
        scheme: URIIndex.Scheme = .sip, user: String? = nil, host: String, port: UInt16? = nil,
        parameters: [(String, String?)] = []
    ) throws(MessageDefect) {
        var text = scheme == .sips ? "sips:" : "sip:"
        if let user { text += URI.escape(user) + "@" }
        text += host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        if let port { text += ":\(port)" }
        for (name, value) in parameters {
            text += ";" + name
            if let value { text += "=" + URI.escape(value, allowed: .uriParameter) }
        }
        try self.init(text)
    }

    /// Keeps a URI of a message.
    public init(_ view: MessageView, _ range: ByteRange) throws(MessageDefect) {
        try self.init(view.array(range))
    }

    public static func == (a: URI, b: URI) -> Bool { a.bytes == b.bytes }
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    private func text(_ range: ByteRange) -> String {
        String(decoding: bytes[range.lowerBound..<range.upperBound], as: UTF8.self)
    }

    /// The scheme.
    public var scheme: URIIndex.Scheme { index.scheme }
    /// The user with its escapes undone; nil when absent.
    public var user: String? { index.user.isEmpty ? nil : URI.unescape(text(index.user)) }
    /// The user as written, escapes and all.
    public var userBytes: ArraySlice<UInt8> { bytes[index.user.lowerBound..<index.user.upperBound] }
    /// The password with its escapes undone; nil when absent.
    public var password: String? { index.password.isEmpty ? nil : URI.unescape(text(index.password)) }
    /// The host in small letters; an IPv6 address without its brackets. Empty for URIs that have none.
    public var host: String {
        let host = text(index.host).lowercased()
        return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }
    /// The port, nil when none is written.
    public var port: UInt16? { index.hasPort ? index.port : nil }
    /// The transport parameter, nil when there is none.
    public var transport: TransportName? {
        parameter("transport").map { value in
            [UInt8](value.utf8).withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return .other }
                return TransportName(base, ByteRange(0, buffer.count))
            }
        }
    }

    /// The parameters in order, escapes undone; a parameter without "=" has no value.
    public var parameters: [(name: String, value: String?)] {
        URI.split(text(index.parameters).dropFirst(), at: ";")
    }

    /// The headers part in order, escapes undone.
    public var headers: [(name: String, value: String?)] { URI.split(text(index.headers)[...], at: "&") }

    /// The value of a parameter, "" when it has none, nil when it is absent; case is put aside.
    public func parameter(_ name: String) -> String? {
        let name = name.lowercased()
        return parameters.first { $0.name.lowercased() == name }.map { $0.value ?? "" }
    }

    /// The address of record: scheme, user and host in canonical form, nothing else (RFC 3261 §10.3 step 5).
    public var addressOfRecord: String {
        switch scheme {
        case .tel: "tel:" + text(index.user).filter { !"-.()".contains($0) }.lowercased()
        case .other: text(index.whole)
        default:
            (scheme == .sips ? "sips:" : "sip:") + (user.map { URI.escape($0) + "@" } ?? "")
                + canonicalHost
        }
    }

    /// The host in small letters, an IPv6 address as RFC 5952 writes it.
    private var canonicalHost: String {
        let written = text(index.host).lowercased()
        guard written.hasPrefix("["), let address = AddressLiteral(written) else { return written }
        return "[\(address)]"
    }

    private static func split(_ text: Substring, at separator: Character) -> [(name: String, value: String?)] {
        text.split(separator: separator).map { part in
            guard let sign = part.firstIndex(of: "=") else { return (unescape(String(part)), nil) }
            return (unescape(String(part[..<sign])), unescape(String(part[part.index(after: sign)...])))
        }
    }
}

extension URI: CustomStringConvertible {
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

// MARK: Escapes (RFC 3261 §19.1.2)

extension URI {
    /// Escapes what may not stand in a user part as it is.
    public static func escape(_ text: String, allowed: ByteSet = .user) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            if allowed.contains(byte), byte != UInt8(ascii: "%"), byte != UInt8(ascii: "#") {
                out.append(byte)
            } else {
                out += [UInt8(ascii: "%"), hexDigit(byte >> 4), hexDigit(byte & 15)]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }

    /// Undoes escapes; a "%" without two hexadecimal digits stays as it is.
    public static func unescape(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        let bytes = [UInt8](text.utf8)
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count, let high = bytes[i + 1].hexValue,
                let low = bytes[i + 2].hexValue
            {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
