import CBareEcho
import Glibc
import Reactor

/// CPU time per datagram of a lane beside that of bare C, in the same run and under the same load.
@main
struct ReactorBenchmark {
    private var load = Load()
    private var results: [(name: String, times: [Int64])] = []
    private var statistics = LaneStatistics()

    static func main() throws {
        var limit = rlimit(rlim_cur: 65_536, rlim_max: 65_536)
        setrlimit(__rlimit_resource_t(7), &limit)
        bare_pin(0)
        let arguments = CommandLine.arguments.dropFirst()
        var benchmark = ReactorBenchmark()
        benchmark.load.total = Int64(arguments.dropFirst().first ?? "200000") ?? 200_000
        benchmark.load.rounds = Int(arguments.dropFirst(2).first ?? "7") ?? 7
        try benchmark.run(arguments.first ?? "echo")
    }

    private mutating func run(_ mode: String) throws {
        switch mode {
        case "echo": try echo()
        case "relay": try relay()
        case "handover":
            for _ in 0..<load.rounds { try note("one lane receives, one answers, both", laneHandOver(load)) }
        case "pace": return try pace()
        case "lane": for _ in 0..<load.rounds { try note("lane", laneEcho(load, .loopback())) }
        default:
            print("usage: ReactorBenchmark echo|relay|handover|pace|lane [datagrams] [rounds]")
            exit(2)
        }
        print(
            "CPU per datagram received and sent, µs (\(load.total) datagrams of \(load.size) bytes, \(load.rounds) rounds)"
        )
        for (name, times) in results {
            let median = times.sorted()[times.count / 2]
            print(
                "  \(name): median \(microseconds(median, per: load.total)), least \(microseconds(times.min() ?? 0, per: load.total))"
            )
        }
        print(
            "  last lane: \(statistics.turns) turns, \(statistics.receiveBatches) receive batches,"
                + " \(statistics.sendBatches) send batches, \(statistics.busyNanoseconds / 1_000_000) ms busy")
    }

    /// One busy socket: the SIP port.
    private mutating func echo() throws {
        for _ in 0..<load.rounds {
            note("bare C, recvmmsg waits", bareEcho(load, bare_wait_blocking))
            note("bare C, epoll waits", bareEcho(load, bare_wait_epoll))
            try note("lane, wildcard address", laneEcho(load, .wildcard()))
            try note("lane", laneEcho(load, .loopback()))
        }
    }

    /// Many sockets with a datagram now and then: the legs of calls.
    private mutating func relay() throws {
        load.size = 172
        for _ in 0..<load.rounds {
            note("bare C, \(load.legs) sockets", bareRelay(load))
            try note("lane, \(load.legs) sockets", laneRelay(load))
        }
    }

    /// The pace of voice.
    private func pace() throws {
        let lateness = try tickLateness(seconds: 10)
        func part(_ share: Double) -> String {
            microseconds(lateness[min(Int(Double(lateness.count) * share), lateness.count - 1)], per: 1)
        }
        print(
            "lateness of a 20 ms tick, µs, \(lateness.count) ticks: median \(part(0.5)), p99 \(part(0.99)), most \(part(1))"
        )
    }

    private mutating func note(_ name: String, _ measured: (time: Int64, statistics: LaneStatistics)) {
        statistics = measured.statistics
        note(name, measured.time)
    }

    private mutating func note(_ name: String, _ time: Int64) {
        if let index = results.firstIndex(where: { $0.name == name }) {
            results[index].times.append(time)
        } else {
            results.append((name, [time]))
        }
    }
}
