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
    public static func unquote(_ text: String) -> String {
        guard text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        var out = ""
        var escaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !escaped {
                escaped = true
            } else {
                out.append(character)
                escaped = false
            }
        }
        return out
    }

    /// Makes a quoted string.
    public static func quote(_ text: String) -> String {
        var out = "\""
        for character in text {
            if character == "\"" || character == "\\" { out.append("\\") }
            out.append(character)
        }
        return out + "\""
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
