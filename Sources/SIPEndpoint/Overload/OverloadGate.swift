import Glibc
import Reactor
import SIP

/// The overload control of a lane as a server: measures, refuses, and knows what clients are to be told (RFC 7339 §5).
///
/// Bound to its lane.
struct OverloadGate {
    private let configuration: OverloadConfiguration
    private(set) var controller: OverloadController
    private var rates: ClientRates
    private var draw: UInt64
    /// What was seen at the end of the last window.
    private var last: (workload: Workload, served: UInt64)?
    private(set) var windowEnd: ContinuousClock.Instant
    /// Seconds since 1970 when the lane began, and when that was: the numbers of `oc-seq` are times.
    private let began: (seconds: UInt64, time: ContinuousClock.Instant)
    private(set) var sequence: OverloadSequence

    init(_ configuration: OverloadConfiguration, seed: UInt64, now: ContinuousClock.Instant) {
        self.configuration = configuration
        controller = OverloadController(configuration.settings)
        rates = ClientRates(limit: OverloadConfiguration.clientLimit)
        draw = seed
        windowEnd = now
        began = (UInt64(max(0, time(nil))), now)
        sequence = OverloadSequence(seconds: began.seconds, microseconds: 0)
    }

    var isOverloaded: Bool { controller.isOverloaded }

    /// Ends a window and decides what is taken in the next.
    ///
    /// - Parameter served: messages received since the lane began.
    mutating func measure(_ workload: Workload, served: UInt64) {
        defer {
            last = (workload, served)
            windowEnd = workload.time + configuration.settings.window
        }
        guard let last else { return }
        let before = controller.share
        let factor = controller.measure(
            .init(
                time: workload.time - last.workload.time, worked: workload.worked - last.workload.worked,
                served: Int(clamping: served &- last.served), waiting: workload.waiting,
                dropped: Int(clamping: workload.dropped &- last.workload.dropped)))
        rates.endWindow(
            of: workload.time - last.workload.time, factor: factor, isOverloaded: controller.isOverloaded)
        guard controller.share != before || controller.isOverloaded else { return }
        let (seconds, attoseconds) = max(workload.time - began.time, .zero).components
        let passed = UInt64(seconds) &* 1_000_000 &+ UInt64(attoseconds / 1_000_000_000_000)
        // Two windows never end within the same hundred-thousandth of a second.
        sequence = OverloadSequence(
            seconds: began.seconds &+ passed / 1_000_000, microseconds: passed % 1_000_000)
    }

    /// Whether a request that may be refused is taken.
    ///
    /// - Parameter takesPart: whether its client is told to send less, and so has reduced already.
    mutating func takes(takesPart: Bool) -> Bool {
        draw = draw &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return controller.takes(takesPart: takesPart, draw: Double(draw >> 11) * 0x1p-53)
    }

    /// Counts a request of a client that keeps to rates.
    mutating func count(_ client: TransportAddress) { rates.count(client) }

    /// What a client is told.
    func feedback(for client: TransportAddress, _ algorithms: OverloadAlgorithms) -> OverloadFeedback? {
        guard configuration.givesFeedback, !algorithms.isEmpty else { return nil }
        let usesRate = algorithms.contains(configuration.algorithm) && configuration.algorithm == .rate
        guard usesRate || algorithms.contains(.loss) else { return nil }
        let limit: OverloadFeedback.Limit
        if usesRate {
            // The client's requests are spread over all lanes, and each has its part of them.
            let rate = controller.isOverloaded ? rates.rate(of: client) * Double(configuration.laneCount) : 0
            limit = .rate(Int(max(0, rate).rounded(.up)))
        } else {
            limit = .loss(Int(((1 - controller.share) * 100).rounded()))
        }
        let validity = controller.isOverloaded ? configuration.validity(of: limit) : .zero
        return OverloadFeedback(limit, validity: validity, sequence: sequence)
    }
}

/// How many requests in a second clients that keep to rates may send (RFC 7415 §3.4): each what it has sent of late, less or more
/// as the lane takes less or more of all.
struct ClientRates {
    private struct Entry {
        var count = 0
        /// Requests in a second, as they came of late.
        var rate = 0.0
        /// Requests in a second that it may send while the lane is overloaded. Less is made of this, and not of what came: a client
        /// sends in bursts, and after a silence what was last told to it holds no more.
        var limit: Double?
    }

    private let capacity: Int
    private var entries: [TransportAddress: Entry] = [:]
    private var others = 0.0
    /// How much of a new count enters into a rate.
    private static let weight = 0.3
    /// The rate below which a client is forgotten, but not while the lane is overloaded; and the lowest limit.
    private static let leastRate = 0.5

    init(limit: Int) { capacity = limit }

    mutating func count(_ client: TransportAddress) {
        if entries[client] != nil {
            entries[client]?.count += 1
        } else if entries.count < capacity {
            entries[client] = Entry(count: 1)
        }
    }

    mutating func endWindow(of time: Duration, factor: Double, isOverloaded: Bool) {
        guard !entries.isEmpty else { return }
        let seconds = max(time / .seconds(1), 1e-3)
        for (client, entry) in entries {
            let seen = Double(entry.count) / seconds
            // What was never measured before is taken as it is.
            let rate = entry.rate == 0 ? seen : entry.rate + (seen - entry.rate) * Self.weight
            guard isOverloaded else {
                entries[client] = rate < Self.leastRate ? nil : Entry(rate: rate)
                continue
            }
            // One that makes no use of its limit loses no more of it than others, but has to be told less before it sends less.
            let before = factor < 1 ? min(entry.limit ?? rate, rate) : entry.limit ?? rate
            entries[client] = Entry(rate: rate, limit: max(Self.leastRate, before * factor))
        }
        others =
            entries.isEmpty ? 0 : entries.values.reduce(0) { $0 + ($1.limit ?? $1.rate) } / Double(entries.count)
    }

    /// The limit of a client; at least one in a second, with which it hears when all is over.
    func rate(of client: TransportAddress) -> Double { max(1, entries[client].map { $0.limit ?? $0.rate } ?? others) }
}
