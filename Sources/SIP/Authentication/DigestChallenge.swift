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
        guard try scanner.scheme().matches("Digest", in: value) else { return nil }
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
            guard isEnd || field[end] == UInt8(ascii: ",") || AuthParameterScanner.isWhitespace(field[end]) else {
                continue
            }
            for quality in DigestQuality.allCases where ByteRange(start, end).matches(quality.name, in: field) {
                known.insert(quality)
            }
            start = end + 1
        }
        return known
    }

    /// Appends the header field value.
    public func write(to bytes: inout [UInt8]) {
        DigestWriter.append("Digest realm=", to: &bytes)
        DigestWriter.appendQuoted(realm, to: &bytes)
        if let qualities {
            DigestWriter.append(",qop=\"", to: &bytes)
            var isFirst = true
            for quality in DigestQuality.allCases where qualities.contains(quality) {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                DigestWriter.append(quality.name, to: &bytes)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        if let algorithm {
            DigestWriter.append(",algorithm=", to: &bytes)
            DigestWriter.append(algorithm.name, to: &bytes)
        }
        DigestWriter.append(",nonce=", to: &bytes)
        DigestWriter.appendQuoted(nonce, to: &bytes)
        if let opaque {
            DigestWriter.append(",opaque=", to: &bytes)
            DigestWriter.appendQuoted(opaque, to: &bytes)
        }
        if acceptsUserhash { DigestWriter.append(",userhash=true", to: &bytes) }
        if isStale { DigestWriter.append(",stale=true", to: &bytes) }
    }
}

/// Writes the parts of authentication header field values.
enum DigestWriter {
    static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a quoted string, with a backslash before what needs one (RFC 3261 §25.1). Line ends, which it cannot hold, are
    /// left out.
    static func appendQuoted(_ value: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in value where byte != 0x0D && byte != 0x0A {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
