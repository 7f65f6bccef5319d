import NIOCore

/// The connections that one sender, such as a lane, has given frames to in its turn: they are flushed together at the end, each once,
/// and each thread of connections is woken once.
public struct StreamOutbox {
    private var connections: [StreamConnection] = []

    /// Nothing to flush.
    public init() {}

    /// The connection that was given a frame last, if that waits for the flush: answers often go to one connection in a row.
    public func last(number: UInt64) -> StreamConnection? {
        guard let last = connections.last, last.id.number == number else { return nil }
        return last
    }

    /// Gives a connection a frame, which leaves with the next `flush` at the latest. False when the connection is closed, or is closed
    /// now because the peer reads too slowly: the frame is lost then.
    ///
    /// - Parameter settling: whether the frame gives an answer that was owed (`StreamConnection.settle`).
    public mutating func send(
        _ frame: UnsafeRawBufferPointer, on connection: StreamConnection, settling: Bool = false
    ) -> Bool {
        let outcome = connection.put(frame, settling: settling)
        if outcome == .first { connections.append(connection) }
        return outcome != .refused
    }

    /// Has the threads of the connections send what they were given: at once where this is one of them.
    public mutating func flush() {
        guard let loop = connections.first?.loop else { return }
        // Connections of one thread are the rule, and then the list keeps its memory.
        if loop.eventLoop.inEventLoop, connections.allSatisfy({ $0.loop === loop }) {
            var next = 0
            while next < connections.count {
                connections[next].flush()
                next += 1
            }
            connections.removeAll(keepingCapacity: true)
            return
        }
        flushByThread()
    }

    private mutating func flushByThread() {
        while let loop = connections.first?.loop {
            let others = connections.filter { $0.loop !== loop }
            let own = others.isEmpty ? connections : connections.filter { $0.loop === loop }
            connections = others
            if loop.eventLoop.inEventLoop {
                for connection in own { connection.flush() }
            } else {
                loop.eventLoop.execute { for connection in own { connection.flush() } }
            }
        }
    }
}
