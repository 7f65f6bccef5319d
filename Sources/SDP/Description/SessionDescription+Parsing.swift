/// How much of RFC 8866 a description must follow to be read.
public enum ParsingStrictness: Hashable, Sendable {
    /// What is needed to understand a call: `v=0` and `o=` first, lines of the form `<type>=<value>`, and `c=` and `m=`
    /// lines that can be read. Missing `s=` or `t=`, odd order, letters that are not defined, padding and other values
    /// out of grammar are kept as they are.
    case tolerant

    /// The grammar of RFC 8866 §9: order and number of lines, single spaces, no undefined letter, each typed value well
    /// formed, a `c=` line for every media description.
    case strict
}

extension SessionDescription {
    /// Reads a description. Lines may end with CRLF or LF; the last needs no ending.
    ///
    /// - Parameters:
    ///   - bytes: The description, shared by the lines that are made of it.
    ///   - strictness: How much of the grammar is wanted.
    ///   - limits: How large the description may be.
    /// - Throws: The line and the reason for which the bytes are not a session description.
    public init(
        parsing bytes: [UInt8], strictness: ParsingStrictness = .tolerant, limits: DescriptionLimits = .init()
    ) throws(SessionDescriptionError) {
        try SessionDescription.check(size: bytes.count, limits)
        var parser = DescriptionParser(bytes, limits: limits)
        self = try parser.description()
        if strictness == .strict {
            var check = GrammarCheck(self)
            try check.run()
        }
    }

    /// Reads a description from a copy of borrowed memory; see ``init(parsing:strictness:limits:)-[UInt8]``.
    public init(
        parsing bytes: UnsafeRawBufferPointer, strictness: ParsingStrictness = .tolerant,
        limits: DescriptionLimits = .init()
    ) throws(SessionDescriptionError) {
        try SessionDescription.check(size: bytes.count, limits)
        try self.init(parsing: [UInt8](bytes), strictness: strictness, limits: limits)
    }

    /// Reads a description from a copy of borrowed memory; see ``init(parsing:strictness:limits:)-[UInt8]``.
    public init(
        parsing bytes: RawSpan, strictness: ParsingStrictness = .tolerant, limits: DescriptionLimits = .init()
    ) throws(SessionDescriptionError) {
        try SessionDescription.check(size: bytes.byteCount, limits)
        try self.init(parsing: bytes.withUnsafeBytes { [UInt8]($0) }, strictness: strictness, limits: limits)
    }

    /// Refuses what is too large before anything is copied.
    private static func check(size: Int, _ limits: DescriptionLimits) throws(SessionDescriptionError) {
        guard size <= limits.size else {
            throw SessionDescriptionError(
                .limitExceeded, "\(size) bytes, more than the \(limits.size) that are allowed")
        }
    }
}

/// Takes a description apart line by line.
private struct DescriptionParser {
    private let limits: DescriptionLimits
    private var rest: ArraySlice<UInt8>
    private var lineNumber = 0
    private var attributeCount = 0

    init(_ bytes: [UInt8], limits: DescriptionLimits) {
        self.limits = limits
        rest = bytes[...]
    }

    mutating func description() throws(SessionDescriptionError) -> SessionDescription {
        guard !rest.isEmpty else { throw SessionDescriptionError(.empty, "no bytes") }
        let version = try nextLine(as: .version)
        guard version.value.bytes.trimmed.elementsEqual([0x30]) else {
            throw failure(.unsupportedVersion, "version \(version.value) is not 0")
        }
        let originLine = try nextLine(as: .origin)
        guard let origin = Origin(originLine.value) else {
            throw failure(.malformedField, "o= has not its six subfields")
        }
        var description = SessionDescription(versionLine: version, originLine: originLine, origin: origin)
        while !rest.isEmpty {
            if isBlankLine {
                description.trailer = try blankLines()
                break
            }
            try add(nextLine(), to: &description)
        }
        return description
    }

