/// The lines of one level of a description: those of the session behind `o=`, or those of a media description behind
/// `m=`, in the order in which they came, known or not.
public struct Section: Hashable, Sendable {
    /// The lines, in order.
    public internal(set) var lines: [Line]

    /// A level without lines.
    public init() {
        lines = []
    }

    init(_ lines: [Line]) {
        self.lines = lines
    }

    func first(_ type: LineType) -> ByteString? {
        lines.first { $0.type == type }?.value
    }

    func values(_ type: LineType) -> [ByteString] {
        lines.lazy.filter { $0.type == type }.map(\.value)
    }

    /// Makes `values` the lines of a type: existing lines are overwritten in place, surplus ones are removed, missing
    /// ones are inserted where RFC 8866 §5 wants them. Equal lines are left alone with their ending.
    mutating func set(_ type: LineType, _ values: [ByteString]) {
        var rest = values[...]
        var kept: [Line] = []
        for line in lines {
            guard line.type == type else {
                kept.append(line)
                continue
            }
            if let value = rest.popFirst() { kept.append(Line(type, value, ending: line.ending)) }
        }
        lines = kept
        for value in rest { insert(Line(type, value, ending: usualEnding)) }
    }

    /// Puts a line behind all that must stand before it; lines without a place of their own do not count.
    mutating func insert(_ line: Line) {
        let rank = line.type.rank ?? .max
        let place = lines.lastIndex { $0.type.rank.map { $0 <= rank } ?? false }.map { $0 + 1 } ?? 0
        lines.insert(line, at: place)
    }

    /// New lines end as the others do, so that a reader that tolerates only one kind is not surprised.
    var usualEnding: LineEnding {
        lines.first?.ending == .lf ? .lf : .crlf
    }
}

/// What the session level and the media level have in common. RFC 8866 §5.
public protocol DescriptionLevel: Sendable {
    /// The lines of the level.
    var section: Section { get set }
}

extension DescriptionLevel {
    /// `i=`: information for people, or the title of the media.
    public var information: ByteString? {
        get { section.first(.information) }
        set { section.set(.information, newValue.map { [$0] } ?? []) }
    }

    /// The `c=` lines of the level. More than one is for layered multicast only.
    public var connections: [Connection] {
        section.values(.connection).compactMap(Connection.init)
    }

    /// The first `c=` line of the level; setting it replaces all.
    public var connection: Connection? {
        get { section.first(.connection).flatMap(Connection.init) }
        set { section.set(.connection, newValue.map { [$0.value] } ?? []) }
    }

    /// The `b=` lines of the level that follow the grammar.
    public var bandwidths: [Bandwidth] {
        get { section.values(.bandwidth).compactMap(Bandwidth.init) }
        set { section.set(.bandwidth, newValue.map(\.value)) }
    }

    /// The attributes of the level, in order.
    public var attributes: [Attribute] {
        get { section.lines.lazy.filter { $0.type == .attribute }.map { Attribute(line: $0.value) } }
        set { section.set(.attribute, newValue.map(\.line)) }
    }

    /// The attributes of a name, in order.
    public func attributes(named name: ByteString) -> [Attribute] {
        section.lines.lazy.filter { $0.isAttribute(name) }.map { Attribute(line: $0.value) }
    }

    /// The first attribute of a name.
    public func attribute(named name: ByteString) -> Attribute? {
        section.lines.first { $0.isAttribute(name) }.map { Attribute(line: $0.value) }
    }

    /// Adds an attribute behind all others.
    public mutating func append(_ attribute: Attribute) {
        section.insert(Line(.attribute, attribute.line, ending: section.usualEnding))
    }

    /// Removes all attributes of a name; other lines are not touched.
    public mutating func removeAttributes(named name: ByteString) {
        section.lines.removeAll { $0.isAttribute(name) }
    }

    /// The direction that this level states; `nil` when it states none.
    public var statedDirection: Direction? {
        section.lines.lazy.filter { $0.type == .attribute }.compactMap { Direction(Attribute(line: $0.value)) }.first
    }

    /// States a direction at this level in place of any other.
    public mutating func setDirection(_ direction: Direction) {
        for other in Direction.allCases { removeAttributes(named: other.attribute.name) }
        append(direction.attribute)
    }
}
