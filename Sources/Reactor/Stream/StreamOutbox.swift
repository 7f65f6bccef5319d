import NIOCore

/// The connections that one sender, such as a lane, has given frames to in its turn: they are flushed together at the end, each once,
/// and each thread of connections is woken once.
public struct StreamOutbox {
    private var connections: [StreamConnection] = []

    /// Nothing to flush.
    public init() {}

    /// Gives a connection a frame, which leaves with the next `flush` at the latest. False when the connection is closed, or is closed
    /// now because the peer reads too slowly: the frame is lost then.
    public mutating func send(_ frame: UnsafeRawBufferPointer, on connection: StreamConnection) -> Bool {
        let outcome = connection.put(frame)
        if outcome == .first { connections.append(connection) }
        return outcome != .refused
    }

    /// Has the threads of the connections send what they were given: at once where this is one of them.
    public mutating func flush() {
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
