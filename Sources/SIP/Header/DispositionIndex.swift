/// The value of Content-Disposition, typed in place: what a body is for (RFC 3261 §20.11).
@frozen
public struct DispositionIndex: Sendable {
    /// What is to be done with a body.
    @frozen
    public enum Kind: UInt8, Sendable, CaseIterable {
        case render, session, icon, alert
        /// A session before the call (RFC 3959).
        case earlySession
        /// Recipients of a request (RFC 5363).
        case recipientList
        /// A referred-by token (RFC 3892).
        case aib
        /// The package of an INFO (RFC 6086).
        case infoPackage
        case other
    }

    /// The type, `other` when it is not known.
    public var kind: Kind
    /// The type as written; empty when it is the default of a missing field.
    public var type: ByteRange
    /// Whether a body that is not understood must be refused; so it is unless `handling=optional` is written.
    public var isRequired: Bool
    /// The parameters from the first ";" on.
    public var parameters: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        type = cursor.take(run: .token)
        guard !type.isEmpty else {
            throw MessageDefect(.headerValue, "The disposition has no type", header: .contentDisposition)
        }
        kind = Kind(base, type)
        isRequired = true
        parameters = ByteRange(cursor.at, range.upperBound)
        var rest = ParameterCursor(cursor)
        var isOptional = false
        try rest.finish(.contentDisposition) { parameter throws(MessageDefect) in
            if ShortToken(base, parameter.name) == ShortToken("handling") {
                isOptional = equalIgnoringCase(base, parameter.value, "optional")
            }
        }
        isRequired = !isOptional
    }

    /// The disposition of a body whose message states none.
    init(default kind: Kind) {
        self.kind = kind
        type = .none
        isRequired = true
        parameters = .none
    }
}

extension DispositionIndex.Kind {
    /// The type on the wire; empty for `other`.
    public var text: StaticString {
        switch self {
        case .render: "render"
        case .session: "session"
        case .icon: "icon"
        case .alert: "alert"
        case .earlySession: "early-session"
        case .recipientList: "recipient-list"
        case .aib: "aib"
        case .infoPackage: "info-package"
        case .other: ""
        }
    }

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self = Self.allCases.first { $0 != .other && equalIgnoringCase(base, range, $0.text) } ?? .other
    }
}

extension MessageView {
    /// What the body is for: as Content-Disposition says, else `session` for application/sdp and `render` for all other
    /// types.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var contentDisposition: DispositionIndex {
        get throws(MessageDefect) {
            if let value = value(of: .contentDisposition) { return try DispositionIndex(base, value) }
            guard let type = try contentType, matches(type, "application", "sdp") else {
                return DispositionIndex(default: .render)
            }
            return DispositionIndex(default: .session)
        }
    }
}
