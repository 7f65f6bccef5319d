/// A display name, a URI and header parameters, to keep or to build: the value of From, To, Contact, Route and the like
/// (RFC 3261 §20.10).
public struct NameAddress: Hashable, Sendable {
    /// The display name without quotes and escapes; nil when absent.
    public var displayName: String?
    /// The URI.
    public var uri: URI
    /// The header parameters in order; a value keeps its quotes.
    public var parameters: [Parameter]

    /// One parameter.
    public struct Parameter: Hashable, Sendable {
        public var name: String
        public var value: String?

        public init(_ name: String, _ value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    public init(_ uri: URI, displayName: String? = nil, parameters: [Parameter] = []) {
        self.uri = uri
        self.displayName = displayName
        self.parameters = parameters
    }

    /// Keeps an address of a message.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` or `uri`.
    public init(_ view: MessageView, _ range: ByteRange) throws(MessageDefect) {
        let address = try view.address(range)
        guard !address.isWildcard else { throw MessageDefect(.headerValue, "\"*\" is no address here") }
        uri = try URI(view, address.uri)
        displayName = address.displayName.isEmpty ? nil : NameAddress.unquote(view.text(address.displayName))
        parameters = view.parameters(address.parameters).map {
            Parameter(view.text($0.name), $0.hasValue ? view.text($0.value) : nil)
        }
    }

    /// Parses the text of one value.
    public init(_ text: String) throws(MessageDefect) {
        self = try MessageView.looking(at: text) { (view, range) throws(MessageDefect) in
            try NameAddress(view, range)
        }
    }

    /// The tag parameter, or nil.
    public var tag: String? {
        get { self["tag"] }
        set { self["tag"] = newValue }
    }

    /// The value of a parameter, "" when it has none, nil when it is absent; case is put aside.
    public subscript(name: String) -> String? {
        get {
            let name = name.lowercased()
            return parameters.first { $0.name.lowercased() == name }.map { $0.value ?? "" }
        }
        set {
            let small = name.lowercased()
            parameters.removeAll { $0.name.lowercased() == small }
            if let newValue { parameters.append(Parameter(name, newValue.isEmpty ? nil : newValue)) }
        }
    }

    /// Undoes quotes and backslashes of a quoted string; other text is returned as it is.
    ///
    /// Bytes are looked at and not characters, since a quote may make one with the mark behind it.
    public static func unquote(_ text: String) -> String {
        let bytes = text.utf8
        guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") else { return text }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var isEscaped = false
        for byte in bytes.dropFirst().dropLast() {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
            } else {
                out.append(byte)
                isEscaped = false
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Makes a quoted string.
    public static func quote(_ text: String) -> String {
        var out: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { out.append(UInt8(ascii: "\\")) }
            out.append(byte)
        }
        out.append(UInt8(ascii: "\""))
        return String(decoding: out, as: UTF8.self)
    }
}

extension NameAddress: CustomStringConvertible {
    /// The value on the wire; the URI always stands in angle brackets.
    public var description: String {
        var text = displayName.map { NameAddress.quote($0) + " " } ?? ""
        text += "<\(uri)>"
        for parameter in parameters {
            text += ";" + parameter.name
            if let value = parameter.value { text += "=" + value }
        }
        return text
    }
}
