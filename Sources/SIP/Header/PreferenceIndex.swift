/// A choice and its weight, typed in place: a value of Accept-Encoding or Accept-Language (RFC 3261 §20.2, §20.3).
@frozen
public struct PreferenceIndex: Sendable {
    /// The content coding or language range, or "*".
    public var name: ByteRange
    /// The parameters from the first ";" on.
    public var parameters: ByteRange
    /// The weight in thousandths: 1000 when none is written.
    public var quality: Int

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange, _ header: HeaderName) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        name = cursor.take(run: .token)
        parameters = ByteRange(cursor.at, range.upperBound)
        guard !name.isEmpty else { throw MessageDefect(.headerValue, "There is no token", header: header) }
        var rest = ParameterCursor(cursor)
        var weight = QualityValue.highest
        try rest.finish(header) { parameter throws(MessageDefect) in
            guard parameter.name.count == 1, ShortToken(base, parameter.name) == ShortToken("q") else { return }
            guard let quality = QualityValue.parse(base, parameter.value) else {
                throw MessageDefect(.headerValue, "The weight is not between 0 and 1", header: header)
            }
            weight = quality
        }
        quality = weight
    }
}

extension MessageView {
    /// A value of Accept-Encoding or Accept-Language.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func preference(
        _ range: ByteRange, in header: HeaderName = .acceptLanguage
    ) throws(MessageDefect) -> PreferenceIndex {
        try PreferenceIndex(base, range, header)
    }

    /// Whether the sender takes bodies with that content coding (small letters), by its Accept-Encoding.
    ///
    /// Without the field, or with an empty one, nothing but `identity` is taken (RFC 3261 §20.2); `identity` is taken unless
    /// it is refused by name, or by a "*" of weight 0. Malformed values are passed over.
    public func accepts(encoding: StaticString) -> Bool {
        var isNamed = false
        var isWelcome = false
        var others: Bool?
        for value in values(of: .acceptEncoding) {
            guard let choice = try? PreferenceIndex(base, value, .acceptEncoding) else { continue }
            if equalIgnoringCase(base, choice.name, encoding) {
                isNamed = true
                isWelcome = choice.quality > 0
            } else if equalIgnoringCase(base, choice.name, "*") {
                others = choice.quality > 0
            }
        }
        if isNamed { return isWelcome }
        let isIdentity = equalIgnoringCase(encoding.utf8Start, ByteRange(0, encoding.utf8CodeUnitCount), "identity")
        return others ?? isIdentity
    }
}
