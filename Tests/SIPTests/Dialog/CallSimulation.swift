import SIP

/// A caller, a forking proxy beside it, and callees behind links that lose, delay and double messages, in virtual time.
///
/// The way between caller and proxy loses nothing, so with one callee this is a call between two user agents. ACK to 2xx, BYE
/// and everything between proxy and callees goes over the lossy links. The proxy is as simple as RFC 3261 §16.7 lets it be:
/// 1xx and 2xx go up at once, the first 2xx and the caller's CANCEL cancel the other branches, a refusal goes up when all
/// branches have ended without a 2xx.
struct CallSimulation {
    /// What a callee does, in time from the arrival of the INVITE.
    struct Callee {
        var rings: Duration? = .milliseconds(20)
        var answers: Duration?
        var refuses: (after: Duration, status: StatusCode)?
        var hangsUp: Duration?
    }

    /// What a caller does, in time from the start.
    struct Caller {
        var cancels: Duration?
    }

    enum Packet: Hashable { case invite, response(StatusCode), hopAck, ack, request(SIP.Method), answer(SIP.Method) }
    enum Side: Hashable { case caller, callee }
    enum Key: Hashable {
        case branchClient(Int, isLifetime: Bool), branchServer(Int, isLifetime: Bool)
        case outgoing(OutgoingInvite.Timer), incoming(Int, IncomingInvite.Timer)
        case exchange(Exchange.Name, Side, isLifetime: Bool)
    }
    enum Event {
        case arrival(Packet, Int, at: Side), timer(Key, Int)
        case cancel, ring(Int), answer(Int), refuse(Int, StatusCode), hangUp(Int)
    }

    /// A request other than INVITE: its two transactions. At the caller's end stands the proxy for CANCEL, the caller for BYE.
    struct Exchange {
        struct Name: Hashable {
            var method: SIP.Method
            var callee: Int
            var from: Side
        }
        var client: NonInviteClientTransaction? = NonInviteClientTransaction(isReliable: false)
        var server: NonInviteServerTransaction?
    }

    struct Branch {
        var client: InviteClientTransaction? = InviteClientTransaction(isReliable: false, isProxied: true)
        var server: InviteServerTransaction?
        var incoming: IncomingInvite?
        var lastResponse: StatusCode = 100
        var wantsCancel = false
        var final: StatusCode?
        var isInCall = false
        var endings: [IncomingInvite.Ending] = []
        var invitations = 0
    }

    private(set) var branches: [Branch]
    private(set) var outgoing: OutgoingInvite
    private(set) var callersEnding: OutgoingInvite.Ending?
    private(set) var callersDialog: Int?
    private(set) var isFinished = false
    private(set) var exchanges: [Exchange.Name: Exchange] = [:]
    private(set) var answered: Set<Exchange.Name> = []

    private let callees: [Callee]
    private let loss: Double
    private let longestDelay: Duration
    private let timers = TransactionTimers()
    private var time = VirtualTime<Event>()
    private var random: SeededGenerator
    private var generations: [Key: Int] = [:]
    private var isCancelled = false
    private var hasPassedFinal = false

    init(
        callees: [Callee], caller: Caller = Caller(), loss: Double = 0, longestDelay: Duration = .milliseconds(10),
        seed: UInt64 = 1
    ) throws {
        self.callees = callees
        self.loss = loss
        self.longestDelay = longestDelay
        random = SeededGenerator(seed: seed)
        branches = callees.map { _ in Branch() }
        outgoing = OutgoingInvite(request: try DialogMessages.request())
        if let cancels = caller.cancels { time.schedule(.cancel, after: cancels) }
    }

    mutating func run() throws {
        try perform(outgoing.start())
        for index in branches.indices { try feedClient(index) { $0.start($1) } }
        while let event = time.next() { try handle(event) }
    }

