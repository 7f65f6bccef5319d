/// The packets that wait to be played, in the order of their time, with their payloads in a ring of octets. All memory is
/// taken at the beginning.
struct PacketStore: Sendable {
    /// A packet.
    struct Slot: Sendable {
        /// Media time of its first sample.
        var position: Int64
        /// Samples that it holds.
        var samples: Int
        /// Extended sequence number.
        var sequence: Int64
        /// How to decode it.
        var codec: AudioCodec
        /// Where its payload lies in the ring.
        fileprivate(set) var start = 0
        fileprivate(set) var length = 0

        init(position: Int64, samples: Int, sequence: Int64, codec: AudioCodec) {
            self.position = position
            self.samples = samples
            self.sequence = sequence
            self.codec = codec
        }

        /// Media time behind its last sample.
        var end: Int64 { position + Int64(samples) }
    }

    private var slots: [Slot] = []
    private var octets: [UInt8]
    private var next = 0

    /// Packets that are held, at most.
    private static let capacity = 128

    /// A store for `capacity` octets of payload.
    init(octets capacity: Int) {
        octets = [UInt8](repeating: 0, count: capacity)
        slots.reserveCapacity(Self.capacity)
    }

    /// Octets of the ring: no payload may be longer.
    var octetCapacity: Int { octets.count }

    /// The packet that is played next.
    var first: Slot? { slots.first }

    /// Packets that wait.
    var count: Int { slots.count }

    /// Media time behind the last packet; nil when none waits.
    var end: Int64? { slots.last?.end }

    /// Keeps a packet. Where there is no room, those that came first give way.
    ///
    /// - Returns: packets that gave way.
    mutating func insert(_ packet: Slot, payload: RawSpan) -> Int {
        guard payload.byteCount <= octets.count else { return 0 }
        var slot = packet
        slot.length = payload.byteCount
        if next + slot.length > octets.count { next = 0 }
        slot.start = next
        next += slot.length
        let before = slots.count
        let occupied = slot.start..<slot.start + slot.length
        slots.removeAll { $0.start < occupied.upperBound && occupied.lowerBound < $0.start + $0.length }
        if slots.count == Self.capacity { slots.removeFirst() }
        let dropped = before - slots.count
        octets.withUnsafeMutableBytes { ring in
            payload.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: ring[occupied]).copyMemory(from: $0) }
        }
        // Nearly always the newest: search from the end.
        var index = slots.count
        while index > 0, slots[index - 1].position > slot.position { index -= 1 }
        slots.insert(slot, at: index)
        return dropped
    }

    /// Forgets the packet that is played next.
    mutating func removeFirst() {
        slots.removeFirst()
    }

    /// Forgets all packets.
    mutating func removeAll() {
        slots.removeAll(keepingCapacity: true)
    }

    /// Decodes the packet into `line` from `start` on.
    ///
    /// - Returns: samples decoded.
    func decode(_ slot: Slot, by decoder: AudioDecoder, into line: inout [Int16], at start: Int) -> Int {
        var samples = line.mutableSpan
        return decoder.decode(
            octets.span.bytes.extracting(slot.start..<slot.start + slot.length), into: &samples, at: start)
    }

    /// Decodes what the packet knows of `count` samples before it into `line` from `start` on.
    ///
    /// - Returns: samples decoded; 0 where the codec cannot.
    func recover(
        before slot: Slot, _ count: Int, by decoder: AudioDecoder, into line: inout [Int16], at start: Int
    ) -> Int {
        var samples = line.mutableSpan
        return decoder.recover(
            from: octets.span.bytes.extracting(slot.start..<slot.start + slot.length), count, into: &samples, at: start)
    }
}
