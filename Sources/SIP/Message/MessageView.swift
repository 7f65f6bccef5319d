/// A borrowed look at an indexed message: bytes and index, neither owned.
///
/// It is a handful of pointers without references, made for the way of a request on a lane; it is valid as long as the
/// memory it was made from stays as it was. `Message` is the owner to keep.
public struct MessageView {
    /// The first byte of the message.
    public let base: UnsafePointer<UInt8>
    /// Bytes in the message.
    public let count: Int
    let fields: UnsafePointer<HeaderField>
    /// Number of header fields.
    public let fieldCount: Int
    /// The first line.
    public let startLine: StartLine
    /// Offset behind the last header field, where the blank line starts.
    public let headersEnd: Int
    /// Where the body is.
    public let body: ByteRange
    /// The first thing that was found wrong while indexing.
    public let defect: MessageDefect?

    /// An address for empty messages; never read.
    static var nowhere: UnsafePointer<UInt8> {
        // A non-zero bit pattern always makes a pointer.
        UnsafePointer(bitPattern: 1)!
    }

    init(
        base: UnsafePointer<UInt8>, count: Int, fields: UnsafePointer<HeaderField>, fieldCount: Int,
        startLine: StartLine, headersEnd: Int, body: ByteRange, defect: MessageDefect? = nil
    ) {
        self.base = base
        self.count = count
        self.fields = fields
        self.fieldCount = fieldCount
        self.startLine = startLine
        self.headersEnd = headersEnd
        self.body = body
        self.defect = defect
    }

    /// All bytes.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// The bytes of a run.
    @inline(__always)
    public func bytes(_ range: ByteRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + range.lowerBound, count: Int(range.count))
    }

    /// A copy of a run.
    public func array(_ range: ByteRange) -> [UInt8] { [UInt8](bytes(range)) }

    /// A run as text; bytes that are no UTF-8 are replaced.
    public func text(_ range: ByteRange) -> String { String(decoding: bytes(range), as: UTF8.self) }

    /// Whether the message is a request.
    public var isRequest: Bool { startLine.isRequest }

    /// The method of the request (`unknown` for a response).
    public var method: Method { startLine.method }

    /// The status of the response.
    public var statusCode: StatusCode { startLine.statusCode }

    /// The field at `index`, counted from 0 in the order of the message.
    public func field(_ index: Int) -> HeaderField {
        precondition(index < fieldCount, "there is no such header field")
        return fields[index]
    }

    /// The index of the first field of that name at or behind `start`.
    @inline(__always)
    public func firstIndex(of name: HeaderName, from start: Int = 0) -> Int? {
        var i = start
        while i < fieldCount {
            if fields[i].name == name { return i }
            i &+= 1
        }
        return nil
    }

    /// The value of the first field of that name.
    @inline(__always)
    public func value(of name: HeaderName) -> ByteRange? {
        firstIndex(of: name).map { fields[$0].valueRange }
    }

    /// How many fields have that name.
    public func fieldCount(of name: HeaderName) -> Int {
        var found = 0
        for i in 0..<fieldCount where fields[i].name == name { found += 1 }
        return found
    }

    /// The whole field with its line end, as needed to remove it or to insert before it.
    public func fieldRange(_ index: Int) -> ByteRange {
        let start = Int(fields[index].nameStart)
        let end = index + 1 < fieldCount ? Int(fields[index + 1].nameStart) : headersEnd
        return ByteRange(start, max(start, end))
    }

    /// Whether a run equals a text, ASCII case put aside; `text` is in small letters.
    public func equals(_ range: ByteRange, ignoringCase text: StaticString) -> Bool {
        equalIgnoringCase(base, range, text)
    }

    /// The values of all fields of that name, in order, split at commas when the name is that of a list.
    @inline(__always)
    public func values(of name: HeaderName) -> HeaderValues { HeaderValues(self, name) }

    /// Whether a list header (Require, Supported, Allow …) has the token; case is put aside.
    public func list(_ name: HeaderName, contains token: StaticString) -> Bool {
        var values = values(of: name)
        while let value = values.next() {
            if equalIgnoringCase(base, value, token) { return true }
        }
        return false
    }
}

/// Walks over the values of a header, split at the commas that stand outside of quotes and angle brackets
/// (RFC 3261 §7.3.1).
public struct HeaderValues: IteratorProtocol, Sequence {
    private let view: MessageView
    private let name: HeaderName
    private let isList: Bool
    private var field = 0
    private var rest: ValueSplitter

    @inline(__always)
    init(_ view: MessageView, _ name: HeaderName) {
        self.view = view
        self.name = name
        isList = name.isList
        rest = ValueSplitter(view.base, .none)
    }

    /// The index of the field that the last value came from.
    public var fieldIndex: Int { field - 1 }

    /// The next value without the white space around it; empty ones are skipped.
    public mutating func next() -> ByteRange? {
        while true {
            while let value = rest.next() {
                if !value.isEmpty { return value }
            }
            guard let found = view.firstIndex(of: name, from: field) else { return nil }
            field = found + 1
            let value = view.fields[found].valueRange
            if !isList { return value }
            rest = ValueSplitter(view.base, value)
        }
    }
}
