import Reactor
import SIP

/// Which targets of a lane have failed, and rest (RFC 3263 §4.3, RFC 3261 §21.5.4). Without a clock of its own.
///
/// ```
///             no answer, no connection, 503          the rest is over
///   usable ────────────────────────────────> resting ───────────────> due
///     ^                                        ^ ^                     │ the next request is the probe
///     │ any other answer                       │ └──── it fails ────── │
///     └────────────────────────────────────────┴────── probed <────────┘
/// ```
///
/// While it is probed, a target counts as resting for all other requests.
public struct TargetHealth: Sendable {
    /// The times and the limit.
    public struct Configuration: Hashable, Sendable {
        /// How long a target rests after its first failure; each further one doubles it.
        public var rest: Duration = .seconds(30)
        /// How long a target rests at most, whatever it says in Retry-After.
        public var longestRest: Duration = .seconds(600)
        /// How long a probe is waited for before another request may be one: longer than Timers B and F.
        public var probeTime: Duration = .seconds(40)
        /// The most targets that are known to have failed; the one whose rest ends first makes room.
        public var limit = 1_024

        /// The defaults.
        public init() {}
    }

    /// What is thought of a target.
    enum State: Hashable {
        case usable
        case due
        case resting(until: ContinuousClock.Instant)
    }

    private struct Key: Hashable {
        var transport: TransportName
        var address: TransportAddress
        /// Whom the other side must prove to be: a server without the certificate of one domain may well have that of another
        /// (RFC 5922 §7.3).
        var domain: String?

        init(_ transport: TransportName, _ address: TransportAddress, _ domain: String?) {
            self.transport = transport
            self.address = address
            self.domain = transport.isSecure ? domain?.lowercased() : nil
        }

        init(_ target: Target) { self.init(target.transport, target.address, target.domain) }
    }

    private struct Entry {
        var failures: Int
        var restsUntil: ContinuousClock.Instant
        /// Until when the answer to a probe is waited for.
        var probedUntil: ContinuousClock.Instant?
    }

    private let configuration: Configuration
    private var entries: [Key: Entry] = [:]

    init(_ configuration: Configuration) { self.configuration = configuration }

    /// Targets that rest, or have not been used since.
    var count: Int { entries.count }

    /// A target gave no answer, cannot be connected to, or answered 503.
    ///
    /// - Parameters:
    ///   - domain: whom it had to prove to be, where the transport is secure.
    ///   - retryAfter: how long it wants to rest.
    mutating func failed(
        _ transport: TransportName, _ address: TransportAddress, domain: String? = nil, retryAfter: Duration? = nil,
        at now: ContinuousClock.Instant
    ) {
        let key = Key(transport, address, domain)
        let before = entries[key]
        // What was sent before the target failed tells nothing new when it fails too.
        if retryAfter == nil, let before, now < before.restsUntil { return }
        let failures = min((before?.failures ?? 0) + 1, 16)
        let rest = min(retryAfter ?? configuration.rest * (1 << (failures - 1)), configuration.longestRest)
        if before == nil, entries.count >= configuration.limit { makeRoom() }
        entries[key] = Entry(failures: failures, restsUntil: now + rest)
    }

    /// A target has answered, other than 503.
    mutating func answered(_ transport: TransportName, _ address: TransportAddress, domain: String? = nil) {
        guard !entries.isEmpty else { return }
        entries[Key(transport, address, domain)] = nil
    }

    func state(_ target: Target, at now: ContinuousClock.Instant) -> State {
        guard target.flow == nil, let entry = entries[Key(target)] else {
            return .usable
        }
        if now < entry.restsUntil { return .resting(until: entry.restsUntil) }
        if let end = entry.probedUntil, now < end { return .resting(until: end) }
        return .due
    }

    /// The place of the target to be tried first: the first that does not rest; where all do, the one whose rest ends first. A
    /// target that is due is probed by whoever asks.
    mutating func choose(_ targets: [Target], at now: ContinuousClock.Instant) -> Int? {
        guard !entries.isEmpty else { return targets.isEmpty ? nil : 0 }
        var best: (place: Int, until: ContinuousClock.Instant)?
        for (place, target) in targets.enumerated() {
            switch state(target, at: now) {
            case .usable: return place
            case .due:
                entries[Key(target)]?.probedUntil = now + configuration.probeTime
                return place
            case .resting(let until): if best.map({ until < $0.until }) ?? true { best = (place, until) }
            }
        }
        return best?.place
    }

    private mutating func makeRoom() {
        guard let first = entries.min(by: { $0.value.restsUntil < $1.value.restsUntil }) else { return }
        entries[first.key] = nil
    }
}
