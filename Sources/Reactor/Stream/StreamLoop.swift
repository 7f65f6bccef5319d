import NIOCore

/// One of the threads that carry streams, and the lanes that it has handed messages to in its round: what it reads and does between
/// two waits for the network.
///
/// Lanes are told once, at the end of the round. Waking a thread costs more than most messages take to serve, and so a lane that
/// sleeps has its turn on this thread, as it has on that of another lane (`Lane.hand`); what it sends to connections of this thread
/// then leaves without another thread being woken either.
final class StreamLoop: @unchecked Sendable {
    // Proof of Sendable: `handOvers` and `told` are touched on the thread of `eventLoop` only, which `hand` checks.

    /// Most messages for a sleeping lane that are served here. A round has more when the thread is behind: then there is work for two.
    static let lendingLimit = 32

    let eventLoop: any EventLoop
    @exclusivity(unchecked) private var handOvers: [Lane.HandOver] = []
    /// Those of the round that is being settled; empty otherwise, and kept for its memory.
    @exclusivity(unchecked) private var told: [Lane.HandOver] = []

    /// The frames that were given back in the call of `StreamHandler.received` that is under way.
    @exclusivity(unchecked) private var givenBack: [[UInt8]] = []
    /// Bytes of the frames that wait on this thread for room.
    @exclusivity(unchecked) private(set) var waitingBytes = 0

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Hands a message to a lane; on the thread. See `StreamConnection.hand`.
    func hand(
        _ message: sending any LaneMessage, to lane: Lane, _ messageClass: () -> LaneMessageClass
    ) -> Bool {
        eventLoop.preconditionInEventLoop()
        guard lane.offer(message, whenCrowded: messageClass) else { return false }
        for index in handOvers.indices where handOvers[index].lane === lane {
            handOvers[index].count += 1
            return true
        }
        handOvers.append(Lane.HandOver(lane: lane, count: 1))
        // What is given to a loop on its own thread runs behind the events that it has read.
        if handOvers.count == 1 { eventLoop.execute { self.settle() } }
        return true
    }

    /// Takes frames back that found no room; false when too much waits already. On the thread.
    func giveBack(_ frames: ArraySlice<[UInt8]>, limit: Int) -> Bool {
        eventLoop.preconditionInEventLoop()
        let bytes = frames.reduce(0) { $0 + $1.count }
        guard waitingBytes + bytes <= limit else { return false }
        waitingBytes += bytes
        givenBack += frames
        return true
    }

    /// The frames that were given back just now.
    func takeGivenBack() -> [[UInt8]] {
        guard !givenBack.isEmpty else { return [] }
        defer { givenBack = [] }
        return givenBack
    }

    /// Frames wait no more: they are given to their handler again, or dropped with their connection.
    func leave(_ frames: [[UInt8]]) { waitingBytes -= frames.reduce(0) { $0 + $1.count } }

    private func settle() {
        swap(&handOvers, &told)
        for handOver in told { handOver.lane.serve(handOver.count, lendingLimit: Self.lendingLimit) }
        told.removeAll(keepingCapacity: true)
    }
}
