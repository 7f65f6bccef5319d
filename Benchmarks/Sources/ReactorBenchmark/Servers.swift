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
