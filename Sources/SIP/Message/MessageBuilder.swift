/// Writes a new message field by field; for user agents, not for the way of a forwarded request.
public struct MessageBuilder: Sendable {
    private var head: [UInt8]
    private var fields: [UInt8] = []
    private var body: [UInt8] = []
    private var hasBodyType = false

    /// Starts a request.
    public init(method: String, uri: URI) {
        head = Array("\(method) ".utf8) + uri.bytes + Array(" SIP/2.0\r\n".utf8)
    }

    /// Starts a request with a known method.
    public init(_ method: Method, uri: URI) {
        self.init(method: String(describing: method.text), uri: uri)
    }

    /// Starts a response to a request: status line, Via, From, To, Call-ID and CSeq are there (RFC 3261 §8.2.6).
    public init(response head: MessageView.ResponseHead, to request: Message) {
        var writer = ByteWriter(capacity: 1_024)
        request.withView { $0.beginResponse(head, into: &writer) }
        self.head = writer.array
    }

    /// Adds a field; line ends in the value become spaces, so that no value can smuggle a field in.
    public mutating func add(_ name: HeaderName, _ value: String) {
        add(name: String(describing: name.canonical), value)
    }

    /// Adds a field by any name.
    public mutating func add(name: String, _ value: String) {
        fields += name.utf8
        fields += [0x3A, 0x20]
        fields += value.utf8.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
        fields += [0x0D, 0x0A]
    }

    /// Adds a field whose value is bytes.
    public mutating func add(_ name: HeaderName, bytes: [UInt8]) {
        fields += String(describing: name.canonical).utf8
        fields += [0x3A, 0x20]
        fields += bytes.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
        fields += [0x0D, 0x0A]
    }

    /// Sets the body and its type.
    public mutating func setBody(_ bytes: [UInt8], type: String) {
        body = bytes
        add(.contentType, type)
    }

    /// The bytes of the message, Content-Length at the end of its header.
    public var bytes: [UInt8] {
        head + fields + Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body
    }

    /// The message, indexed.
    ///
    /// - Throws: `MessageDefect` when a part given to the builder broke the grammar.
    public func message() throws(MessageDefect) -> Message { try Message(bytes) }
}
