/// A media type, typed in place: the value of Content-Type, or one of Accept (RFC 3261 §20.1, §20.15).
@frozen
public struct MediaTypeIndex: Sendable {
    /// The whole value.
    public var whole = ByteRange.none
    /// The type, such as "application", or "*" in Accept.
    public var type = ByteRange.none
    /// The subtype, such as "sdp", or "*" in Accept.
    public var subtype = ByteRange.none
    /// The parameters from the first ";" on; empty when there are none.
    public var parameters = ByteRange.none
    /// The weight in Accept, in thousandths: 1000 when none is written.
    public var quality = 1_000

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange, _ header: HeaderName) throws(MessageDefect) {
        whole = range
        var cursor = Cursor(base, range)
        type = cursor.take(run: .token)
        guard !type.isEmpty, cursor.skipSeparator(UInt8(ascii: "/")) else { throw Self.malformed(header) }
        subtype = cursor.take(run: .token)
        guard !subtype.isEmpty else { throw Self.malformed(header) }
        parameters = ByteRange(cursor.at, range.upperBound)
        var rest = ParameterCursor(cursor)
        var weight = QualityValue.highest
        try rest.finish(header) { parameter throws(MessageDefect) in
            guard parameter.name.count == 1, ShortToken(base, parameter.name) == ShortToken("q") else { return }
            guard let quality = QualityValue.parse(base, parameter.value) else { throw Self.malformed(header) }
            weight = quality
        }
        quality = weight
    }

    private static func malformed(_ header: HeaderName) -> MessageDefect {
        MessageDefect(.headerValue, "The media type is malformed", header: header)
    }
}

extension MessageView {
    /// The media type of the body, nil when none is stated.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var contentType: MediaTypeIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .contentType) else { return nil }
            return try MediaTypeIndex(base, value, .contentType)
        }
    }

    /// A value of Accept, or of another header that holds media types.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func mediaType(_ range: ByteRange, in header: HeaderName = .accept) throws(MessageDefect) -> MediaTypeIndex {
        try MediaTypeIndex(base, range, header)
    }

    /// Whether a media type is that one; both names are in small letters.
    public func matches(_ found: MediaTypeIndex, _ type: StaticString, _ subtype: StaticString) -> Bool {
        equalIgnoringCase(base, found.type, type) && equalIgnoringCase(base, found.subtype, subtype)
    }

    /// Whether the sender takes bodies of that type, by its Accept (RFC 3261 §20.1); both names are in small letters.
    ///
    /// Without Accept only application/sdp is taken, with an empty one nothing. The most specific range decides; malformed
    /// ranges are passed over.
    public func accepts(_ type: StaticString, _ subtype: StaticString) -> Bool {
        guard firstIndex(of: .accept) != nil else {
            return Self.isSDP(type, subtype)
        }
        var precision = 0
        var quality = 0
        for value in values(of: .accept) {
            guard let range = try? MediaTypeIndex(base, value, .accept) else { continue }
            let found = precisionOfMatch(range, type, subtype)
            if found > precision || found == precision && found > 0 && range.quality > quality {
                precision = found
                quality = range.quality
            }
        }
        return quality > 0
    }

    private static func isSDP(_ type: StaticString, _ subtype: StaticString) -> Bool {
        equalIgnoringCase(type.utf8Start, ByteRange(0, type.utf8CodeUnitCount), "application")
            && equalIgnoringCase(subtype.utf8Start, ByteRange(0, subtype.utf8CodeUnitCount), "sdp")
    }

    /// 3 for the type itself, 2 for `type/*`, 1 for `*/*`, 0 for another.
    private func precisionOfMatch(_ range: MediaTypeIndex, _ type: StaticString, _ subtype: StaticString) -> Int {
        if matches(range, type, subtype) { return 3 }
        guard equalIgnoringCase(base, range.subtype, "*") else { return 0 }
        if equalIgnoringCase(base, range.type, type) { return 2 }
        return equalIgnoringCase(base, range.type, "*") ? 1 : 0
    }
}
