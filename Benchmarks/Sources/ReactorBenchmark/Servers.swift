import CBareEcho
import Dispatch
import Glibc
import Reactor

/// Sends every datagram back where it came from.
final class Echo: DatagramHandler {
    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            socket.send(datagram.bytes, to: datagram.source, from: datagram.destination)
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
}

/// A flag that a C loop reads, and its thread.
final class BareServer: @unchecked Sendable {
    private let stop = UnsafeMutablePointer<Bool>.allocate(capacity: 1)
    private let done = DispatchSemaphore(value: 0)
    private var used: Int64 = 0

    init(_ body: @escaping @Sendable (UnsafePointer<Bool>) -> Int64) {
        stop.initialize(to: false)
        Thread.start { [self] in
            bare_pin(serverProcessor)
            used = body(UnsafePointer(stop))
            done.signal()
        }
    }

    /// Stops it with `poke`, which sends one more datagram; returns the CPU time in nanoseconds.
    func finish(_ poke: () -> Void) -> Int64 {
        stop.pointee = true
        poke()
        done.wait()
        return used
    }
}

enum Thread {
    static func start(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                // The box that is passed below.
                Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }
}

func poke(_ port: UInt16) { _ = bare_load(port, 1, 1, 1) }

/// Microseconds with two decimals.
func microseconds(_ nanoseconds: Int64, per count: Int64) -> String {
    let hundredths = (nanoseconds * 100 / max(count, 1) + 500) / 1_000
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
}

/// The processor of the servers; the load has number 0.
let serverProcessor: Int32 = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 ? 1 : 0

/// How much is sent, and how.
struct Load: Sendable {
    var total: Int64 = 200_000
    var rounds = 7
    var size: Int32 = 500
    var window: Int32 = 192
    /// Sockets of the relay.
    var legs: Int32 = 2_000

    /// Sends to one port and checks that all was answered.
    func run(_ port: UInt16) {
        let answered = bare_load(port, total, size, window)
        precondition(answered == total, "lost \(total - answered)")
    }

    /// Sends to many ports in turn and checks that all was answered.
    func run(_ ports: [UInt16]) {
        let answered = bare_load_spread(ports, Int32(ports.count), total, size, window)
        precondition(answered == total, "lost \(total - answered)")
    }
}

/// The C program that echoes in batches; CPU time in nanoseconds.
func bareEcho(_ load: Load, _ wait: bare_wait) -> Int64 {
    var port: UInt16 = 0
    let socket = bare_socket(&port)
    defer { close(socket) }
    let server = BareServer { bare_echo(socket, wait, 64, $0) }
    load.run(port)
    return server.finish { poke(port) }
}

/// The C program that relays one datagram at a time.
func bareRelay(_ load: Load) -> Int64 {
    var sockets: [Int32] = []
    var ports: [UInt16] = []
    for _ in 0..<load.legs {
        var port: UInt16 = 0
        sockets.append(bare_socket(&port))
        ports.append(port)
    }
    defer { sockets.forEach { close($0) } }
    let all = sockets
    let server = BareServer { stop in all.withUnsafeBufferPointer { bare_relay($0.baseAddress, Int32($0.count), stop) }
    }
    load.run(ports)
    return server.finish { poke(ports[0]) }
}

/// A lane with these sockets that echoes while `work` runs; its CPU time and counters.
func laneEcho(_ bound: [BoundDatagramSocket], _ work: () -> Void) throws -> (Int64, LaneStatistics) {
    let lane = try Lane(name: "echo")
    let ready = DispatchSemaphore(value: 0)
    // Written on the lane and read here, each time after the semaphore.
    let time = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
    defer { time.deallocate() }
    nonisolated(unsafe) let shared = time
    lane.execute { lane in
        bare_pin(serverProcessor)
        let echo = Echo()
        do { for socket in bound { try lane.open(socket, handler: echo) } } catch { fatalError("\(error)") }
        shared.pointee = bare_thread_cpu_time()
        ready.signal()
    }
    ready.wait()
    let start = time.pointee
    work()
    lane.execute { _ in
        shared.pointee = bare_thread_cpu_time()
        ready.signal()
    }
    ready.wait()
    lane.stop()
    lane.join()
    return (time.pointee - start, lane.statistics)
}

/// A lane with one socket.
func laneEcho(_ load: Load, _ address: TransportAddress) throws -> (Int64, LaneStatistics) {
    let bound = try BoundDatagramSocket.bind(address)
    return try laneEcho([bound]) { load.run(bound.localAddress.port) }
}

/// A lane with many sockets.
func laneRelay(_ load: Load) throws -> (Int64, LaneStatistics) {
    let bound = try (0..<load.legs).map { _ in try BoundDatagramSocket.bind(.loopback(), .media) }
    return try laneEcho(bound) { load.run(bound.map(\.localAddress.port)) }
}

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

/// Notes how late each beat of a tick is.
final class Pace: TickHandler, @unchecked Sendable {
    // Used on the lane; read after its end.
    private(set) var lateness: [Int64] = []

    func tick(_ tick: LaneTick, on lane: Lane) {
        lateness.append(Int64((ContinuousClock.now - tick.deadline) / .nanoseconds(1)))
    }
}

/// A tick of 20 ms for some seconds; how late its beats were, in nanoseconds and sorted.
func tickLateness(seconds: UInt32) throws -> [Int64] {
    let lane = try Lane(name: "pace")
    let pace = Pace()
    lane.execute { lane in _ = lane.startTick(every: .milliseconds(20), pace) }
    sleep(seconds)
    lane.stop()
    lane.join()
    return pace.lateness.sorted()
}