    private mutating func handle(_ event: Event) throws {
        switch event {
        case .arrival(let packet, let index, .callee): try arriveAtCallee(packet, index)
        case .arrival(let packet, let index, .caller): try arriveAtCaller(packet, index)
        case .timer(let key, let generation):
            guard generations[key] == generation else { return }
            try fire(key)
        case .cancel: try perform(outgoing.cancel())
        case .ring(let index): try drive(index) { $0.progress(180) }
        case .answer(let index): try drive(index) { $0.accept() }
        case .refuse(let index, let status): try drive(index) { $0.reject(status) }
        case .hangUp(let index): try drive(index) { $0.hangUp() }
        }
    }

    // MARK: The caller

    private mutating func perform(_ actions: [OutgoingInvite.Action]) throws {
        for action in actions {
            switch action {
            case .progress, .sendPrack, .dialogEnded: break
            case .accepted(let dialog): callersDialog = callee(of: dialog)
            case .sendAck(let dialog), .resendAck(let dialog): transmit(.ack, callee(of: dialog), to: .callee)
            case .sendBye(let dialog): try request(.bye, callee(of: dialog), from: .caller)
            case .sendCancel: try cancelBranches()
            case .ended(let ending): callersEnding = ending
            case .set(let timer, let delay): set(.outgoing(timer), delay)
            case .finished: isFinished = true
            }
        }
    }

    /// The tags of the callees are their numbers.
    private func callee(of dialog: Int) -> Int {
        Int(DialogMessages.text(outgoing.dialogs[dialog].id.remoteTag)) ?? 0
    }

    private mutating func passUp(_ status: StatusCode, _ index: Int) throws {
        let response = try DialogMessages.response(
            Int(status.rawValue), toTag: "\(index)", contact: "<sip:bob@10.0.1.\(index)>")
        try perform(outgoing.receive(response))
    }

    // MARK: The proxy

    private mutating func cancelBranches() throws {
        isCancelled = true
        for index in branches.indices { try cancelBranch(index) }
    }

    private mutating func cancelBranch(_ index: Int) throws {
        branches[index].wantsCancel = true
        guard branches[index].client?.state == .proceeding,
            exchanges[Exchange.Name(method: .cancel, callee: index, from: .caller)] == nil
        else { return }
        try request(.cancel, index, from: .caller)
        try feedClient(index) { $0.cancelled($1) }
    }

    private mutating func feedClient(
        _ index: Int, status: StatusCode? = nil,
        _ input: (inout InviteClientTransaction, TransactionTimers) -> TransactionActions
    ) throws {
        guard var client = branches[index].client else { return }
        let actions = input(&client, timers)
        branches[index].client = client
        let effects = actions.effects
        if !effects.isDisjoint(with: [.sendRequest, .resendRequest]) { transmit(.invite, index, to: .callee) }
        if effects.contains(.sendAck) { transmit(.hopAck, index, to: .callee) }
        apply(actions, { .branchClient(index, isLifetime: $0) })
        if effects.contains(.terminate) { branches[index].client = nil }
        if effects.contains(.passResponse), let status { try takeResponse(status, index) }
        if effects.contains(.reportTimeout) { try takeFinal(408, index) }
        if effects.contains(.sendCancel) { try request(.cancel, index, from: .caller) }
    }

    private mutating func takeResponse(_ status: StatusCode, _ index: Int) throws {
        if status.isProvisional {
            try passUp(status, index)
            if branches[index].wantsCancel { try cancelBranch(index) }
        } else if status.isSuccess {
            branches[index].final = status
            hasPassedFinal = true
            try passUp(status, index)
            for other in branches.indices where other != index { try cancelBranch(other) }
        } else {
            try takeFinal(status, index)
        }
    }

    private mutating func takeFinal(_ status: StatusCode, _ index: Int) throws {
        branches[index].final = branches[index].final ?? status
        guard !hasPassedFinal, branches.allSatisfy({ $0.final != nil }) else { return }
        hasPassedFinal = true
        try passUp(branches.compactMap(\.final).min() ?? status, index)
    }

