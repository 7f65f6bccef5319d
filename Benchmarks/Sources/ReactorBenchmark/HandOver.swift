import CBareEcho
import Dispatch
import Reactor

/// Hands every datagram to the other lane, at the end of the turn in one batch; the other lane answers through its own socket.
final class HandOver: DatagramHandler, LaneObserver {
    private let owner: Lane
    private let answerer: Answerer
    private var batch = LaneBatch()

    init(_ owner: Lane, _ answerer: Answerer) { (self.owner, self.answerer) = (owner, answerer) }

    func received(_ received: borrowing DatagramBatch, on socket: DatagramSocket) {
        for index in 0..<received.count {
            guard let datagram = received[index] else { continue }
            batch.append(HandedDatagram.copy(of: datagram, socket: socket.tag, to: answerer))
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
    func turnEnded(on lane: Lane) { owner.send(&batch, .sheddable) }
}

/// Answers what was handed over.
final class Answerer: HandedDatagramReceiver, @unchecked Sendable {
    // Set and used on the answering lane only.
    var socket: DatagramSocket?

    func received(_ datagram: HandedDatagram, on lane: Lane) {
        datagram.withBytes { socket?.send($0, to: datagram.source, from: datagram.destination) }
    }
}

/// Two lanes of which one receives and the other answers; the CPU time of both.
func laneHandOver(_ load: Load) throws -> (Int64, LaneStatistics) {
    let lanes = try LaneGroup(name: "hand", count: 2)
    let bound = try BoundDatagramSocket.bind(.loopback())
    let answering = try BoundDatagramSocket.bind(.loopback())
    let answerer = Answerer()
    let ready = DispatchSemaphore(value: 0)
    let time = UnsafeMutablePointer<Int64>.allocate(capacity: 2)
    defer { time.deallocate() }
    // Written on the lanes and read here, each time after the semaphore.
    nonisolated(unsafe) let shared = time
    lanes[1].execute { lane in
        do { answerer.socket = try lane.open(answering, handler: Echo()) } catch { fatalError("\(error)") }
        ready.signal()
    }
    ready.wait()
    lanes[0].execute { lane in
        let handler = HandOver(lanes[1], answerer)
        lane.add(observer: handler)
        do { try lane.open(bound, handler: handler) } catch { fatalError("\(error)") }
        ready.signal()
    }
    ready.wait()
    func used() -> Int64 {
        for (index, lane) in lanes.enumerated() {
            lane.execute { _ in
                shared[index] = bare_thread_cpu_time()
                ready.signal()
            }
            ready.wait()
        }
        return time[0] + time[1]
    }
    let start = used()
    // The answers come from another port: the load counts what it gets on an unconnected socket.
    let answered = bare_load_unconnected(bound.localAddress.port, load.total, load.size, load.window)
    precondition(answered == load.total, "lost \(load.total - answered)")
    let end = used()
    lanes.stop()
    lanes.join()
    return (end - start, lanes.statistics)
}
