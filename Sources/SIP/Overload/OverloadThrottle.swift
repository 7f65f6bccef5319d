/// What a client sends to a server that has asked for less (RFC 7339 §5.5, §7.2, RFC 7415 §3.5). Without a clock of its own.
public struct OverloadThrottle: Sendable {
    private var limit: OverloadFeedback.Limit = .loss(0)
    private var sequence: OverloadSequence?
    private var validUntil: ContinuousClock.Instant?
    private var mix = RequestMix()
    private var bucket = LeakyBucket()
    /// The part of a rate that this throttle may use: one of so many that share a client.
    private let sharers: Int

    /// - Parameter sharers: how many throttles of this client keep to the same server's limits, such as one on each lane.
    public init(sharers: Int = 1) { self.sharers = max(1, sharers) }

    /// Whether there is a limit that still holds.
    public func isActive(at now: ContinuousClock.Instant) -> Bool { validUntil.map { now < $0 } ?? false }

    /// The server has told something.
    public mutating func receive(_ feedback: OverloadFeedback, at now: ContinuousClock.Instant) {
        if let new = feedback.sequence, let last = sequence, new <= last, !new.beginsAnew(after: last) { return }
        sequence = feedback.sequence ?? sequence
        guard feedback.validity > .zero else {
            validUntil = nil
            return
        }
        if case .rate(let rate) = feedback.limit {
            bucket.set(rate: Double(rate) / Double(sharers), isNew: !isActive(at: now), at: now)
        }
        limit = feedback.limit
        validUntil = now + feedback.validity
    }

    /// Whether a request may be sent.
    ///
    /// - Parameters:
    ///   - isSheddable: whether it is among those that are given up first (RFC 7339 §5.10.1).
    ///   - random: a number that nobody foresees, for the draw.
    public mutating func admits(isSheddable: Bool, at now: ContinuousClock.Instant, random: UInt64) -> Bool {
        mix.count(isSheddable: isSheddable, at: now)
        guard isActive(at: now) else { return true }
        switch limit {
        case .loss(let percent):
            return Self.fraction(random) >= mix.lossOf(isSheddable: isSheddable, total: Double(percent) / 100)
        case .rate: return bucket.admits(isSheddable: isSheddable, at: now, random: random)
        }
    }

    /// A number from 0 to 1, 1 excluded.
    static func fraction(_ random: UInt64) -> Double { Double(random >> 11) * 0x1p-53 }
}

/// How many of the requests to a server are given up first, and how many last (RFC 7339 §7.2).
struct RequestMix: Sendable {
    /// How long requests are counted for the next estimate: RFC 7339 §7.2 names 5 to 10 seconds.
    static let period: Duration = .seconds(5)
    /// Requests after which an estimate is made without waiting for the end of the first period: were the share taken for less than
    /// it is, not one request would be sent of those that are given up first, and nothing heard that ends the limit.
    static let leastSample = 32
    private var sheddable = 0
    private var others = 0
    private var began: ContinuousClock.Instant?
    private var isKnown = false
    /// The part of those that are given up first; four fifths, as in the RFC, before it is known.
    private(set) var share = 0.8

    private var counted: Double { Double(sheddable) / Double(max(1, sheddable + others)) }

    mutating func count(isSheddable: Bool, at now: ContinuousClock.Instant) {
        if let began, now - began >= Self.period {
            share = counted
            isKnown = true
            self.began = nil
        }
        if began == nil {
            began = now
            (sheddable, others) = (0, 0)
        }
        if isSheddable { sheddable &+= 1 } else { others &+= 1 }
        if !isKnown, sheddable + others >= Self.leastSample { share = counted }
    }

    /// The probability with which a request is not sent so that `total` of all are not.
    func lossOf(isSheddable: Bool, total: Double) -> Double {
        if isSheddable { return share > 0 ? min(1, total / share) : 1 }
        return share < 1 ? max(0, (total - share) / (1 - share)) : 0
    }
}

/// The leaky bucket with two thresholds of RFC 7415 §3.5.2, with the random increments of §3.5.3.
struct LeakyBucket: Sendable {
    /// T, the time between two requests, in seconds; infinite for no request at all.
    private var interval = 0.0
    /// X, the content when the last request was sent, in seconds.
    private var content = 0.0
    /// LCT, when that was.
    private var last: ContinuousClock.Instant?

    /// TAU2, the threshold of requests that are given up last, and TAU1, that of the others, in intervals.
    private static let thresholds = (others: 10.0, sheddable: 5.0)

    mutating func set(rate: Double, isNew: Bool, at now: ContinuousClock.Instant) {
        interval = rate > 0 ? 1 / rate : .infinity
        guard isNew || last == nil else { return }
        // TAU0 is 0.
        content = 0
        last = now
    }

    mutating func admits(isSheddable: Bool, at now: ContinuousClock.Instant, random: UInt64) -> Bool {
        guard interval.isFinite, let last else { return false }
        let left = content - (now - last) / .seconds(1)
        guard left <= interval * (isSheddable ? Self.thresholds.sheddable : Self.thresholds.others) else {
            return false
        }
        // Buckets that are empty begin at different times, so that many clients do not send all at once.
        let chance = left > 0 ? 0 : OverloadThrottle.fraction(random) - 0.5
        content = max(0, left) + interval * (1 + chance)
        self.last = now
        return true
    }
}
