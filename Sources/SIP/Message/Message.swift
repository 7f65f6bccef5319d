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

    /// Bytes and index in memory that does not move.
    final class Storage: @unchecked Sendable {
        // Unchecked: bytes and index are written before `init` returns and only read afterwards.
        let bytes: UnsafeMutableRawBufferPointer
        let index: MessageIndex

        init(
            copying source: UnsafeRawBufferPointer, limits: MessageLimits, framing: MessageIndex.Framing
        ) throws(MessageDefect) {
            bytes = .allocate(byteCount: max(1, source.count), alignment: 16)
            if let from = source.baseAddress, let to = bytes.baseAddress { memcpy(to, from, source.count) }
            used = source.count
            var parsed = MessageIndex(capacity: 24)
            do throws(MessageDefect) {
                try parsed.parse(
                    UnsafeRawBufferPointer(rebasing: bytes[0..<source.count]), limits: limits, framing: framing)
            } catch {
                bytes.deallocate()
                throw error
            }
            index = parsed
        }

        init(copying view: MessageView) {
            bytes = .allocate(byteCount: max(1, view.count), alignment: 16)
            if let to = bytes.baseAddress { memcpy(to, view.base, view.count) }
            used = view.count
            index = MessageIndex(copying: view)
        }

        let used: Int

        deinit { bytes.deallocate() }
    }

    /// Copies and indexes a message.
    ///
    /// - Throws: `MessageDefect` when the bytes are no SIP message at all; lesser defects are left in `defect`.
    public init(
        _ bytes: UnsafeRawBufferPointer, limits: MessageLimits = MessageLimits(),
        framing: MessageIndex.Framing = .datagram
    ) throws(MessageDefect) {
        storage = try Storage(copying: bytes, limits: limits, framing: framing)
    }

    /// Copies and indexes a message.
    public init(
        _ bytes: [UInt8], limits: MessageLimits = MessageLimits(), framing: MessageIndex.Framing = .datagram
    ) throws(MessageDefect) {
        storage = try bytes.withUnsafeBufferPointer { (buffer) throws(MessageDefect) in
            try Storage(copying: UnsafeRawBufferPointer(buffer), limits: limits, framing: framing)
        }
    }

    /// Copies and indexes a message that is text.
    public init(_ text: String) throws(MessageDefect) { try self.init([UInt8](text.utf8)) }

    /// Keeps the message that is looked at: bytes and index are copied, nothing is parsed again.
    public init(copying view: MessageView) { storage = Storage(copying: view) }

    /// The first thing that was found wrong while indexing.
    public var defect: MessageDefect? { storage.index.defect }

    /// A borrowed look; valid while this message, or a copy of it, lives.
    public var view: MessageView {
        storage.index.view(of: UnsafeRawBufferPointer(rebasing: storage.bytes[0..<storage.used]))
    }

    /// Reads the message through a view that cannot outlive it.
    public func withView<R, E: Error>(_ body: (MessageView) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(storage) {} }
        return try body(view)
    }

    /// The bytes as they came.
    public var bytes: [UInt8] { withView { [UInt8]($0.bytes) } }

    /// Whether the message is a request.
    public var isRequest: Bool { storage.index.startLine.isRequest }

    /// The method of a request.
    public var method: Method { storage.index.startLine.method }

    /// The status of a response.
    public var statusCode: StatusCode { storage.index.startLine.statusCode }

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
