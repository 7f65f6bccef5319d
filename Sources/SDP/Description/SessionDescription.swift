/// A session description. RFC 8866.
///
/// It keeps every line it was parsed from, in order and with its ending: serialising an untouched description gives the
/// bytes that came in, and an edit changes only the lines it names. Known lines are typed when asked for; unknown ones
/// and unknown attributes pass through.
///
/// ```swift
/// var description = try SessionDescription(parsing: body)
/// description.media[0].connection = Connection(relay)
/// description.media[0].port = 40_000
/// send(description.serialised())
/// ```
public struct SessionDescription: Hashable, Sendable, DescriptionLevel {
    /// The `v=` line; its value is 0.
    var versionLine: Line

    /// The `o=` line as it came, or as `origin` was written.
    private(set) var originLine: Line

    /// The `o=` line: who made the description, of which session, in which version.
    public var origin: Origin {
        didSet { originLine = Line(.origin, origin.value, ending: originLine.ending) }
    }

    /// The lines of the session level behind the `o=` line.
    public var section: Section

    /// The media descriptions, in order.
    public var media: [MediaDescription]

    /// Empty lines behind the description, which some senders add; kept as they came.
    var trailer: [LineEnding]

    /// Makes a description with the lines that every description must have: `v=`, `o=`, `s=` and `t=0 0`.
    ///
    /// - Parameter name: The session name; `-` is recommended for calls (RFC 3264 §5) and stands in for an empty one.
    public init(origin: Origin, name: ByteString = "-") {
        versionLine = Line(.version, "0")
        originLine = Line(.origin, origin.value)
        self.origin = origin
        section = Section([
            Line(.sessionName, name.isEmpty ? "-" : name),
            Line(.time, TimeDescription().value),
        ])
        media = []
        trailer = []
    }

    /// Takes parsed lines; `origin` is the value of `originLine`.
    init(versionLine: Line, originLine: Line, origin: Origin) {
        self.versionLine = versionLine
        self.originLine = originLine
        self.origin = origin
        section = Section()
        media = []
        trailer = []
    }

    /// `s=`: name of the session.
    public var name: ByteString? {
        get { section.first(.sessionName) }
        set { section.set(.sessionName, newValue.map { [$0] } ?? []) }
    }

    /// `u=`: address of a description for people.
    public var uri: ByteString? {
        get { section.first(.uri) }
        set { section.set(.uri, newValue.map { [$0] } ?? []) }
    }

    /// `e=`: e-mail addresses of the person responsible.
    public var emails: [ByteString] {
        get { section.values(.email) }
        set { section.set(.email, newValue) }
    }

    /// `p=`: phone numbers of the person responsible.
    public var phones: [ByteString] {
        get { section.values(.phone) }
        set { section.set(.phone, newValue) }
    }

    /// When the session is active: the `t=` lines that follow the grammar, each with its `r=` and `z=` lines.
    public var times: [TimeDescription] {
        var times: [TimeDescription] = []
        for line in section.lines {
            switch line.type {
            case .time:
                if let time = TimeDescription(line.value) { times.append(time) }
            case .repeatTimes where !times.isEmpty:
                if let repetition = RepeatTimes(line.value) { times[times.count - 1].repeats.append(repetition) }
            case .zones where !times.isEmpty:
                times[times.count - 1].zones += ZoneAdjustment.list(line.value) ?? []
            default: break
            }
        }
        return times
    }

    /// Writes the times in place of those that are there.
    public mutating func setTimes(_ times: [TimeDescription]) {
        let ending = section.usualEnding
        let types: [LineType] = [.time, .repeatTimes, .zones]
        section.lines.removeAll { types.contains($0.type) }
        for time in times {
            section.insert(Line(.time, time.value, ending: ending))
            for repetition in time.repeats { section.insert(Line(.repeatTimes, repetition.value, ending: ending)) }
            if !time.zones.isEmpty {
                let text = time.zones.map(\.text).joined(separator: " ")
                section.insert(Line(.zones, ByteString(unchecked: ArraySlice(text.utf8)), ending: ending))
            }
        }
    }

    /// `a=group` of the session level (RFC 5888 §5).
    public var groups: [MediaGroup] {
        attributes(named: .group).compactMap { $0.value.flatMap(MediaGroup.init) }
    }

    /// Where the media of a description is to be sent: its own `c=` line, or that of the session.
    public func connection(of media: MediaDescription) -> Connection? {
        media.connection ?? connection
    }

    /// The direction of a media description: its own, or that of the session, or both ways (RFC 8866 §6.7).
    public func direction(of media: MediaDescription) -> Direction {
        media.statedDirection ?? statedDirection ?? .sendrecv
    }
}
