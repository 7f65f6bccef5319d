/// The value of Session-Expires, typed in place (RFC 4028 §4).
@frozen
public struct SessionExpiresIndex: Sendable {
    /// Who sends the refreshes: the client or the server of the transaction that the header stands in.
    @frozen
    public enum Refresher: UInt8, Hashable, Sendable {
        case uac, uas

        /// The other one.
        public var other: Refresher { self == .uac ? .uas : .uac }
    }

    /// The session interval; greater values than 2**32-1 count as that.
    public var seconds: UInt32
    /// Who refreshes; nil when nothing is said, or nothing that is known.
    public var refresher: Refresher?

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        guard let number = cursor.takeSaturatingNumber(maximum: UInt64(UInt32.max)) else {
            throw MessageDefect(.headerValue, "Session-Expires is no number of seconds", header: .sessionExpires)
        }
        seconds = UInt32(truncatingIfNeeded: number)
        var found: Refresher?
        var rest = ParameterCursor(cursor)
        try rest.finish(.sessionExpires) { parameter throws(MessageDefect) in
            guard equalIgnoringCase(base, parameter.name, "refresher") else { return }
            if equalIgnoringCase(base, parameter.value, "uac") { found = .uac }
            if equalIgnoringCase(base, parameter.value, "uas") { found = .uas }
        }
        refresher = found
    }
}

extension MessageView {
    /// Session-Expires, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var sessionExpires: SessionExpiresIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .sessionExpires) else { return nil }
            return try SessionExpiresIndex(base, value)
        }
    }

    /// Min-SE in seconds, nil when it is not there (RFC 4028 §5).
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var minimumSessionExpires: UInt32? {
        get throws(MessageDefect) {
            guard let value = value(of: .minSE) else { return nil }
            // Both headers have the same form: seconds, and parameters that nobody has defined for this one.
            return try SessionExpiresIndex(base, value).seconds
        }
    }
}
