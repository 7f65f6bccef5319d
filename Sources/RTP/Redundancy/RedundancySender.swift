/// Writes payloads with redundant data (RFC 2198): each packet holds the payloads of some packets before it once more.
///
/// All memory is taken at the beginning.
public struct RedundancySender: Sendable {
    /// A payload that was sent.
    private struct Slot {
        var payloadType: UInt8 = 0
        var timestamp: UInt32 = 0
        var length = 0
    }

    /// Payloads before its own that a packet may hold.
    public static let maximumDepth = 4

    /// Payloads before its own that each packet holds, 0 to `maximumDepth`. May be changed at any time.
    public var depth: Int {
        didSet { depth = min(max(depth, 0), Self.maximumDepth) }
    }

    private var slots = [Slot](repeating: Slot(), count: Self.maximumDepth)
    private var octets = [UInt8](repeating: 0, count: Self.maximumDepth * RedundantPayload.maximumLength)
    /// Where the next payload is kept, and how many are.
    private var next = 0
    private var count = 0

    /// A sender that has sent nothing yet.
    public init(depth: Int) {
        self.depth = min(max(depth, 0), Self.maximumDepth)
    }

    /// Forgets what was sent: what comes next does not follow on it.
    public mutating func reset() {
        count = 0
    }

    /// Octets that the headers and blocks before the primary one may need, at most.
    public static let maximumOverhead = 1 + maximumDepth * (4 + RedundantPayload.maximumLength)

    /// Writes a payload and keeps it for the next ones. Where the memory is too small for all, older blocks are left out.
    ///
    /// - Parameters:
    ///   - payload: the primary block.
    ///   - payloadType: what it holds.
    ///   - timestamp: of the packet.
    /// - Returns: octets written; 0 when not even the primary block fits, which is kept all the same.
    public mutating func write(
        _ payload: RawSpan, payloadType: UInt8, timestamp: UInt32, into memory: inout MutableRawSpan, at offset: Int
    ) -> Int {
        defer { keep(payload, payloadType: payloadType, timestamp: timestamp) }
        guard offset >= 0, offset + 1 + payload.byteCount <= memory.byteCount else { return 0 }
        let blocks = blocks(before: timestamp, room: memory.byteCount - offset - 1 - payload.byteCount)
        var header = offset
        var body = offset + 4 * blocks + 1
        for age in stride(from: blocks, to: 0, by: -1) {
            let place = place(age)
            let slot = slots[place]
            memory.store(octet: 0x80 | slot.payloadType & 0x7F, at: header)
            let difference = (timestamp &- slot.timestamp) << 10 | UInt32(slot.length)
            memory.store(octet: UInt8(truncatingIfNeeded: difference >> 16), at: header + 1)
            memory.store(word16: UInt16(truncatingIfNeeded: difference), at: header + 2)
            let start = place * RedundantPayload.maximumLength
            memory.store(bytes: octets.span.bytes.extracting(start..<start + slot.length), at: body)
            header += 4
            body += slot.length
        }
        memory.store(octet: payloadType & 0x7F, at: header)
        memory.store(bytes: payload, at: body)
        return body + payload.byteCount - offset
    }

    /// Payloads before the packet that can be written with it: an unbroken run of the newest ones.
    private func blocks(before timestamp: UInt32, room: Int) -> Int {
        var room = room
        var blocks = 0
        while blocks < min(depth, count) {
            let slot = slots[place(blocks + 1)]
            room -= 4 + slot.length
            guard room >= 0, 1...RedundantPayload.maximumOffset ~= timestamp &- slot.timestamp else { break }
            blocks += 1
        }
        return blocks
    }

    /// The slot of the payload that was sent `age` packets ago.
    private func place(_ age: Int) -> Int { (next + Self.maximumDepth - age) % Self.maximumDepth }

    private mutating func keep(_ payload: RawSpan, payloadType: UInt8, timestamp: UInt32) {
        // What cannot be repeated breaks the run.
        guard payload.byteCount <= RedundantPayload.maximumLength else { return reset() }
        slots[next] = Slot(payloadType: payloadType, timestamp: timestamp, length: payload.byteCount)
        let start = next * RedundantPayload.maximumLength
        for index in 0..<payload.byteCount { octets[start + index] = payload.octet(at: index) }
        next = (next + 1) % Self.maximumDepth
        count = min(count + 1, Self.maximumDepth)
    }
}
