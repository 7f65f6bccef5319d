/// What a session remembers of one synchronization source.
struct Stream {
    let ssrc: UInt32
    /// RTP packets.
    var packets = ReplayWindow()
    /// RTCP packets: those received, of a receiver.
    var controlPackets = ReplayWindow()
    /// Index of the next RTCP packet, of a sender.
    var nextControlIndex: UInt64 = 0
    /// Rollover counter that the first packet has, when it is known by other means.
    var initialRollover: UInt32?
    /// Highest index under the keys before these, from where a peer may count on.
    var former: UInt64?
    /// RTP packets that were protected.
    var protected: UInt64 = 0

    init(ssrc: UInt32) { self.ssrc = ssrc }

    /// What the index of a packet can be; the second is tried when the first does not fit.
    func candidates(for sequence: UInt16) -> (UInt64?, UInt64?) {
        if !packets.isEmpty { return (PacketIndex.estimate(sequence, highest: packets.highest), nil) }
        let rollover = UInt64(initialRollover ?? 0)
        let index = rollover << 16 | UInt64(sequence)
        if let former, let other = PacketIndex.estimate(sequence, highest: former), other != index {
            return (index, other)
        }
        // The sequence began at a number unknown, and may have gone through zero before the first packet came through.
        return (index, sequence < 0x8000 && rollover < UInt64(UInt32.max) ? index + 0x1_0000 : nil)
    }
}

/// The synchronization sources of one direction, at most ``SRTPLimits/maximumStreams``. Looking up allocates nothing.
struct StreamTable: ~Copyable {
    private static let initialCapacity = 2

    private var streams: UnsafeMutablePointer<Stream>
    private var capacity = StreamTable.initialCapacity
    private(set) var count = 0
    /// Where the last one was found: most sessions have one source.
    private var last = 0

    init() {
        streams = .allocate(capacity: Self.initialCapacity)
    }

    /// Whether no further source can be taken.
    var isFull: Bool { count == SRTPLimits.maximumStreams }

    /// The place of a source; `nil` when it is not known.
    @inline(__always)
    mutating func find(_ ssrc: UInt32) -> Int? {
        if last < count, streams[last].ssrc == ssrc { return last }
        for index in 0..<count where streams[index].ssrc == ssrc {
            last = index
            return index
        }
        return nil
    }

    /// Adds a source that is not there; the table must not be full.
    mutating func add(_ stream: Stream) -> Int {
        precondition(!isFull, "the caller looks whether the table is full")
        if count == capacity {
            let larger = UnsafeMutablePointer<Stream>.allocate(capacity: 2 * capacity)
            larger.moveInitialize(from: streams, count: count)
            streams.deallocate()
            streams = larger
            capacity *= 2
        }
        (streams + count).initialize(to: stream)
        count += 1
        last = count - 1
        return last
    }

    /// By address, since an accessor that yields takes memory where it is not inlined.
    subscript(index: Int) -> Stream {
        unsafeAddress { UnsafePointer(streams + index) }
        nonmutating unsafeMutableAddress { streams + index }
    }

    deinit {
        streams.deinitialize(count: count)
        streams.deallocate()
    }
}
