/// The value of an Authorization or Proxy-Authorization header field with the Digest scheme (RFC 7616 §3.4, RFC 8760 §2.7), as
/// places in that value.
///
/// Reading it allocates nothing. The value's bytes must be at hand wherever a part is asked for.
public struct DigestCredentials: Hashable, Sendable {
    /// The `username` parameter.
    public private(set) var username = AuthParameterValue.absent
    /// The `username*` parameter, for names that a quoted string cannot hold.
    public private(set) var extendedUsername = AuthParameterValue.absent
    /// The `realm` parameter.
    public private(set) var realm = AuthParameterValue.absent
    /// The `nonce` parameter; empty before the first challenge.
    public private(set) var nonce = AuthParameterValue.absent
    /// The `uri` parameter.
    public private(set) var uri = AuthParameterValue.absent
    /// The `response` parameter in hexadecimal; empty before the first challenge.
    public private(set) var response = AuthParameterValue.absent
    /// The `cnonce` parameter.
    public private(set) var cnonce = AuthParameterValue.absent
    /// The `opaque` parameter.
    public private(set) var opaque = AuthParameterValue.absent
    /// The `nc` parameter as it stands there, eight hexadecimal digits.
    public private(set) var nonceCountText = AuthParameterValue.absent

    /// The number of the `nc` parameter; zero if it is absent.
    public private(set) var nonceCount: UInt32 = 0
    /// The algorithm: MD5 if the parameter is absent, nil if it is not known.
    public private(set) var algorithm: DigestAlgorithm? = .md5
    /// The quality of protection; nil if the parameter is absent, as with RFC 2069 clients.
    public private(set) var quality: DigestQuality?
    /// Whether the username is a hash (`userhash=true`, RFC 7616 §3.4.4).
    public private(set) var hashesUsername = false

    /// Reads a header field value.
    ///
    /// - Returns: nil if the scheme is not Digest.
    /// - Throws: ``DigestSyntaxError`` if the value cannot be read, a known parameter comes twice, or a required one is
    ///   missing.
    public static func parse(_ value: UnsafeRawBufferPointer) throws(DigestSyntaxError) -> DigestCredentials? {
        var scanner = try AuthParameterScanner(value)
        guard try scanner.scheme().matches("digest", in: value) else { return nil }
        var credentials = DigestCredentials()
        var seen = Seen()
        while let parameter = try scanner.next() {
            try credentials.take(parameter, in: value, &seen)
        }
        try credentials.validate(value)
        return credentials
    }

    private init() {}

    /// Parameters whose presence their value does not show.
    private struct Seen: OptionSet {
        var rawValue: UInt8
        static let algorithm = Seen(rawValue: 1)
        static let quality = Seen(rawValue: 2)
        static let userhash = Seen(rawValue: 4)
    }

    private mutating func take(
        _ parameter: AuthParameterScanner.Parameter, in field: UnsafeRawBufferPointer, _ seen: inout Seen
    ) throws(DigestSyntaxError) {
        let name = parameter.name
        switch name.count {
        case 2 where name.matches("nc", in: field):
            try Self.set(&nonceCountText, parameter)
        case 3 where name.matches("uri", in: field):
            try Self.set(&uri, parameter)
        case 3 where name.matches("qop", in: field):
            try Self.mark(.quality, &seen, parameter)
            if parameter.value.matches("auth", in: field) {
                quality = .auth
            } else if parameter.value.matches("auth-int", in: field) {
                quality = .authInt
            } else {
                throw DigestSyntaxError(.unknownQop, at: parameter.value.range.lowerBound)
            }
        case 5 where name.matches("realm", in: field):
            try Self.set(&realm, parameter)
        case 5 where name.matches("nonce", in: field):
            try Self.set(&nonce, parameter)
        case 6 where name.matches("cnonce", in: field):
            try Self.set(&cnonce, parameter)
        case 6 where name.matches("opaque", in: field):
            try Self.set(&opaque, parameter)
        case 8 where name.matches("username", in: field):
            try Self.set(&username, parameter)
        case 8 where name.matches("response", in: field):
            try Self.set(&response, parameter)
        case 8 where name.matches("userhash", in: field):
            try Self.mark(.userhash, &seen, parameter)
            hashesUsername = parameter.value.matches("true", in: field)
        case 9 where name.matches("username*", in: field):
            try Self.set(&extendedUsername, parameter)
        case 9 where name.matches("algorithm", in: field):
            try Self.mark(.algorithm, &seen, parameter)
            algorithm = DigestAlgorithm(named: parameter.value, in: field)
        default:
            break
        }
    }

