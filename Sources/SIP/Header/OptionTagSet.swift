/// A set of option tags, a bit each (RFC 3261 §19.2).
public struct OptionTagSet: SetAlgebra, Hashable, Sendable {
    private var bits: UInt64 = 0

    public init() {}

    /// The set of those tags.
    public init(_ tags: OptionTag...) {
        for tag in tags { insert(tag) }
    }

    private init(bits: UInt64) { self.bits = bits }

    private static func bit(_ tag: OptionTag) -> UInt64 { 1 &<< UInt64(tag.rawValue & 63) }

    public func contains(_ tag: OptionTag) -> Bool { bits & Self.bit(tag) != 0 }

    @discardableResult
    public mutating func insert(_ tag: OptionTag) -> (inserted: Bool, memberAfterInsert: OptionTag) {
        let isNew = !contains(tag)
        bits |= Self.bit(tag)
        return (isNew, tag)
    }

    @discardableResult
    public mutating func remove(_ tag: OptionTag) -> OptionTag? {
        guard contains(tag) else { return nil }
        bits &= ~Self.bit(tag)
        return tag
    }

    @discardableResult
    public mutating func update(with tag: OptionTag) -> OptionTag? {
        let old = contains(tag) ? tag : nil
        insert(tag)
        return old
    }

    public func union(_ other: OptionTagSet) -> OptionTagSet { OptionTagSet(bits: bits | other.bits) }
    public func intersection(_ other: OptionTagSet) -> OptionTagSet { OptionTagSet(bits: bits & other.bits) }
    public func symmetricDifference(_ other: OptionTagSet) -> OptionTagSet { OptionTagSet(bits: bits ^ other.bits) }
    public mutating func formUnion(_ other: OptionTagSet) { bits |= other.bits }
    public mutating func formIntersection(_ other: OptionTagSet) { bits &= other.bits }
    public mutating func formSymmetricDifference(_ other: OptionTagSet) { bits ^= other.bits }
    public var isEmpty: Bool { bits == 0 }
}

extension OptionTagSet: CustomStringConvertible {
    /// The value of Supported or Require; tags that are not known are left out.
    public var description: String {
        (1...UInt8(OptionTag.count)).map { OptionTag(rawValue: $0) }.filter { contains($0) }
            .map { String(describing: $0.text) }.joined(separator: ", ")
    }
}

extension ByteWriter {
    /// Appends the value of Supported or Require.
    public mutating func append(_ tags: OptionTagSet) {
        var isFirst = true
        for raw in 1...UInt8(OptionTag.count) where tags.contains(OptionTag(rawValue: raw)) {
            if !isFirst { append(", ") }
            append(OptionTag(rawValue: raw).text)
            isFirst = false
        }
    }
}

extension MessageView {
    /// The option tag of a value.
    public func optionTag(_ range: ByteRange) -> OptionTag { OptionTag(base, range) }

    /// The tags in all fields of that name: Supported, Require, Proxy-Require or Unsupported. It contains `unknown` when
    /// some tag is not known.
    public func optionTags(_ name: HeaderName) -> OptionTagSet {
        var tags = OptionTagSet()
        for value in values(of: name) { tags.insert(OptionTag(base, value)) }
        return tags
    }

    /// Writes the Unsupported field of a 420: the tags in Require or Proxy-Require that are not supported, as the sender
    /// wrote them (RFC 3261 §8.2.2.3). Writes nothing and returns false when all are supported.
    @discardableResult
    public func writeUnsupported(
        _ name: HeaderName, supported: OptionTagSet, into writer: inout ByteWriter
    ) -> Bool {
        var isFirst = true
        for value in values(of: name) {
            let tag = OptionTag(base, value)
            if tag != .unknown, supported.contains(tag) { continue }
            if isFirst { writer.append("Unsupported: ") } else { writer.append(", ") }
            writer.append(bytes(value))
            isFirst = false
        }
        if !isFirst { writer.append("\r\n") }
        return !isFirst
    }
}
