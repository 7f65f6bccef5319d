/// Cuts the bytes of a stream into frames; one for each connection, supplied by the protocol above.
///
/// A framer keeps what it needs of an unfinished frame and bounds it: what it holds is the memory that a stranger can make us spend.
public protocol StreamFramer {
    /// Takes bytes that have come.
    mutating func append(_ bytes: UnsafeRawBufferPointer)

    /// The next whole frame, nil when more bytes are needed for it. Throws when the stream makes no sense any more; it is not asked
    /// again then.
    mutating func next() throws(StreamFramingError) -> [UInt8]?

    /// Whether it holds the beginning of a frame. A peer that does not finish one in time is cut off.
    var holdsPartialFrame: Bool { get }
}

/// Gives the bytes of a stream as they come: for streams that are passed on, not read.
public struct UnparsedFramer: StreamFramer {
    private var bytes: [UInt8] = []

    /// A framer at any place of a stream.
    public init() {}

    public mutating func append(_ bytes: UnsafeRawBufferPointer) { self.bytes += bytes }

    public mutating func next() -> [UInt8]? {
        guard !bytes.isEmpty else { return nil }
        defer { bytes = [] }
        return bytes
    }

    public var holdsPartialFrame: Bool { false }
}

/// Why a stream could not be cut into frames.
public struct StreamFramingError: Error, Hashable, Sendable {
    /// What is wrong, for a person.
    public let reason: String

    /// What the protocol above calls the error, such as a status to answer; 0 when it has no number.
    public let code: Int

    /// The beginning of the frame that could not be read, so that it can be answered.
    public let beginning: [UInt8]

    /// An error with its reason, and what there is of the frame.
    public init(_ reason: String, code: Int = 0, beginning: [UInt8] = []) {
        self.reason = reason
        self.code = code
        self.beginning = beginning
    }
}
