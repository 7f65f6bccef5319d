public import SIP

/// What a message says beyond what its dialog and its transaction make it say: further header fields, and a body.
public struct MessageContent: Sendable, Hashable {
    /// A header field.
    public struct Field: Sendable, Hashable {
        /// The name as it is written.
        public var name: String
        /// The value; line ends in it become spaces, so that no value can smuggle a field in.
        public var value: String

        /// A field.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        /// A field with a registered name.
        public init(_ name: HeaderName, _ value: String) {
            self.init(String(describing: name.canonical), value)
        }
    }

    /// Further header fields, in order.
    public var fields: [Field]
    /// The media type of the body, such as `text/plain`; nil when there is none.
    public var type: String?
    /// The body.
    public var body: [UInt8]

    /// Content with a body of bytes.
    public init(_ fields: [Field] = [], type: String? = nil, body: [UInt8] = []) {
        self.fields = fields
        self.type = type
        self.body = body
    }

    /// Content with a body of text.
    public init(_ fields: [Field] = [], type: String, text: String) {
        self.init(fields, type: type, body: Array(text.utf8))
    }

    /// A session description.
    static func session(_ description: [UInt8]) -> MessageContent {
        MessageContent(type: description.isEmpty ? nil : "application/sdp", body: description)
    }

    /// Writes the fields, those of the body, the blank line and the body: the end of a message.
    func write(into writer: inout ByteWriter) {
        for field in fields {
            writer.append(field.name)
            writer.append(": ")
            writer.append(field.value.utf8.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 })
            writer.append("\r\n")
        }
        if let type, !body.isEmpty {
            writer.append("Content-Type: ")
            writer.append(type)
            writer.append("\r\n")
        }
        writer.append("Content-Length: ")
        writer.append(decimal: body.count)
        writer.append("\r\n\r\n")
        writer.append(body)
    }
}

extension MessageView {
    /// The session description in the body: all of it, or a part of a multipart body (RFC 5621 §3); nil when there is none.
    var sessionDescription: [UInt8]? {
        guard !body.isEmpty else { return nil }
        guard let value = value(of: .contentType), let type = (try? contentType).flatMap({ $0 }) else { return nil }
        if matches(type, "application", "sdp") { return array(body) }
        guard text(type.type).lowercased() == "multipart",
            let parts = try? Multipart(array(body), contentType: text(value)).parts
        else { return nil }
        return parts.first { $0["Content-Type"]?.lowercased().hasPrefix("application/sdp") == true }?.body
    }

    /// Whether the body, if there is one, can be done without or is understood: a session description, or what its sender
    /// calls optional (RFC 3261 §20.11).
    var hasUsableBody: Bool {
        if body.isEmpty || sessionDescription != nil { return true }
        return (try? contentDisposition).flatMap { $0 }?.isRequired == false
    }
}
