/// A run of bytes inside a message: an offset and a length, both in bytes.
///
/// All indexes of a message are made of these, so that they stay valid when the message is copied or moved, take no
/// reference and allocate nothing.
@frozen
public struct ByteRange: Hashable, Sendable {
    /// Offset of the first byte from the start of the message.
    public var start: UInt32

    /// Length in bytes; zero is an empty (or absent) run.
    public var count: UInt32

    /// Makes a run of `count` bytes at `start`.
    @inlinable
    public init(start: Int, count: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.count = UInt32(truncatingIfNeeded: count)
    }

    /// Makes a run from the half-open interval `[start, end)`.
    @inlinable
    public init(_ start: Int, _ end: Int) {
        self.init(start: start, count: end - start)
    }

    /// The empty run at the start of the message; stands for "absent" where a member is optional in the grammar.
    @inlinable
    public static var none: ByteRange { ByteRange(start: 0, count: 0) }

    /// Offset of the first byte.
    @inlinable
    public var lowerBound: Int { Int(start) }

    /// Offset behind the last byte.
    @inlinable
    public var upperBound: Int { Int(start) + Int(count) }

    /// Whether there is no byte in the run.
    @inlinable
    public var isEmpty: Bool { count == 0 }
}
