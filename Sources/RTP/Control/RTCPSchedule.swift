/// When to send RTCP: the transmission interval and its timer (RFC 3550 §6.2, §6.3, A.7).
///
/// The interval is randomised and reconsidered when the timer expires (§6.3.3, §6.3.6). Reverse reconsideration and the
/// back-off of BYE (§6.3.4, §6.3.7), which matter to sessions of more than 50 members, are left out, as §6.3 allows for
/// two-party unicast.
public struct RTCPSchedule: Sendable {
    /// Parameters of the interval.
    @frozen
    public struct Configuration: Hashable, Sendable {
        /// Least deterministic interval (§6.2: 5 s); half of it before the first report.
        public var minimumInterval = Duration.seconds(5)

        /// RTCP bandwidth of the session in octets per second. The default is 5 % (§6.2) of two G.711 streams of 20 ms
        /// packets over IPv4, 80,000 bit/s each.
        public var bandwidth: Double = 1000

        /// Share of the bandwidth for those who send data, while they are a quarter of the members or fewer.
        public var senderShare: Double = 0.25

        /// The values of the RFC for a telephone call.
        public init() {}
    }

    /// Compensates for what reconsideration takes away from the mean: e − 3/2 (§6.3.1).
    static let compensation = 1.21828

    /// Octets of IPv4 and UDP headers, which count in the size of a packet (§6.2).
    public static let transportOverhead = 28

    /// The parameters.
    public let configuration: Configuration

    /// Participants, ourselves included.
    public var members = 1

    /// Those of them who send data.
    public var senders = 0

    /// Whether we have sent data since the second last report.
    public var hasSent = false

    /// When the timer expires.
    public private(set) var next: ContinuousClock.Instant

    private var last: ContinuousClock.Instant
    private var averageSize: Double
    private var isInitial = true

    /// Joins a session at `now`: draws the time of the first report.
    ///
    /// - Parameter expectedSize: octets of the first report as it will probably be, without transport headers.
    public init(
        at now: ContinuousClock.Instant, expectedSize: Int, configuration: Configuration = .init(),
        using generator: inout some RandomNumberGenerator
    ) {
        self.configuration = configuration
        last = now
        next = now
        averageSize = Double(expectedSize + Self.transportOverhead)
        next = now + drawInterval(using: &generator)
    }

    /// Call when `next` has come.
    ///
    /// - Returns: whether to send a report now; the timer is set again in either case.
    public mutating func expire(
        at now: ContinuousClock.Instant, using generator: inout some RandomNumberGenerator
    ) -> Bool {
        guard now >= next else { return false }
        let reconsidered = last + drawInterval(using: &generator)
        guard reconsidered <= now else {
            next = reconsidered
            return false
        }
        last = now
        isInitial = false
        next = now + drawInterval(using: &generator)
        return true
    }

    /// Takes the size of a compound that was sent or received into the mean (§6.3.3, §6.3.6).
    ///
    /// - Parameter size: octets, without transport headers.
    public mutating func note(size: Int) {
        averageSize += (Double(size + Self.transportOverhead) - averageSize) / 16
    }

    /// The interval before randomisation (§6.3.1, steps 1 to 3).
    public var deterministicInterval: Duration {
        var count = members
        var bandwidth = configuration.bandwidth
        if Double(senders) <= Double(members) * configuration.senderShare {
            bandwidth *= hasSent ? configuration.senderShare : 1 - configuration.senderShare
            count = hasSent ? senders : members - senders
        }
        let minimum = isInitial ? configuration.minimumInterval / 2 : configuration.minimumInterval
        guard bandwidth > 0 else { return minimum }
        // An hour bounds what a peer can make of it with thousands of sources.
        return max(minimum, .seconds(min(averageSize * Double(max(count, 0)) / bandwidth, 3600)))
    }

    /// The interval between half and one and a half of the deterministic one, compensated (steps 4 and 5).
    private func drawInterval(using generator: inout some RandomNumberGenerator) -> Duration {
        deterministicInterval * (Double.random(in: 0.5..<1.5, using: &generator) / Self.compensation)
    }
}
