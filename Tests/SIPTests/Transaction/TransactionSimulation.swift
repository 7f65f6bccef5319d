import SIP

/// A client and a server transaction on two ends of a link that loses, delays, reorders and doubles messages, with users who
/// follow a script. It runs in virtual time until nothing is left to happen.
struct TransactionSimulation<Client: ScriptedTransaction, Server: ScriptedTransaction> {
    /// What goes over the link. `confirmation` is the ACK to a 2xx, which is no part of the INVITE transaction.
    enum Message: Hashable, Sendable {
        case request, response(StatusCode), ack, confirmation
    }

    enum Side { case client, server }

    enum Event {
        case arrival(Message, at: Side)
        case timer(TransactionTimer, Side, isLifetime: Bool, generation: Int)
        case answer(StatusCode)
        case repeatSuccess(StatusCode, interval: Duration)
        case cancel
    }

    /// What can be configured, with the defaults of an ideal link.
    struct Link {
        /// The share of messages that are lost, 0 to 1.
        var loss = 0.0
        /// The share of messages that arrive twice.
        var duplication = 0.0
        /// The longest way of a message; the shortest is 5 ms.
        var longestDelay = Duration.milliseconds(5)
        /// Messages that never arrive.
        var blocks: @Sendable (Message) -> Bool = { _ in false }
    }

    /// What happened.
    struct Outcome: Equatable {
        var passedResponses: [StatusCode] = []
        var passedRequests = 0
        var clientTimeouts = 0
        var serverTimeouts = 0
        var refused = 0
        var cancels = 0
        var isConfirmed = false
        var clientIsOver = false
        var serverIsOver = false
        var sent: [Message: Int] = [:]
        var fired: Set<TransactionTimer> = []
        /// Until the transaction that lives longer is over.
        var duration = Duration.zero
    }

    private struct Slots {
        var retransmission = 0
        var lifetime = 0
    }

    private let timers: TransactionTimers
    private let link: Link
    private let script: [(after: Duration, status: StatusCode)]
    private var time: VirtualTime<Event>
    private let start: ContinuousClock.Instant
    private var random: SeededGenerator
    private var client: Client?
    private var server: Server?
    private let makeServer: Server
    private var clientSlots = Slots()
    private var serverSlots = Slots()
    private var lastResponse: StatusCode?
    private(set) var outcome = Outcome()

    init(
        client: Client, server: Server, link: Link = Link(), timers: TransactionTimers = TransactionTimers(),
        seed: UInt64 = 1, script: [(after: Duration, status: StatusCode)]
    ) {
        self.client = client
        makeServer = server
        self.link = link
        self.timers = timers
        self.script = script
        time = VirtualTime()
        start = time.now
        random = SeededGenerator(seed: seed)
    }

    /// Runs to the end; `cancelAfter` is when the client's user sends CANCEL, whose own way is not simulated.
    static func run(
        client: Client, server: Server, link: Link = Link(), timers: TransactionTimers = TransactionTimers(),
        seed: UInt64 = 1, cancelAfter: Duration? = nil, script: [(after: Duration, status: StatusCode)]
    ) -> Outcome {
        var simulation = TransactionSimulation(
            client: client, server: server, link: link, timers: timers, seed: seed, script: script)
        if let cancelAfter { simulation.time.schedule(.cancel, after: cancelAfter) }
        return simulation.run()
    }

