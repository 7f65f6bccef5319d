// Values as text.
extension MessageView {
    /// Looks at a text that is the value of a header, outside of any message: typed headers can be read from it.
    static func looking<R>(
        at text: String, _ body: (MessageView, ByteRange) throws(MessageDefect) -> R
    ) throws(MessageDefect) -> R {
        let bytes = [UInt8](text.utf8)
        return try bytes.withUnsafeBufferPointer { (buffer) throws(MessageDefect) in
            let view = MessageView(
                base: buffer.baseAddress ?? nowhere, count: buffer.count, fields: noFields, fieldCount: 0,
                startLine: StartLine(), headersEnd: 0, body: .none)
            return try body(view, ByteRange(0, buffer.count))
        }
    }

    /// Storage for views without header fields; never read.
    private static var noFields: UnsafePointer<HeaderField> {
        // A non-zero, aligned bit pattern always makes a pointer.
        UnsafePointer(bitPattern: 16)!
    }

    /// The bytes of a field's value; a line end and the white space around it count as one space (RFC 3261 §7.3.1).
    ///
    /// What is no UTF-8 stays as it came.
    public func unfolded(_ field: HeaderField) -> [UInt8] {
        let value = bytes(field.valueRange)
        guard field.isFolded else { return [UInt8](value) }
        var out: [UInt8] = []
        out.reserveCapacity(value.count)
        var i = 0
        while i < value.count {
            let isFold = value[i] == 0x0D || value[i] == 0x0A
            guard isFold else {
                out.append(value[i])
                i += 1
                continue
            }
            while let last = out.last, last == 0x20 || last == 0x09 { out.removeLast() }
            while i < value.count, value[i].isLinearWhitespace { i += 1 }
            out.append(0x20)
        }
        return out
    }

    /// The value of a header that is text for people, such as Subject, User-Agent, Server or Organization, unfolded; nil
    /// when it is absent. Bytes that are no UTF-8 are replaced.
    public func text(of name: HeaderName) -> String? {
        firstIndex(of: name).map { String(decoding: unfolded(fields[$0]), as: UTF8.self) }
    }
}