    private static func set(
        _ value: inout AuthParameterValue, _ parameter: AuthParameterScanner.Parameter
    ) throws(DigestSyntaxError) {
        guard !value.isPresent else { throw DigestSyntaxError(.duplicate, at: parameter.name.lowerBound) }
        value = parameter.value
    }

    private static func mark(
        _ flag: Seen, _ seen: inout Seen, _ parameter: AuthParameterScanner.Parameter
    ) throws(DigestSyntaxError) {
        guard seen.insert(flag).inserted else {
            throw DigestSyntaxError(.duplicate, at: parameter.name.lowerBound)
        }
    }

    private mutating func validate(_ field: UnsafeRawBufferPointer) throws(DigestSyntaxError) {
        guard !(username.isPresent && extendedUsername.isPresent) else {
            throw DigestSyntaxError(.twoUsernames, at: extendedUsername.range.lowerBound)
        }
        guard username.isPresent || extendedUsername.isPresent, realm.isPresent, nonce.isPresent, uri.isPresent,
            response.isPresent
        else { throw DigestSyntaxError(.missing, at: field.count) }
        if let algorithm, !response.isEmpty {
            let digits = response.raw(in: field)
            var isHexadecimal = digits.count == 2 * algorithm.function.digestSize
            for digit in digits { isHexadecimal = isHexadecimal && ByteSet.hex.contains(digit) }
            guard isHexadecimal else { throw DigestSyntaxError(.badResponse, at: response.range.lowerBound) }
        }
        if quality != nil {
            guard cnonce.isPresent, nonceCountText.isPresent else { throw DigestSyntaxError(.missing, at: field.count) }
            nonceCount = try parseNonceCount(field)
        }
    }

    private func parseNonceCount(_ field: UnsafeRawBufferPointer) throws(DigestSyntaxError) -> UInt32 {
        let digits = nonceCountText.raw(in: field)
        let offset = nonceCountText.range.lowerBound
        guard digits.count == 8 else { throw DigestSyntaxError(.badNonceCount, at: offset) }
        var count: UInt32 = 0
        for digit in digits {
            guard let value = digit.hexValue else { throw DigestSyntaxError(.badNonceCount, at: offset) }
            count = count << 4 | UInt32(value)
        }
        guard count > 0 else { throw DigestSyntaxError(.badNonceCount, at: offset) }
        return count
    }
}

extension DigestCredentials {
    /// The user whom the credentials name, as bytes of `field`; nil when the name has to be decoded first, since it has a domain, a
    /// scheme, or escapes of any kind (``decodedUsername(in:)``, ``DigestUsername``).
    public func plainUser(in field: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard username.isPresent, !username.isEmpty, !username.hasEscapes else { return nil }
        let name = username.raw(in: field)
        for byte in name where byte == UInt8(ascii: "%") || byte == UInt8(ascii: "@") || byte == UInt8(ascii: ":") {
            return nil
        }
        return name
    }

    /// The username as it was hashed into the secret: without quotes, backslashes, or the percent escapes of `username*`
    /// (RFC 7616 §3.4, RFC 8187 §3.2).
    public func decodedUsername(in field: UnsafeRawBufferPointer) throws(DigestSyntaxError) -> [UInt8] {
        guard extendedUsername.isPresent else { return username.unquoted(in: field) }
        let raw = extendedUsername.raw(in: field)
        let error = DigestSyntaxError(.badUsername, at: extendedUsername.range.lowerBound)
        guard let first = raw.firstIndex(of: UInt8(ascii: "'")),
            let second = raw[(first + 1)...].firstIndex(of: UInt8(ascii: "'")),
            ByteRange(0, first).matches("utf-8", in: raw)
        else { throw error }
        var bytes: [UInt8] = []
        var index = second + 1
        while index < raw.count {
            guard raw[index] == UInt8(ascii: "%") else {
                bytes.append(raw[index])
                index += 1
                continue
            }
            guard index + 2 < raw.count, let high = raw[index + 1].hexValue,
                let low = raw[index + 2].hexValue
            else { throw error }
            bytes.append(high << 4 | low)
            index += 3
        }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw error }
        return bytes
    }
}
