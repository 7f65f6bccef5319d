public import SIP

/// A server transaction on a lane: the machine, its request, and the last response to send again.
///
/// Bound to its lane; identity is what matters, so that it is a class.
public final class ServerTransaction {
    // `@exclusivity(unchecked)`, here and in what follows: members are touched by the lane's thread only, and none is handed
    // to foreign code while it is being changed, so that no check at run time is needed.
    /// The two machines.
    enum Machine {
        case invite(InviteServerTransaction)
        case nonInvite(NonInviteServerTransaction)
    }

    @exclusivity(unchecked) var machine: Machine
    /// The number of the transaction in its layer, with its generation.
    let token: UInt64
    /// The hash under which it is found.
    let key: UInt64
    @exclusivity(unchecked) var retransmissionTimer: UInt64 = 0
    @exclusivity(unchecked) var lifetimeTimer: UInt64 = 0
    @exclusivity(unchecked) var lastResponse: [UInt8] = []
    /// Branch and sent-by of the request, or what stands for them with an RFC 2543 client: tells apart what has one hash.
    let identity: [UInt8]
    /// The request; let go once the final response is sent, as a retransmission needs that response alone.
    @exclusivity(unchecked) public internal(set) var request: Message?
    /// The way the request came.
    public let flow: Flow
    /// The way responses go: the flow, unless Via wants another port (RFC 3261 §18.2.2, RFC 3581 §4).
    let responseFlow: Flow
    /// The tag that this element adds to To.
    public let toTag: UInt64
    /// Whoever took the transaction; let go when it ends.
    @exclusivity(unchecked) public var user: (any ServerTransactionUser)?
    /// Whether a CANCEL has come.
    @exclusivity(unchecked) public internal(set) var isCancelled = false
    /// The values of Reason in that CANCEL, separated by commas: what a proxy puts into its own (RFC 3326 §2). Empty when it had none.
    @exclusivity(unchecked) public internal(set) var cancelReason: [UInt8] = []
    /// The last status that was sent, 0 before.
    @exclusivity(unchecked) public internal(set) var lastStatus: StatusCode = 0
    /// Whether the transaction has ended.
    @exclusivity(unchecked) public internal(set) var isTerminated = false
    /// How the client reduces what it sends when it is told to; empty when it takes no part (RFC 7339 §5.1).
    @exclusivity(unchecked) var overloadAlgorithms: OverloadAlgorithms = []

    init(
        machine: Machine, token: UInt64, key: UInt64, identity: [UInt8], request: Message, flow: Flow,
        responseFlow: Flow, toTag: UInt64
    ) {
        self.machine = machine
        self.token = token
        self.key = key
        self.identity = identity
        self.request = request
        self.flow = flow
        self.responseFlow = responseFlow
        self.toTag = toTag
    }

    /// A number that no other transaction of the lane has at the time.
    public var number: UInt64 { token }

    /// Whether the transaction is of INVITE.
    public var isInvite: Bool {
        if case .invite = machine { true } else { false }
    }

    /// Whether a final response was sent.
    public var isAnswered: Bool { lastStatus.isFinal }
}

extension ServerTransaction.Machine {
    /// The request has come.
    mutating func start(_ timers: TransactionTimers) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.start(timers)
        case .nonInvite(var machine):
            defer { self = .nonInvite(machine) }
            return machine.start(timers)
        }
    }

    /// The request has come again.
    mutating func receiveRetransmission() -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.receiveRetransmission()
        case .nonInvite(var machine):
            defer { self = .nonInvite(machine) }
            return machine.receiveRetransmission()
        }
    }

    /// A response is to be sent.
    mutating func send(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.send(status, timers)
        case .nonInvite(var machine):
            defer { self = .nonInvite(machine) }
            return machine.send(status, timers)
        }
    }

    /// A timer is over.
    mutating func fire(_ timer: TransactionTimer, _ timers: TransactionTimers) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.fire(timer, timers)
        case .nonInvite(var machine):
            defer { self = .nonInvite(machine) }
            return machine.fire(timer, timers)
        }
    }
}