    // MARK: The callees

    private mutating func arriveAtCallee(_ packet: Packet, _ index: Int) throws {
        switch packet {
        case .invite:
            guard branches[index].server == nil else {
                return try feedServer(index) { machine, _ in machine.receiveRetransmission() }
            }
            try invite(index)
        case .hopAck:
            try feedServer(index) { $0.receiveAck($1) }
        case .ack:
            let ack = try DialogMessages.request("ACK", toTag: "\(index)")
            try drive(index) { $0.receiveAck(ack) }
        case .request(let method):
            try receive(method, index, from: .caller)
        case .answer(let method):
            try feedExchange(Exchange.Name(method: method, callee: index, from: .callee)) { $0.receive(200, $1) }
        case .response: break
        }
    }

    private mutating func invite(_ index: Int) throws {
        branches[index].invitations += 1
        branches[index].server = InviteServerTransaction(isReliable: false)
        branches[index].incoming = try IncomingInvite(
            request: DialogMessages.request(), localTag: Array("\(index)".utf8))
        try feedServer(index) { $0.start($1) }
        try drive(index) { $0.start() }
        let callee = callees[index]
        if let rings = callee.rings { time.schedule(.ring(index), after: rings) }
        if let answers = callee.answers { time.schedule(.answer(index), after: answers) }
        if let (after, status) = callee.refuses { time.schedule(.refuse(index, status), after: after) }
        if let hangsUp = callee.hangsUp { time.schedule(.hangUp(index), after: hangsUp) }
    }

    private mutating func drive(_ index: Int, _ input: (inout IncomingInvite) -> [IncomingInvite.Action]) throws {
        guard var incoming = branches[index].incoming else { return }
        let actions = input(&incoming)
        branches[index].incoming = incoming
        for action in actions {
            switch action {
            case .send(let status):
                branches[index].lastResponse = status
                try feedServer(index) { $0.send(status, $1) }
            case .resend:
                let status = branches[index].lastResponse
                try feedServer(index) { $0.send(status, $1) }
            case .sendBye:
                try request(.bye, index, from: .callee)
            case .confirmed:
                branches[index].isInCall = true
            case .ended(let ending):
                branches[index].isInCall = false
                branches[index].endings.append(ending)
            case .set(let timer, let delay): set(.incoming(index, timer), delay)
            case .stop(let timer): generations[.incoming(index, timer), default: 0] += 1
            }
        }
    }

    private mutating func feedServer(
        _ index: Int, _ input: (inout InviteServerTransaction, TransactionTimers) -> TransactionActions
    ) throws {
        guard var server = branches[index].server else { return }
        let actions = input(&server, timers)
        branches[index].server = server
        let effects = actions.effects
        if effects.contains(.sendTrying) { transmit(.response(100), index, to: .caller) }
        if !effects.isDisjoint(with: [.sendResponse, .resendResponse]) {
            transmit(.response(branches[index].lastResponse), index, to: .caller)
        }
        apply(actions, { .branchServer(index, isLifetime: $0) })
        if effects.contains(.terminate) { branches[index].server = nil }
    }

    // MARK: The lossy links

    private mutating func arriveAtCaller(_ packet: Packet, _ index: Int) throws {
        switch packet {
        case .response(let status): try feedClient(index, status: status) { $0.receive(status, $1) }
        case .request(let method): try receive(method, index, from: .callee)
        case .answer(let method):
            try feedExchange(Exchange.Name(method: method, callee: index, from: .caller)) { $0.receive(200, $1) }
        case .invite, .hopAck, .ack: break
        }
    }

    private mutating func request(_ method: SIP.Method, _ index: Int, from side: Side) throws {
        let name = Exchange.Name(method: method, callee: index, from: side)
        guard exchanges[name] == nil else { return }
        exchanges[name] = Exchange()
        try feedExchange(name) { $0.start($1) }
    }