    private mutating func add(_ line: Line, to description: inout SessionDescription) throws(SessionDescriptionError) {
        switch line.type {
        case .version, .origin:
            throw failure(.misplacedLine, "a second \(line.type.letter)= line; one description is allowed")
        case .media:
            attributeCount = 0
            description.media.append(try mediaDescription(line, count: description.media.count))
            return
        case .connection:
            guard Connection(line.value) != nil else {
                throw failure(.malformedField, "c= has no address that can be read")
            }
        case .attribute:
            attributeCount += 1
            guard attributeCount <= limits.attributes else {
                throw failure(.limitExceeded, "more than \(limits.attributes) attributes in a section")
            }
        default: break
        }
        if description.media.isEmpty {
            description.section.lines.append(line)
        } else {
            description.media[description.media.count - 1].section.lines.append(line)
        }
    }

    private func mediaDescription(_ line: Line, count: Int) throws(SessionDescriptionError) -> MediaDescription {
        guard count < limits.mediaDescriptions else {
            throw failure(.limitExceeded, "more than \(limits.mediaDescriptions) media descriptions")
        }
        guard let field = MediaField(line.value) else {
            throw failure(.malformedField, "m= is not <media> <port> <proto> <fmt>")
        }
        guard field.formats.count <= limits.formats else {
            throw failure(.limitExceeded, "more than \(limits.formats) formats")
        }
        return MediaDescription(field, line: line)
    }

    private mutating func nextLine(as type: LineType) throws(SessionDescriptionError) -> Line {
        guard !rest.isEmpty else {
            throw SessionDescriptionError(.missingLine, line: lineNumber + 1, "\(type.letter)= is missing")
        }
        let line = try nextLine()
        guard line.type == type else {
            throw failure(.missingLine, "\(type.letter)= is expected here, not \(line.type.letter)=")
        }
        return line
    }

    private mutating func nextLine() throws(SessionDescriptionError) -> Line {
        let (content, ending) = try nextContent()
        guard content.count >= 2, content[content.startIndex + 1] == .equals, content[content.startIndex].isVisible
        else { throw failure(.malformedLine, "not of the form <type>=<value>") }
        guard content.allSatisfy(ByteString.isAllowed) else {
            throw failure(.malformedLine, "holds a NUL or a lone CR")
        }
        let type = LineType(rawValue: content[content.startIndex])
        return Line(type, ByteString(unchecked: content.dropFirst(2)), ending: ending)
    }

    /// Takes the bytes up to the next line feed or the end.
    private mutating func nextContent() throws(SessionDescriptionError) -> (ArraySlice<UInt8>, LineEnding) {
        lineNumber += 1
        guard lineNumber <= limits.lines else {
            throw failure(.limitExceeded, "more than \(limits.lines) lines")
        }
        guard let end = rest.firstIndex(of: .lf) else {
            defer { rest = [] }
            return (rest, .none)
        }
        defer { rest = rest[(end + 1)...] }
        let hasReturn = end > rest.startIndex && rest[end - 1] == .cr
        return hasReturn ? (rest[..<(end - 1)], .crlf) : (rest[..<end], .lf)
    }

    private var isBlankLine: Bool {
        rest.first == .lf || rest.starts(with: [.cr, .lf])
    }

    /// Empty lines are allowed at the very end only.
    private mutating func blankLines() throws(SessionDescriptionError) -> [LineEnding] {
        var endings: [LineEnding] = []
        while !rest.isEmpty {
            let (content, ending) = try nextContent()
            guard content.isEmpty else { throw failure(.malformedLine, "stands behind an empty line") }
            endings.append(ending)
        }
        return endings
    }

    private func failure(_ code: SessionDescriptionError.Code, _ reason: String) -> SessionDescriptionError {
        SessionDescriptionError(code, line: lineNumber, reason)
    }
}