    private mutating func run() -> Outcome {
        feedClient(.start)
        while let event = time.next() {
            handle(event)
        }
        outcome.clientIsOver = client == nil
        outcome.serverIsOver = server == nil
        return outcome
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .arrival(.request, at: _):
            if server != nil {
                feedServer(.retransmission)
            } else {
                server = makeServer
                lastResponse = nil
                for line in script { time.schedule(.answer(line.status), after: line.after) }
                feedServer(.start)
            }
        case .arrival(.response(let status), at: _):
            feedClient(.receive(status), response: status)
        case .arrival(.ack, at: _):
            feedServer(.ack)
        case .arrival(.confirmation, at: _):
            outcome.isConfirmed = true
        case .timer(let timer, let side, let isLifetime, let generation):
            let slots = side == .client ? clientSlots : serverSlots
            guard generation == (isLifetime ? slots.lifetime : slots.retransmission) else { return }
            outcome.fired.insert(timer)
            if side == .client { feedClient(.fire(timer)) } else { feedServer(.fire(timer)) }
        case .answer(let status):
            feedServer(.send(status), response: status)
            if Server.self == InviteServerTransaction.self, (200...299).contains(status) {
                time.schedule(.repeatSuccess(status, interval: timers.t1), after: timers.t1)
            }
        case .repeatSuccess(let status, let interval):
            guard !outcome.isConfirmed, server != nil else { return }
            feedServer(.send(status), response: status)
            let next = min(interval * 2, timers.t2)
            time.schedule(.repeatSuccess(status, interval: next), after: next)
        case .cancel:
            feedClient(.cancelled)
        }
    }

    private mutating func feedClient(_ input: TransactionInput, response: StatusCode? = nil) {
        guard var machine = client else { return }
        let actions = machine.take(input, timers)
        client = machine
        let effects = actions.effects
        if effects.contains(.sendRequest) || effects.contains(.resendRequest) { transmit(.request, to: .server) }
        if effects.contains(.sendAck) { transmit(.ack, to: .server) }
        if effects.contains(.passResponse), let response {
            outcome.passedResponses.append(response)
            if (200...299).contains(response), Client.self == InviteClientTransaction.self {
                transmit(.confirmation, to: .server)
            }
        }
        if effects.contains(.sendCancel) { outcome.cancels += 1 }
        if effects.contains(.reportTimeout) { outcome.clientTimeouts += 1 }
        apply(actions, .client)
        if effects.contains(.terminate) {
            client = nil
            outcome.duration = time.now - start
        }
    }

    private mutating func feedServer(_ input: TransactionInput, response: StatusCode? = nil) {
        guard var machine = server else { return }
        let actions = machine.take(input, timers)
        server = machine
        let effects = actions.effects
        if effects.contains(.passRequest) { outcome.passedRequests += 1 }
        if effects.contains(.sendTrying) { lastResponse = 100 }
        if effects.contains(.sendResponse) { lastResponse = response }
        if !effects.isDisjoint(with: [.sendTrying, .sendResponse, .resendResponse]), let lastResponse {
            transmit(.response(lastResponse), to: .client)
        }
        if effects.contains(.refuseResponse) { outcome.refused += 1 }
        if effects.contains(.reportTimeout) { outcome.serverTimeouts += 1 }
        apply(actions, .server)
        if effects.contains(.terminate) {
            server = nil
            outcome.duration = time.now - start
        }
    }

    private mutating func apply(_ actions: TransactionActions, _ side: Side) {
        var slots = side == .client ? clientSlots : serverSlots
        let changes = [(actions.retransmission, false), (actions.lifetime, true)]
        for (change, isLifetime) in changes where change != .keep {
            if isLifetime { slots.lifetime += 1 } else { slots.retransmission += 1 }
            guard case .set(let timer, let delay) = change else { continue }
            let generation = isLifetime ? slots.lifetime : slots.retransmission
            time.schedule(.timer(timer, side, isLifetime: isLifetime, generation: generation), after: delay)
        }
        if side == .client { clientSlots = slots } else { serverSlots = slots }
    }

    private mutating func transmit(_ message: Message, to side: Side) {
        outcome.sent[message, default: 0] += 1
        let copies = chance(link.duplication) ? 2 : 1
        for _ in 0..<copies where !chance(link.loss) && !link.blocks(message) {
            let spread = Double.random(in: 0...1, using: &random)
            let delay = Duration.milliseconds(5) + (link.longestDelay - .milliseconds(5)) * spread
            time.schedule(.arrival(message, at: side), after: delay)
        }
    }

    private mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &random) < probability
    }
}
