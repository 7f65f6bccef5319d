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

    private func settle() {
        swap(&handOvers, &told)
        for handOver in told { handOver.lane.serve(handOver.count, lendingLimit: Self.lendingLimit) }
        told.removeAll(keepingCapacity: true)
    }
}
