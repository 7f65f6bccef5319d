/// A data stream: its candidates, checklist and state (RFC 8445 §6.1.2).
struct ICEStream: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum State: Hashable, Sendable {
        /// The other side is not known yet.
        case idle
        case running
        case completed
        case failed
    }

    /// A check that came before the other side's credentials (RFC 8445 §7.3).
    struct EarlyCheck: Hashable, Sendable {
        var base: Int
        var source: STUNAddress
        var priority: UInt32
        var nominates: Bool
    }

    /// What a component is sent by, and whether the other side still wants it (RFC 7675).
    struct Use: Sendable {
        var pair: SelectedPair
        var base: Int
        /// The priority of the pair, which a better nomination must exceed.
        var priority: UInt64
        /// The credentials that it was validated with.
        var local: ICEParameters
        var remote: ICEParameters
        /// When the next check or keep-alive is sent; nil for one that has none, of a peer without ICE.
        var next: Instant?
        /// When consent expires; nil where there is none to renew: for a lite agent, and a peer without ICE.
        var expires: Instant?
        /// Checks of the last ``ICEStream/mostConsentChecks`` that may still be answered.
        var outstanding: [STUNTransactionID] = []
    }

    /// A valid pair that a component may be sent by until one is selected (RFC 8445 §12.1).
    struct Provision: Sendable {
        var base: Int
        var pair: SelectedPair
        /// When consent expires, which came with the check and is not renewed (RFC 7675 §5.1).
        var expires: Instant
        var isExpired = false
    }

    /// Consent checks that may be answered late: those of 30 s.
    static let mostConsentChecks = 8

    var components: Int
    var local: ICEParameters
    var remote: ICEParameters?
    var isRemoteLite = false
    var isRemoteComplete = false
    /// The other side follows RFC 8445: it nominates one pair of a component and no other.
    var nominatesOnce = false
    var state = State.idle
    var localCandidates: [Candidate] = []
    var remoteCandidates: [Candidate] = []
    var pairs: [CandidatePair] = []
    /// Pairs by their numbers, the first the next (RFC 8445 §6.1.4.1).
    var triggered: [Int] = []
    var early: [EarlyCheck] = []
    /// Where checks of the other side have come from, by component.
    var heard: [Int: Set<STUNAddress>] = [:]
    /// When the other side became known.
    var started: Instant?
    /// Since when each component has a valid pair.
    var firstValid: Instant?
    /// The controlling side has picked a pair for each component.
    var isNominating = false
    /// The stream may fail for want of pairs (RFC 8863 §4).
    var isPastPatience = false
    /// What is used, by component; of before a restart until there is something new.
    var uses: [Int: Use] = [:]
    /// By what a component may be sent until then.
    var provisions: [Int: Provision] = [:]
    /// The credentials of before a restart: checks with them are still answered (RFC 8445 §9).
    var previous: ICEParameters?

    init(components: Int, local: ICEParameters) {
        self.components = components
        self.local = local
    }

    /// The valid pair of a component with the highest priority.
    func bestValid(_ component: Int) -> CandidatePair? {
        pairs.filter { $0.component == component && $0.isValid && $0.state != .failed }
            .max { $0.validPriority < $1.validPriority }
    }

    /// The nominated pair of a component with the highest priority (RFC 8445 §8.1.1; several are of an aggressive peer).
    func nominated(_ component: Int) -> CandidatePair? {
        pairs.filter { $0.component == component && $0.isNominated && $0.isValid }
            .max { $0.validPriority < $1.validPriority }
    }

    /// Whether each component has a valid pair.
    var isValid: Bool { (1...components).allSatisfy { bestValid($0) != nil } }

    func index(_ id: Int) -> Int? { pairs.firstIndex { $0.id == id } }

    /// Puts a pair at the end of the triggered-check queue, once.
    mutating func trigger(_ id: Int) {
        if !triggered.contains(id) { triggered.append(id) }
    }

    /// A pair of a component is decided on: the others are not checked any more, and answers that are under way are still taken
    /// (RFC 8445 §8.1.2).
    mutating func removeRivals(_ component: Int) {
        pairs.removeAll { $0.component == component && !$0.isNominated && $0.checks.isEmpty }
        for index in pairs.indices where pairs[index].component == component && !pairs[index].isNominated {
            pairs[index].state = .inProgress
            for check in pairs[index].checks.indices { pairs[index].checks[check].isCancelled = true }
        }
        triggered.removeAll { id in !pairs.contains { $0.id == id && ($0.component != component || $0.isNominated) } }
    }
}
