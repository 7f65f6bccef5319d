/// The parts of a multipart body (RFC 2046 §5.1, RFC 5621).
public struct Multipart: Sendable {
    /// One part.
    public struct Part: Sendable, Hashable {
        /// The part's header fields, as written, without their line ends.
        public var headers: [(name: String, value: String)]
        /// The content.
        public var body: [UInt8]

        /// The value of a header of the part; case is put aside.
        public subscript(name: String) -> String? {
            let name = name.lowercased()
            return headers.first { $0.name.lowercased() == name }?.value
        }

        public static func == (a: Part, b: Part) -> Bool {
            a.body == b.body && a.headers.elementsEqual(b.headers) { $0.name == $1.name && $0.value == $1.value }
        }

        public func hash(into hasher: inout Hasher) { hasher.combine(body) }
    }

    /// The parts in order.
    public var parts: [Part]

    /// The most parts a body may have.
    public static let maximumPartCount = 64

    /// Takes a body apart.
    ///
    /// - Parameter contentType: the value of Content-Type, whose boundary parameter is used.
    /// - Throws: `MessageDefect` with code `headerValue` when there is no boundary, or the body does not hold it.
    public init(_ body: [UInt8], contentType: String) throws(MessageDefect) {
        guard let boundary = Multipart.boundary(of: contentType) else {
            throw MessageDefect(.headerValue, "A multipart type needs a boundary", header: .contentType)
        }
        let mark = Array("--\(boundary)".utf8)
        parts = []
        guard var at = Multipart.find(mark, in: body, from: 0) else {
            throw MessageDefect(.headerValue, "The body does not hold its boundary", header: .contentType)
        }
        while true {
            at += mark.count
            if body[at...].starts(with: [0x2D, 0x2D]) { return }
            guard let lineEnd = body[at...].firstIndex(of: 0x0A) else { break }
            let start = lineEnd + 1
            guard let next = Multipart.find(mark, in: body, from: start) else { break }
            var end = next
            if end > start, body[end - 1] == 0x0A { end -= 1 }
            if end > start, body[end - 1] == 0x0D { end -= 1 }
            guard parts.count < Multipart.maximumPartCount else {
                throw MessageDefect(.tooLarge, "The body has more parts than allowed", header: .contentType)
            }
            parts.append(Multipart.part(Array(body[start..<end])))
            at = next
        }
        throw MessageDefect(.headerValue, "The closing boundary is missing", header: .contentType)
    }

    /// The boundary parameter of a multipart type.
    static func boundary(of contentType: String) -> String? {
        guard contentType.lowercased().hasPrefix("multipart/") else { return nil }
        let bytes = [UInt8](contentType.utf8)
        guard let first = bytes.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        return bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress,
                let found = Parameters(base, ByteRange(first, buffer.count)).first("boundary"), found.hasValue
            else { return nil }
            let text = String(decoding: buffer[found.value.lowerBound..<found.value.upperBound], as: UTF8.self)
            let boundary = NameAddress.unquote(text)
            return boundary.isEmpty ? nil : boundary
        }
    }

    /// Finds a boundary at the start of a line.
    private static func find(_ mark: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        var at = start
        while at + mark.count <= body.count {
            if at == 0 || body[at - 1] == 0x0A, body[at..<at + mark.count].elementsEqual(mark) { return at }
            guard let next = body[at...].firstIndex(of: 0x0A) else { return nil }
            at = next + 1
        }
        return nil
    }

    private static func part(_ bytes: [UInt8]) -> Part {
        var headers: [(name: String, value: String)] = []
        var at = 0
        while at < bytes.count {
            let lineEnd = bytes[at...].firstIndex(of: 0x0A) ?? bytes.count
            var end = lineEnd
            if end > at, bytes[end - 1] == 0x0D { end -= 1 }
            let next = min(bytes.count, lineEnd + 1)
            if end == at {
                at = next
                break
            }
            let line = bytes[at..<end]
            if let colon = line.firstIndex(of: 0x3A) {
                let name = String(decoding: bytes[at..<colon], as: UTF8.self)
                let value = bytes[(colon + 1)..<end].drop { $0 == 0x20 || $0 == 0x09 }
                headers.append((name, String(decoding: value, as: UTF8.self)))
            } else if let last = headers.indices.last, line.first == 0x20 || line.first == 0x09 {
                headers[last].value += " " + String(decoding: line.drop { $0 == 0x20 || $0 == 0x09 }, as: UTF8.self)
            }
            at = next
        }
        return Part(headers: headers, body: Array(bytes[at...]))
    }
}
