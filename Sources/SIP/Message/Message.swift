#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A SIP request or response to keep: the bytes it came in and their index, which never change.
///
/// Copies share the storage. What is read often goes through `view`, which borrows; edits are kept apart in a
/// `MessageEditor` and applied while serialising, so that what was not touched leaves as it came.
public struct Message: Sendable {
    let storage: Storage

    /// Bytes and index in one block of memory that does not move: the header fields, then the bytes.
    final class Storage: @unchecked Sendable {
        // Unchecked: the block is written before `init` returns and only read afterwards.
        private let block: UnsafeMutableRawPointer
        private let fieldCount: Int
        private let byteCount: Int
        let startLine: StartLine
        let defect: MessageDefect?
        private let headersEnd: Int
        private let body: ByteRange

        init(copying view: MessageView) {
            let fieldSize = view.fieldCount * MemoryLayout<HeaderField>.stride
            block = .allocate(byteCount: max(1, fieldSize + view.count), alignment: 16)
            if fieldSize > 0 { memcpy(block, view.fields, fieldSize) }
            if view.count > 0 { memcpy(block + fieldSize, view.base, view.count) }
            fieldCount = view.fieldCount
            byteCount = view.count
            startLine = view.startLine
            defect = view.defect
            headersEnd = view.headersEnd
            body = view.body
        }

        /// Nothing: neither fields nor bytes.
        init() {
            block = .allocate(byteCount: 1, alignment: 16)
            (fieldCount, byteCount, headersEnd) = (0, 0, 0)
            startLine = StartLine()
            defect = nil
            body = .none
        }

        var view: MessageView {
            let fields = block.assumingMemoryBound(to: HeaderField.self)
            let bytes = UnsafeMutableRawPointer(fields + fieldCount).assumingMemoryBound(to: UInt8.self)
            return MessageView(
                base: bytes, count: byteCount, fields: fields, fieldCount: fieldCount, startLine: startLine,
                headersEnd: headersEnd, body: body, defect: defect)
        }

        deinit { block.deallocate() }
    }

    /// No message: what is left in the place of one that is needed no more.
    public static let none = Message(storage: Storage())

    private init(storage: Storage) { self.storage = storage }

    /// Copies and indexes a message.
    ///
    /// - Throws: `MessageDefect` when the bytes are no SIP message at all; lesser defects are left in `defect`.
    public init(
        _ bytes: UnsafeRawBufferPointer, limits: MessageLimits = MessageLimits(),
        framing: MessageIndex.Framing = .datagram
    ) throws(MessageDefect) {
        var index = MessageIndex(capacity: 32)
        try index.parse(bytes, limits: limits, framing: framing)
        storage = Storage(copying: index.view(of: bytes))
    }

    /// Copies and indexes a message.
    ///
    /// - Throws: `MessageDefect` when the bytes are no SIP message at all; lesser defects are left in `defect`.
    public init(
        _ bytes: [UInt8], limits: MessageLimits = MessageLimits(), framing: MessageIndex.Framing = .datagram
    ) throws(MessageDefect) {
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(MessageDefect) in
            try Message(UnsafeRawBufferPointer(buffer), limits: limits, framing: framing)
        }
    }

    /// Copies and indexes a message that is text.
    public init(_ text: String) throws(MessageDefect) { try self.init([UInt8](text.utf8)) }

    /// Keeps the message that is looked at; its index is copied and not made again.
    public init(copying view: MessageView) { storage = Storage(copying: view) }

    /// The first thing that was found wrong while indexing.
    public var defect: MessageDefect? { storage.defect }

    /// A borrowed look; valid while this message, or a copy of it, lives.
    public var view: MessageView { storage.view }

    /// Reads the message through a view that cannot outlive it.
    @discardableResult
    public func withView<R, E: Error>(_ body: (MessageView) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(storage) {} }
        return try body(view)
    }

    /// The bytes as they came.
    public var bytes: [UInt8] { withView { [UInt8]($0.bytes) } }

    /// Whether the message is a request.
    public var isRequest: Bool { storage.startLine.isRequest }

    /// The method of a request.
    public var method: Method { storage.startLine.method }

    /// The status of a response.
    public var statusCode: StatusCode { storage.startLine.statusCode }

    /// The reason phrase of a response.
    public var reasonPhrase: String { withView { $0.text($0.startLine.reasonRange) } }

    /// The value of the first header field of that name, as text.
    public subscript(name: HeaderName) -> String? {
        withView { view in view.value(of: name).map { view.text($0) } }
    }

    /// The value of the first header field of that name, for names that are not registered too; case is put aside.
    public subscript(name: String) -> String? {
        let known = HeaderName(name)
        if known != .other { return self[known] }
        return withView { view in
            for i in 0..<view.fieldCount where view.field(i).name == .other {
                let field = view.field(i)
                var text = name
                let same = text.withUTF8 {
                    equalIgnoringCase(view.bytes(field.nameRange), UnsafeRawBufferPointer($0))
                }
                if same { return view.text(field.valueRange) }
            }
            return nil
        }
    }

    /// All values of a header, lists split at their commas, as text.
    public func values(of name: HeaderName) -> [String] {
        withView { view in view.values(of: name).map { view.text($0) } }
    }

    /// The body.
    public var body: [UInt8] { withView { [UInt8]($0.bytes($0.body)) } }
}

extension Message: CustomStringConvertible {
    /// The message as text, for traces; bytes that are no UTF-8 are replaced.
    public var description: String { withView { String(decoding: $0.bytes, as: UTF8.self) } }
}
