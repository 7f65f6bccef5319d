/// A pair of candidates on a checklist (RFC 8445 §6.1.2).
///
/// ```
///   +--------+        +---------+        +-------------+   success   +-----------+
///   | Frozen | -----> | Waiting | -----> | In-Progress | ----------> | Succeeded |
///   +--------+        +---------+        +-------------+             +-----------+
///                          ^                    |  failure   +--------+
///                          |  triggered         +----------> | Failed |
///                          +------------------------------- +--------+
/// ```
struct CandidatePair: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case frozen, waiting, inProgress, succeeded, failed
    }

    /// A Binding Request that was sent for the pair.
    struct Check: Hashable, Sendable {
        var transaction: STUNClientTransaction
        var bytes: [UInt8]
        /// With USE-CANDIDATE.
        var nominates: Bool
        /// The role that it was sent in.
        var role: ICERole
        /// Not sent again, and its silence is no failure; an answer is still taken (RFC 8445 §7.3.1.4).
        var isCancelled = false
    }

    /// The most checks of a pair that an answer is awaited for: one is under way, the others were cancelled.
    static let mostChecks = 8

    /// What names the pair within the agent.
    let id: Int
    /// The candidate of this side: that of its base, never a reflexive one (RFC 8445 §6.1.2.4).
    let local: Candidate
    var remote: Candidate
    /// Where requests are sent from.
    let base: Int
    /// The number of the pair's ``Foundation``.
    var group: Int
    /// By which it is checked: that of the base (RFC 8445 §6.1.2.3).
    var priority: UInt64
    /// By which it is picked when it is valid: that of the candidate the other side sees, so that both sides compute the same
    /// (RFC 8445 §7.2.5.3.2).
    var validPriority: UInt64 = 0
    var state = State.frozen
    var checks: [Check] = []
    /// The candidate of this side that the other one sees, when the pair is valid (RFC 8445 §7.2.5.3.2).
    var validLocal: Candidate?
    var isNominated = false
    /// The controlled side: nominated as soon as a check succeeds (RFC 8445 §7.3.1.5).
    var isNominatedBySuccess = false
    /// The controlling side: the next check has USE-CANDIDATE.
    var nominatesNext = false

    var component: Int { local.component }
    var isValid: Bool { validLocal != nil }
    /// Whether something may still come of it.
    var isPending: Bool { state == .frozen || state == .waiting || state == .inProgress }

    init(id: Int, group: Int, local: Candidate, remote: Candidate, base: Int, role: ICERole) {
        self.id = id
        self.group = group
        self.local = local
        self.remote = remote
        self.base = base
        priority = 0
        setPriority(role)
    }

    /// What two pairs have in common that probably work or fail together (RFC 8445 §6.1.2.6).
    struct Foundation: Hashable, Sendable {
        var local: [UInt8]
        var remote: [UInt8]
    }

    /// Computes the priorities for a role.
    mutating func setPriority(_ role: ICERole) {
        priority = Self.priority(local, remote, role)
        validPriority = Self.priority(validLocal ?? local, remote, role)
    }

    private static func priority(_ local: Candidate, _ remote: Candidate, _ role: ICERole) -> UInt64 {
        let isControlling = role == .controlling
        return CandidatePriority.ofPair(
            controlling: isControlling ? local.priority : remote.priority,
            controlled: isControlling ? remote.priority : local.priority)
    }

    /// Goes on to wait for a new check; what is under way is not sent again.
    mutating func wait() {
        state = .waiting
        for index in checks.indices { checks[index].isCancelled = true }
    }
}

/// A pair that is used for a component.
public struct SelectedPair: Hashable, Sendable {
    /// The candidate of this side, as the other one sees it.
    public var local: Candidate
    public var remote: Candidate
    /// The socket that it is sent from.
    public var socket: Int
    /// Whether it goes by a TURN server of ours.
    public var isRelayed: Bool
}