    /// A CANCEL or BYE arrived: its first copy has its effect, all are answered.
    private mutating func receive(_ method: SIP.Method, _ index: Int, from side: Side) throws {
        let name = Exchange.Name(method: method, callee: index, from: side)
        let isFirst = exchanges[name]?.server == nil
        if isFirst { exchanges[name]?.server = NonInviteServerTransaction(isReliable: false) }
        try feedExchangeServer(name) { isFirst ? $0.start($1) : $0.receiveRetransmission() }
        guard isFirst else { return }
        if side == .caller {
            try drive(index) { method == .bye ? $0.receiveBye() : $0.receiveCancel() }
        } else if callersDialog == index {
            callersDialog = nil
        }
        try feedExchangeServer(name) { $0.send(200, $1) }
    }

    private mutating func feedExchange(
        _ name: Exchange.Name, _ input: (inout NonInviteClientTransaction, TransactionTimers) -> TransactionActions
    ) throws {
        guard var client = exchanges[name]?.client else { return }
        let actions = input(&client, timers)
        exchanges[name]?.client = client
        let effects = actions.effects
        if !effects.isDisjoint(with: [.sendRequest, .resendRequest]) {
            transmit(.request(name.method), name.callee, to: name.from == .caller ? .callee : .caller)
        }
        if effects.contains(.passResponse) { answered.insert(name) }
        apply(actions, { .exchange(name, name.from, isLifetime: $0) })
        if effects.contains(.terminate) { exchanges[name]?.client = nil }
    }

    private mutating func feedExchangeServer(
        _ name: Exchange.Name, _ input: (inout NonInviteServerTransaction, TransactionTimers) -> TransactionActions
    ) throws {
        guard var server = exchanges[name]?.server else { return }
        let actions = input(&server, timers)
        exchanges[name]?.server = server
        if !actions.effects.isDisjoint(with: [.sendResponse, .resendResponse]) {
            transmit(.answer(name.method), name.callee, to: name.from)
        }
        apply(actions, { .exchange(name, name.from == .caller ? .callee : .caller, isLifetime: $0) })
    }

    private mutating func transmit(_ packet: Packet, _ index: Int, to side: Side) {
        let copies = Double.random(in: 0..<1, using: &random) < loss / 4 ? 2 : 1
        for _ in 0..<copies where Double.random(in: 0..<1, using: &random) >= loss {
            let share = Double.random(in: 0...1, using: &random)
            time.schedule(.arrival(packet, index, at: side), after: longestDelay * share)
        }
    }

    // MARK: Time

    private mutating func set(_ key: Key, _ delay: Duration) {
        generations[key, default: 0] += 1
        time.schedule(.timer(key, generations[key, default: 0]), after: delay)
    }

    private mutating func apply(_ actions: TransactionActions, _ key: (Bool) -> Key) {
        for (change, isLifetime) in [(actions.retransmission, false), (actions.lifetime, true)] {
            switch change {
            case .keep: break
            case .cancel: generations[key(isLifetime), default: 0] += 1
            case .set(let timer, let delay):
                fired[key(isLifetime)] = timer
                set(key(isLifetime), delay)
            }
        }
    }

    /// Which timer runs in a slot.
    private var fired: [Key: TransactionTimer] = [:]

    private mutating func fire(_ key: Key) throws {
        let timer = fired[key] ?? .expiry
        switch key {
        case .branchClient(let index, _): try feedClient(index) { $0.fire(timer, $1) }
        case .branchServer(let index, _): try feedServer(index) { $0.fire(timer, $1) }
        case .outgoing(let timer): try perform(outgoing.fire(timer))
        case .incoming(let index, let timer): try drive(index) { $0.fire(timer) }
        case .exchange(let name, let side, _):
            if side == name.from {
                try feedExchange(name) { $0.fire(timer, $1) }
            } else {
                try feedExchangeServer(name) { $0.fire(timer, $1) }
            }
        }
    }
}
