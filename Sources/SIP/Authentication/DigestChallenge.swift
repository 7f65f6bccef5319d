/// The value of a WWW-Authenticate or Proxy-Authenticate header field with the Digest scheme (RFC 7616 §3.3, RFC 8760 §2.7).
public struct DigestChallenge: Hashable, Sendable {
    /// The realm: which username and password are asked for, as bytes of UTF-8.
    public var realm: [UInt8]
    /// The nonce, opaque to the client.
    public var nonce: [UInt8]
    /// What the client returns unchanged, if given.
    public var opaque: [UInt8]?
    /// The algorithm: MD5 if the parameter is absent, nil if it is not known.
    public var algorithm: DigestAlgorithm?
    /// The qualities of protection that the server knows and this client too; nil if the parameter is absent, as with RFC 2069
    /// servers.
    public var qualities: Set<DigestQuality>?
    /// Whether the last credentials failed only because of their nonce.
    public var isStale: Bool
    /// Whether the server takes the username as a hash (RFC 7616 §3.4.4).
    public var acceptsUserhash: Bool

    /// A challenge of the kind that servers send today.
    public init(
        realm: [UInt8], nonce: [UInt8], algorithm: DigestAlgorithm?, qualities: Set<DigestQuality>? = [.auth],
        opaque: [UInt8]? = nil, isStale: Bool = false, acceptsUserhash: Bool = false
    ) {
        self.realm = realm
        self.nonce = nonce
        self.algorithm = algorithm
        self.qualities = qualities
        self.opaque = opaque
        self.isStale = isStale
        self.acceptsUserhash = acceptsUserhash
    }

    /// Reads a header field value.
    ///
    /// - Returns: nil if the scheme is not Digest.
    /// - Throws: ``DigestSyntaxError`` if the value cannot be read, a known parameter comes twice, or realm or nonce is
    ///   missing.
    public static func parse(_ value: UnsafeRawBufferPointer) throws(DigestSyntaxError) -> DigestChallenge? {
        var scanner = try AuthParameterScanner(value)
        guard try scanner.scheme().matches("digest", in: value) else { return nil }
        var values = [AuthParameterValue](repeating: .absent, count: Self.names.count)
        while let parameter = try scanner.next() {
            guard let index = Self.names.firstIndex(where: { parameter.name.matches($0, in: value) }) else { continue }
            guard !values[index].isPresent else {
                throw DigestSyntaxError(.duplicate, at: parameter.name.lowerBound)
            }
            values[index] = parameter.value
        }
        guard values[0].isPresent, values[1].isPresent else { throw DigestSyntaxError(.missing, at: value.count) }
        return DigestChallenge(
            realm: values[0].unquoted(in: value), nonce: values[1].unquoted(in: value),
            algorithm: values[3].isPresent ? DigestAlgorithm(named: values[3], in: value) : .md5,
            qualities: values[4].isPresent ? qualities(values[4], in: value) : nil,
            opaque: values[2].isPresent ? values[2].unquoted(in: value) : nil,
            isStale: values[5].matches("true", in: value), acceptsUserhash: values[6].matches("true", in: value))
    }

    private static let names: [StaticString] = ["realm", "nonce", "opaque", "algorithm", "qop", "stale", "userhash"]

    /// The known ones of a list like `auth, auth-int`.
    private static func qualities(
        _ value: AuthParameterValue, in field: UnsafeRawBufferPointer
    ) -> Set<DigestQuality> {
        var known: Set<DigestQuality> = []
        var start = value.range.lowerBound
        for end in start...value.range.upperBound {
            let isEnd = end == value.range.upperBound
            guard isEnd || field[end] == UInt8(ascii: ",") || field[end].isLinearWhitespace else {
                continue
            }
            for quality in DigestQuality.allCases where ByteRange(start, end).matches(quality.name, in: field) {
                known.insert(quality)
            }
            start = end + 1
        }
        return known
    }

    /// Writes the header field value.
    public func write(into writer: inout ByteWriter) {
        writer.append("Digest realm=")
        writer.appendQuoted(realm)
        if let qualities {
            writer.append(",qop=\"")
            var isFirst = true
            for quality in DigestQuality.allCases where qualities.contains(quality) {
                if !isFirst { writer.append(",") }
                isFirst = false
                writer.append(quality.name)
            }
            writer.append("\"")
        }
        if let algorithm {
            writer.append(",algorithm=")
            writer.append(algorithm.name)
        }
        writer.append(",nonce=")
        writer.appendQuoted(nonce)
        if let opaque {
            writer.append(",opaque=")
            writer.appendQuoted(opaque)
        }
        if acceptsUserhash { writer.append(",userhash=true") }
        if isStale { writer.append(",stale=true") }
    }
}

extension ByteWriter {
    /// Appends a quoted string, with a backslash before what needs one (RFC 3261 §25.1). Line ends, which it cannot hold, are
    /// left out.
    mutating func appendQuoted(_ value: [UInt8]) {
        append(UInt8(ascii: "\""))
        for byte in value where byte != 0x0D && byte != 0x0A {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }
}
