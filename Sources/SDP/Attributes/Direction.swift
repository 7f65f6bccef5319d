/// Which way media flows, as seen by the one who wrote the description. RFC 8866 §6.7, RFC 3264 §5.1.
public enum Direction: String, Hashable, Sendable, CaseIterable {
    /// Both ways; what is meant when nothing is said.
    case sendrecv
    /// The writer only sends.
    case sendonly
    /// The writer only receives.
    case recvonly
    /// Nothing flows; RTCP still does.
    case inactive

    /// The direction with the given two halves.
    public init(sends: Bool, receives: Bool) {
        switch (sends, receives) {
        case (true, true): self = .sendrecv
        case (true, false): self = .sendonly
        case (false, true): self = .recvonly
        case (false, false): self = .inactive
        }
    }

    /// Whether the writer sends.
    public var sends: Bool { self == .sendrecv || self == .sendonly }

    /// Whether the writer receives.
    public var receives: Bool { self == .sendrecv || self == .recvonly }

    /// The same flow as the other side sees it.
    public var reversed: Direction { Direction(sends: receives, receives: sends) }

    /// What both allow, seen from the same side.
    public func intersection(_ other: Direction) -> Direction {
        Direction(sends: sends && other.sends, receives: receives && other.receives)
    }

    /// The attribute.
    public var attribute: Attribute { Attribute(unchecked: ByteString(unchecked: ArraySlice(rawValue.utf8))) }

    /// Reads an attribute; `nil` if it is not one of the four.
    public init?(_ attribute: Attribute) {
        guard attribute.value == nil else { return nil }
        let name = attribute.name.bytes
        // All four have eight letters, and most other attributes have not.
        guard name.count == 8, let found = Direction.allCases.first(where: { name.elementsEqual($0.rawValue.utf8) })
        else { return nil }
        self = found
    }
}
