/// Edits to a message, kept apart from it and applied while it is serialised.
///
/// Runs between edits are copied as they came, byte for byte: what a proxy does not touch it does not change
/// (RFC 3261 §16.6). The storage is reused from message to message. Edits at the same place appear in the order in
/// which they were made; edits that overlap an earlier one are refused by a precondition, since that is a fault of the
/// caller and no input can cause it.
public struct MessageEditor: ~Copyable {
    private struct Edit {
        var start: Int
        var end: Int
        var text: ByteRange
    }

    private var edits: [Edit] = []
    private var scratch = ByteWriter(capacity: 1_024)
    private var newBody = false
    private var bodyText = ByteRange.none

    public init() { edits.reserveCapacity(16) }

    /// Forgets all edits and keeps the memory.
    public mutating func removeAll() {
        edits.removeAll(keepingCapacity: true)
        scratch.removeAll()
        newBody = false
        bodyText = .none
    }

    /// Whether nothing is to be changed.
    public var isEmpty: Bool { edits.isEmpty && !newBody }

    /// Replaces a run by what `write` writes.
    public mutating func replace(_ range: ByteRange, with write: (inout ByteWriter) -> Void) {
        let start = scratch.count
        write(&scratch)
        add(Edit(start: range.lowerBound, end: range.upperBound, text: ByteRange(start, scratch.count)))
    }

    /// Replaces a run by bytes.
    public mutating func replace(_ range: ByteRange, with bytes: UnsafeRawBufferPointer) {
        let start = scratch.count
        scratch.append(bytes)
        add(Edit(start: range.lowerBound, end: range.upperBound, text: ByteRange(start, scratch.count)))
    }

    /// Inserts what `write` writes before `offset`.
    public mutating func insert(at offset: Int, _ write: (inout ByteWriter) -> Void) {
        replace(ByteRange(offset, offset), with: write)
    }

    /// Removes a run.
    public mutating func remove(_ range: ByteRange) {
        add(Edit(start: range.lowerBound, end: range.upperBound, text: .none))
    }

    /// Removes a whole header field.
    public mutating func removeField(_ index: Int, of view: MessageView) {
        remove(view.fieldRange(index))
    }

    /// Removes all fields of a name.
    public mutating func removeAll(_ name: HeaderName, of view: MessageView) {
        for i in 0..<view.fieldCount where view.field(i).name == name { removeField(i, of: view) }
    }

    /// Sets a header: replaces the value of the first field of the name, or adds a field behind the others.
    public mutating func set(_ name: HeaderName, of view: MessageView, _ write: (inout ByteWriter) -> Void) {
        if let index = view.firstIndex(of: name) {
            replace(view.field(index).valueRange, with: write)
        } else {
            add(name, of: view, write)
        }
    }

    /// Adds a field behind all others.
    public mutating func add(_ name: HeaderName, of view: MessageView, _ write: (inout ByteWriter) -> Void) {
        insert(at: view.headersEnd) { writer in
            writer.append(name.canonical)
            writer.append(": ")
            write(&writer)
            writer.append("\r\n")
        }
    }

    /// Adds a field before all of the same name, or before all others when there is none: the top of a stack like Via.
    public mutating func push(_ name: HeaderName, of view: MessageView, _ write: (inout ByteWriter) -> Void) {
        let index = view.firstIndex(of: name) ?? 0
        let offset = view.fieldCount > 0 ? view.fieldRange(index).lowerBound : view.headersEnd
        insert(at: offset) { writer in
            writer.append(name.canonical)
            writer.append(": ")
            write(&writer)
            writer.append("\r\n")
        }
    }

    /// Removes the first value of a list header; the field goes when it was its only value.
    public mutating func popFirstValue(_ name: HeaderName, of view: MessageView) {
        var values = view.values(of: name)
        guard let first = values.next() else { return }
        let field = values.fieldIndex
        if let second = values.next(), values.fieldIndex == field {
            remove(ByteRange(first.lowerBound, second.lowerBound))
        } else {
            removeField(field, of: view)
        }
    }

    /// Replaces the body and corrects Content-Length.
    public mutating func setBody(_ bytes: UnsafeRawBufferPointer, of view: MessageView) {
        let start = scratch.count
        scratch.append(bytes)
        bodyText = ByteRange(start, scratch.count)
        newBody = true
        set(.contentLength, of: view) { $0.append(decimal: bytes.count) }
    }

    private mutating func add(_ edit: Edit) {
        var i = edits.count
        while i > 0, edits[i - 1].start > edit.start { i -= 1 }
        if i > 0 { precondition(edits[i - 1].end <= edit.start, "two edits overlap") }
        if i < edits.count { precondition(edit.end <= edits[i].start, "two edits overlap") }
        edits.insert(edit, at: i)
    }

    /// Writes the edited message.
    ///
    /// Bytes behind the body (of a datagram longer than Content-Length says) and line ends before the start line are
    /// left out only when there are edits; a message without edits is copied whole.
    public borrowing func write(_ view: MessageView, into writer: inout ByteWriter) {
        let end = isEmpty ? view.count : newBody ? view.body.lowerBound : view.body.upperBound
        var at = isEmpty ? 0 : view.startLine.lowerBound
        for edit in edits {
            if edit.start > at { writer.append(view.base + at, edit.start - at) }
            let text = edit.text
            if !text.isEmpty {
                writer.append(UnsafeRawBufferPointer(rebasing: scratch.bytes[text.lowerBound..<text.upperBound]))
            }
            at = max(at, edit.end)
        }
        if end > at { writer.append(view.base + at, end - at) }
        // A head that came without its blank line gets one.
        if !isEmpty, view.body.lowerBound == view.headersEnd { writer.append("\r\n") }
        if newBody, !bodyText.isEmpty {
            writer.append(
                UnsafeRawBufferPointer(rebasing: scratch.bytes[bodyText.lowerBound..<bodyText.upperBound]))
        }
    }
}
