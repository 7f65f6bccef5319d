public import SIP

/// A client transaction on a lane: the machine, the request as sent, and whom to tell.
///
/// Bound to its lane; identity is what matters, so that it is a class.
public final class ClientTransaction {
    // `@exclusivity(unchecked)`, here and in what follows: members are touched by the lane's thread only, and none is handed
    // to foreign code while it is being changed, so that no check at run time is needed.
    /// The two machines.
    enum Machine {
        case invite(InviteClientTransaction)
        case nonInvite(NonInviteClientTransaction)
    }

    /// A request as it would have gone by UDP. All that names our transport differs: Via, Record-Route, Contact.
    ///
    /// Few transactions have one, so that it lies outside of them.
    final class DatagramForm {
        let request: [UInt8]
        let flow: Flow
        /// Whether the machine is a proxy's.
        let isProxied: Bool

        init(request: [UInt8], flow: Flow, isProxied: Bool) {
            self.request = request
            self.flow = flow
            self.isProxied = isProxied
        }
    }

    @exclusivity(unchecked) var machine: Machine
    /// The number of the transaction in its layer, with its generation; it is part of the branch.
    let token: UInt64
    @exclusivity(unchecked) var retransmissionTimer: UInt64 = 0
    @exclusivity(unchecked) var lifetimeTimer: UInt64 = 0
    /// The request as sent, to send again and to build CANCEL and ACK from.
    @exclusivity(unchecked) var request: [UInt8]
    /// The ACK to a final response that is no 2xx, once it was built.
    @exclusivity(unchecked) var ack: [UInt8] = []
    /// The request as it goes by UDP when TCP, which it went by for its size alone, fails (RFC 3261 §18.1.1).
    @exclusivity(unchecked) var datagramForm: DatagramForm?
    /// Whether the request is another's, which a proxy forwards.
    @exclusivity(unchecked) var isProxied = false
    /// The CANCEL of this INVITE.
    @exclusivity(unchecked) var cancel: ClientTransaction?
    /// The method.
    public let method: Method
    /// Where the request goes.
    @exclusivity(unchecked) public internal(set) var flow: Flow
    /// Whether the request goes where its target was located, and not by a flow that somebody has opened to us.
    let isLocated: Bool
    /// Whom the other side must prove to be when the transport is secure; nil for its address.
    let domain: String?
    /// Whom to tell; let go when the transaction ends.
    @exclusivity(unchecked) public var user: (any ClientTransactionUser)?
    /// A number for the user, such as an index of a branch.
    @exclusivity(unchecked) public var tag: Int
    /// The last status that was received, 0 before.
    @exclusivity(unchecked) public internal(set) var lastStatus: StatusCode = 0
    /// Whether Timer C has cancelled the INVITE of a proxy (RFC 3261 §16.8).
    @exclusivity(unchecked) public internal(set) var isGivenUp = false
    /// Whether the transaction has ended.
    @exclusivity(unchecked) public internal(set) var isTerminated = false

    init(
        machine: Machine, token: UInt64, request: [UInt8], method: Method, flow: Flow,
        isLocated: Bool, domain: String? = nil, user: (any ClientTransactionUser)?, tag: Int
    ) {
        self.machine = machine
        self.token = token
        self.request = request
        self.method = method
        self.flow = flow
        self.isLocated = isLocated
        self.domain = domain
        self.user = user
        self.tag = tag
    }

    /// The request as it was sent.
    public var sentRequest: [UInt8] { request }

    /// Whether the transaction is of INVITE.
    public var isInvite: Bool { method == .invite }
}

extension ClientTransaction.Machine {
    /// The request is to be sent.
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

    /// A response has come.
    mutating func receive(_ status: StatusCode, _ timers: TransactionTimers) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.receive(status, timers)
        case .nonInvite(var machine):
            defer { self = .nonInvite(machine) }
            return machine.receive(status, timers)
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

    /// The request could not be sent.
    mutating func transportFailed() -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.transportFailed()
        case .nonInvite(var machine):
            defer { self = .nonInvite(machine) }
            return machine.transportFailed()
        }
    }
}
