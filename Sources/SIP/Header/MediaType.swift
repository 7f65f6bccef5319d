/// A media type to keep or to build (RFC 3261 §20.15, RFC 2045 §5.1).
///
/// Equality looks at type and subtype, whatever their case, and at the parameters, whose names' case is put aside.
public struct MediaType: Hashable, Sendable {
    /// The type in small letters.
    public let type: String
    /// The subtype in small letters.
    public let subtype: String
    /// The parameters in order, names in small letters, values without quotes.
    public var parameters: [Parameter]

    /// One parameter.
    public struct Parameter: Hashable, Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name.lowercased()
            self.value = value
        }
    }

    public init(_ type: String, _ subtype: String, parameters: [Parameter] = []) {
        self.type = type.lowercased()
        self.subtype = subtype.lowercased()
        self.parameters = parameters
    }

    /// Keeps a media type of a message.
    public init(_ view: MessageView, _ index: MediaTypeIndex) {
        self.init(view.text(index.type), view.text(index.subtype))
        parameters = view.parameters(index.parameters).map {
            Parameter(view.text($0.name), NameAddress.unquote(view.text($0.value)))
        }
    }

    /// Parses a media type.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public init(_ text: String) throws(MessageDefect) {
        self = try MessageView.looking(at: text) { (view, range) throws(MessageDefect) in
            MediaType(view, try view.mediaType(range, in: .contentType))
        }
    }

    /// The value of a parameter; case is put aside.
    public subscript(name: String) -> String? {
        let name = name.lowercased()
        return parameters.first { $0.name == name }?.value
    }

    /// Whether type and subtype are the same, parameters put aside.
    public func isSameKind(as other: MediaType) -> Bool { type == other.type && subtype == other.subtype }

    /// `application/sdp` (RFC 8866).
    public static var sdp: MediaType { MediaType("application", "sdp") }
    /// `text/plain`.
    public static var plainText: MediaType { MediaType("text", "plain") }
    /// `message/sipfrag` (RFC 3420).
    public static var sipfrag: MediaType { MediaType("message", "sipfrag") }
    /// `application/dtmf-relay`, digits in INFO.
    public static var dtmfRelay: MediaType { MediaType("application", "dtmf-relay") }
}

extension MediaType: CustomStringConvertible {
    /// The value on the wire; parameter values that are no tokens are quoted.
    public var description: String {
        parameters.reduce("\(type)/\(subtype)") { text, parameter in
            let isToken = !parameter.value.isEmpty && parameter.value.utf8.allSatisfy { ByteSet.token.contains($0) }
            return text + ";\(parameter.name)=" + (isToken ? parameter.value : NameAddress.quote(parameter.value))
        }
    }
}
