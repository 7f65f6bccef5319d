/// One header field in the index of a message: where its name and its value are.
@frozen
public struct HeaderField: Sendable {
    @usableFromInline var nameStart: UInt32
    @usableFromInline var valueStart: UInt32
    @usableFromInline var valueCount: UInt32
    @usableFromInline var nameCount: UInt16
    /// The registered name, or `other`.
    public var name: HeaderName
    /// Whether the value goes on over folded lines (RFC 3261 §7.3.1).
    public var isFolded: Bool

    /// The name as it was written.
    @inlinable public var nameRange: ByteRange { ByteRange(start: Int(nameStart), count: Int(nameCount)) }

    /// The value without the white space around it.
    @inlinable public var valueRange: ByteRange { ByteRange(start: Int(valueStart), count: Int(valueCount)) }
}

/// The first line of a message, indexed.
@frozen
public struct StartLine: Sendable {
    /// The method of a request; `unknown` for a response, whose `statusCode` is not 0.
    public var method: Method = .unknown
    /// The code of a response; 0 for a request.
    public var statusCode: StatusCode = 0
    /// The method as written; empty for a response.
    public var methodRange = ByteRange.none
    /// The Request-URI; empty for a response.
    public var uriRange = ByteRange.none
    /// The reason phrase of a response; it may be empty.
    public var reasonRange = ByteRange.none
    /// The version as written.
    public var versionRange = ByteRange.none
    /// Whether the version is SIP/2.0.
    public var isVersion2 = false

    /// Whether the message is a request.
    @inlinable public var isRequest: Bool { statusCode == 0 }

    /// Offset of the line's first byte.
    var lowerBound: Int { isRequest ? methodRange.lowerBound : versionRange.lowerBound }
}

/// The flat index of one message: the start line, the header fields, and where the body is.
///
/// The storage is the caller's and is reused from message to message: indexing allocates nothing once it has grown to
/// the largest number of header fields seen.
public struct MessageIndex: ~Copyable {
    var fields: UnsafeMutablePointer<HeaderField>
    var capacity: Int
    /// Number of header fields.
    public internal(set) var count = 0
    /// The first line.
    public internal(set) var startLine = StartLine()
    /// Offset behind the last header field, where the blank line starts.
    public internal(set) var headersEnd = 0
    /// The body: as Content-Length says, or all that is left when there is none.
    public internal(set) var body = ByteRange.none
    /// The first thing found wrong while indexing went on; a request with one is answered, a response is dropped.
    public internal(set) var defect: MessageDefect?

    /// Makes an empty index with room for `capacity` header fields; it grows when needed.
    public init(capacity: Int = 64) {
        self.capacity = max(8, capacity)
        fields = .allocate(capacity: self.capacity)
    }

    deinit { fields.deallocate() }

    mutating func removeAll() {
        count = 0
        startLine = StartLine()
        headersEnd = 0
        body = .none
        defect = nil
    }

    @inline(never)
    mutating func grow() {
        let larger = UnsafeMutablePointer<HeaderField>.allocate(capacity: capacity * 2)
        larger.update(from: fields, count: count)
        fields.deallocate()
        fields = larger
        capacity *= 2
    }

    mutating func note(_ found: MessageDefect) {
        if defect == nil { defect = found }
    }

    /// The view of the message that was indexed; `bytes` must be what was given to `parse`.
    ///
    /// The view borrows: it is valid as long as neither the bytes nor this index change or go away.
    public func view(of bytes: UnsafeRawBufferPointer) -> MessageView {
        MessageView(
            base: bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? MessageView.nowhere,
            count: bytes.count, fields: fields, fieldCount: count, startLine: startLine, headersEnd: headersEnd,
            body: body, defect: defect)
    }
}
