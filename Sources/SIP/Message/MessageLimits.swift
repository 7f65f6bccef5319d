/// What a message may measure; beyond it is an error value, never a trap.
public struct MessageLimits: Sendable, Hashable {
    /// Bytes of a whole message; the default is what a datagram can carry. Over it: 513 (RFC 3261 §21.5.7).
    public var messageSize: Int

    /// Number of header fields; over it: 400.
    public var headerFieldCount: Int

    /// Bytes of one header field with its folds; over it: 400.
    public var headerFieldSize: Int

    /// Bytes of the start line; over it: 414 for a request (RFC 3261 §21.4.12).
    public var startLineSize: Int

    /// Bytes of everything before the body, on a stream, before the end of headers must have come.
    public var headSize: Int

    public init(
        messageSize: Int = 65_535, headerFieldCount: Int = 512, headerFieldSize: Int = 16_384,
        startLineSize: Int = 8_192, headSize: Int = 49_152
    ) {
        self.messageSize = messageSize
        self.headerFieldCount = headerFieldCount
        self.headerFieldSize = headerFieldSize
        self.startLineSize = startLineSize
        self.headSize = headSize
    }
}
