/// A BYE packet (RFC 3550 §6.6): sources that leave, and perhaps why.
@frozen
public struct Goodbye: Hashable, Sendable {
    /// Number of sources, 0 to 31.
    public let sourceCount: Int

    /// Where the reason lies in the datagram, UTF-8; nil when none is given.
    public let reason: Range<Int>?

    let offset: Int

    init(sourceCount: Int, reason: Range<Int>?, offset: Int) {
        self.sourceCount = sourceCount
        self.reason = reason
        self.offset = offset
    }

    /// The source at `index` of the datagram that was parsed; nil when there is none.
    public func source(at index: Int, in bytes: RawSpan) -> UInt32? {
        guard index >= 0, index < sourceCount, offset + 4 * index + 4 <= bytes.byteCount else { return nil }
        return bytes.word32(at: offset + 4 * index)
    }

    /// Whether `ssrc` is among the sources that leave.
    public func names(_ ssrc: UInt32, in bytes: RawSpan) -> Bool {
        for index in 0..<sourceCount where source(at: index, in: bytes) == ssrc { return true }
        return false
    }
}
