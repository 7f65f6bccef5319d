/// An SDES packet (RFC 3550 §6.5): chunks, one per source, each a list of items.
@frozen
public struct SourceDescription: Hashable, Sendable {
    /// Number of chunks, 0 to 31.
    public let chunkCount: Int

    let body: Range<Int>

    init(chunkCount: Int, body: Range<Int>) {
        self.chunkCount = chunkCount
        self.body = body
    }

    /// An item of a source's description.
    @frozen
    public struct Item: Hashable, Sendable {
        /// Type of the canonical end-point identifier (RFC 3550 §6.5.1).
        public static let canonicalName: UInt8 = 1

        /// The source that the item describes.
        public let ssrc: UInt32

        /// Item type, 1 to 255.
        public let type: UInt8

        /// Where its UTF-8 text lies in the datagram.
        public let text: Range<Int>
    }

    /// Reads the items one after the other.
    @frozen
    public struct Items {
        var offset: Int
        let end: Int
        let start: Int
        var chunksLeft: Int
        var ssrc: UInt32?

        /// Whether a chunk did not end as it must; reading stops there.
        public private(set) var isMalformed = false

        init(_ description: SourceDescription) {
            offset = description.body.lowerBound
            start = offset
            end = description.body.upperBound
            chunksLeft = description.chunkCount
        }

        /// The next item; nil at the end. `bytes` is the datagram that was parsed.
        public mutating func next(in bytes: RawSpan) -> Item? {
            guard !isMalformed, end <= bytes.byteCount else { return nil }
            while true {
                guard let source = ssrc else {
                    guard chunksLeft > 0 else { return nil }
                    guard offset + 4 <= end else { return malformed() }
                    ssrc = bytes.word32(at: offset)
                    offset += 4
                    chunksLeft -= 1
                    continue
                }
                guard offset < end else { return malformed() }
                let type = bytes.octet(at: offset)
                if type == 0 {
                    // One or more null octets end the chunk, up to the next boundary of four.
                    offset = start + (offset - start + 4) & ~3
                    ssrc = nil
                    continue
                }
                guard offset + 2 <= end else { return malformed() }
                let length = Int(bytes.octet(at: offset + 1))
                let text = offset + 2..<offset + 2 + length
                guard text.upperBound <= end else { return malformed() }
                offset = text.upperBound
                return Item(ssrc: source, type: type, text: text)
            }
        }

        private mutating func malformed() -> Item? {
            isMalformed = true
            return nil
        }
    }

    /// A reader of the items, at the first.
    public var items: Items { Items(self) }

    /// Where the CNAME of `ssrc` lies in the datagram that was parsed; nil when the packet does not give it.
    public func canonicalName(of ssrc: UInt32, in bytes: RawSpan) -> Range<Int>? {
        var items = items
        while let item = items.next(in: bytes) {
            if item.ssrc == ssrc, item.type == Item.canonicalName { return item.text }
        }
        return nil
    }
}
