/// Checks a description, which was read already, against all of RFC 8866 §9.
struct GrammarCheck {
    private let description: SessionDescription
    private var lineNumber = 0

    init(_ description: SessionDescription) {
        self.description = description
    }

    /// Throws the first departure from the grammar, with its line.
    mutating func run() throws(SessionDescriptionError) {
        try head(description.versionLine, description.versionLine.value == "0")
        try head(description.originLine, isOrigin(description.origin))
        try section(description.section, allowed: GrammarCheck.sessionTypes, isSession: true)
        for type in [LineType.sessionName, .time] where description.section.first(type) == nil {
            throw SessionDescriptionError(.missingLine, "\(type.letter)= is missing")
        }
        for media in description.media {
            try head(media.line, !media.field.formats.isEmpty && media.field.formats.allSatisfy(\.bytes.isToken))
            let mediaLine = lineNumber
            try section(media.section, allowed: GrammarCheck.mediaTypes, isSession: false)
            guard description.connection(of: media) != nil else {
                throw SessionDescriptionError(
                    .missingLine, line: mediaLine, "the media has no c= line, and neither has the session")
            }
        }
        guard description.trailer.isEmpty else {
            throw SessionDescriptionError(.malformedLine, line: lineNumber + 1, "empty line")
        }
    }

    private static let sessionTypes: [LineType] = [
        .sessionName, .information, .uri, .email, .phone, .connection, .bandwidth, .time, .repeatTimes, .zones, .key,
        .attribute,
    ]
    private static let mediaTypes: [LineType] = [.information, .connection, .bandwidth, .key, .attribute]

    /// Lines of which a level has at most one; a media description may have several `c=`.
    private static let singles: [LineType] = [.sessionName, .information, .uri, .connection, .key]

    private mutating func head(_ line: Line, _ isWellFormed: Bool) throws(SessionDescriptionError) {
        lineNumber += 1
        guard isWellFormed, line.value.bytes.isSingleSpaced else { throw malformed(line) }
        try ending(line)
    }

    private mutating func section(
        _ section: Section, allowed: [LineType], isSession: Bool
    ) throws(SessionDescriptionError) {
        var seen: Set<LineType> = []
        var previous: Line?
        for line in section.lines {
            lineNumber += 1
            guard line.type.rank != nil else {
                throw SessionDescriptionError(.unknownLine, line: lineNumber, "\(line.type.letter)= is not defined")
            }
            let isSingle = GrammarCheck.singles.contains(line.type) && (isSession || line.type != .connection)
            let isRepeated = !seen.insert(line.type).inserted && isSingle
            guard allowed.contains(line.type), !isRepeated, follows(line, previous) else {
                throw SessionDescriptionError(
                    .misplacedLine, line: lineNumber, "\(line.type.letter)= must not stand here")
            }
            guard isWellFormed(line) else { throw malformed(line) }
            try ending(line)
            previous = line
        }
    }

    /// The fixed order; `r=` and `z=` belong to a time description.
    private func follows(_ line: Line, _ previous: Line?) -> Bool {
        switch line.type {
        case .repeatTimes: previous?.type == .time || previous?.type == .repeatTimes
        case .zones: previous?.type == .repeatTimes
        default: (previous?.type.rank ?? 0) <= (line.type.rank ?? 0)
        }
    }

    private func isWellFormed(_ line: Line) -> Bool {
        let value = line.value
        switch line.type {
        case .connection: return Connection(value) != nil && value.bytes.isSingleSpaced
        case .bandwidth: return Bandwidth(value) != nil && !value.bytes.contains(where: \.isBlank)
        case .time: return TimeDescription(value) != nil && value.bytes.isSingleSpaced
        case .repeatTimes: return RepeatTimes(value) != nil && value.bytes.isSingleSpaced
        case .zones: return ZoneAdjustment.list(value) != nil && value.bytes.isSingleSpaced
        case .attribute:
            let attribute = Attribute(line: value)
            return attribute.name.bytes.isToken && attribute.value?.isEmpty != true
        default: return !value.isEmpty
        }
    }

    private func isOrigin(_ origin: Origin) -> Bool {
        origin.sessionID.bytes.allSatisfy(\.isDigit) && origin.sessionVersion.bytes.allSatisfy(\.isDigit)
    }

    private func malformed(_ line: Line) -> SessionDescriptionError {
        SessionDescriptionError(
            .malformedField, line: lineNumber, "the value of \(line.type.letter)= does not follow its grammar")
    }

    /// CRLF is the grammar's, LF is to be tolerated; only an ending that is missing is an error.
    private func ending(_ line: Line) throws(SessionDescriptionError) {
        guard line.ending == .none else { return }
        throw SessionDescriptionError(.malformedLine, line: lineNumber, "the last line has no end")
    }
}

extension LineType {
    /// The letter for messages.
    var letter: Character { Character(UnicodeScalar(rawValue)) }
}
