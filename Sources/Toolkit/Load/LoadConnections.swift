import Reactor
import SIP

/// Carries messages over connections that are open when the run begins.
final class LoadConnections: LoadCarrier, LaneObserver {
    private struct Connection {
        let stream: StreamConnection
        /// What was written in this turn.
        var output: [UInt8] = []
        var isOpen = true
    }

    private var connections: [Connection] = []
    /// The connections that have something to send.
    private var dirty: [Int] = []
    private let isWebSocket: Bool
    private let remote: TransportAddress
    private let receiver: any LoadReceiver
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: messageLimit, alignment: 16)
    let paths: [LoadPath]

    let isReliable = true
    let drops: UInt64 = 0

    /// Takes connections that are open; on the lane.
    init(_ opened: [StreamConnection], _ plan: LoadPlan, on lane: Lane, _ receiver: any LoadReceiver) {
        isWebSocket = plan.transport.keepsBoundaries
        remote = plan.target
        self.receiver = receiver
        connections = opened.map { Connection(stream: $0) }
        paths = opened.enumerated().map { LoadPath(index: $0, local: $1.localAddress ?? plan.target) }
        lane.add(observer: self)
    }

    deinit { scratch.deallocate() }

    func isOpen(_ path: Int) -> Bool { path < connections.count && connections[path].isOpen }

    func reserve() -> UnsafeMutableRawBufferPointer { scratch }

    func commit(_ count: Int, path: Int, to remote: TransportAddress) {
        guard isOpen(path) else { return }
        if connections[path].output.isEmpty {
            connections[path].output.reserveCapacity(Self.messageLimit)
            dirty.append(path)
        }
        if isWebSocket {
            connections[path].output.append(contentsOf: LoadWebSocketFramer.head(LoadWebSocketFramer.text, count))
        }
        connections[path].output.append(contentsOf: scratch[..<count])
    }

    /// All that a turn has written to a connection goes at once.
    func turnEnded(on lane: Lane) {
        for path in dirty {
            connections[path].stream.send(connections[path].output)
            connections[path].output = []
        }
        dirty.removeAll(keepingCapacity: true)
    }

    func close() {
        for path in connections.indices where connections[path].isOpen {
            connections[path].isOpen = false
            connections[path].stream.close()
        }
    }

    // MARK: What has come

    /// Takes what the connections have received or met since the last time.
    func take(_ events: [LoadStreams.Event]) {
        for event in events {
            switch event {
            case .received(let path, let frames):
                for frame in frames { frame.withUnsafeBytes { receiver.received($0, path: path, from: remote) } }
            case .ended(let path, let reason):
                guard isOpen(path) else { continue }
                connections[path].isOpen = false
                receiver.ended(path: path, reason)
            }
        }
    }
}
