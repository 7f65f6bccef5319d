public import SIP

/// The transaction layer of one lane (RFC 3261 §17) with the transport layer's sending below it (§18).
///
/// It owns all transactions of the lane, feeds the machines of `SIP` and carries out what they order. It is bound to its
/// lane: every call must come from there.
public final class TransactionLayer {
    // `@exclusivity(unchecked)`, here and in what follows: members are touched by the lane's thread only, and none is handed
    // to foreign code while it is being changed, so that no check at run time is needed.
    /// The world below.
    @exclusivity(unchecked) public private(set) var driver: any EndpointDriver
    /// Settings.
    public let configuration: EndpointConfiguration
    /// Our listeners; their index is a flow's `listener`.
    @exclusivity(unchecked) public private(set) var listeners: [Listener]
    /// Who takes new requests.
    @exclusivity(unchecked) public private(set) unowned var handler: any RequestHandler
    /// Whether the lane has come to its end: no request is sent any more.
    @exclusivity(unchecked) private(set) var isEnded = false
    /// Sees every message that is sent or received, for traces and ladders; called on the lane, and must not block.
    @exclusivity(unchecked) public var tap: ((_ bytes: UnsafeRawBufferPointer, _ flow: Flow, _ isSent: Bool) -> Void)?
    /// What was counted.
    @exclusivity(unchecked) public internal(set) var counters = EndpointCounters()
    /// Which targets have failed.
    @exclusivity(unchecked) var health: TargetHealth
    /// Whether this lane has too much to do.
    @exclusivity(unchecked) var gate: OverloadGate
    /// Which servers have too much to do.
    @exclusivity(unchecked) var throttles: OverloadTable
    /// Part of every branch and tag of this start.
    let bootIdentifier: UInt64
    @exclusivity(unchecked) var clients = TransactionTable<ClientTransaction>()
    @exclusivity(unchecked) var servers = TransactionTable<ServerTransaction>()
    /// Server transactions by the hash of their identity: those in `servers`.
    @exclusivity(unchecked) var serversByKey = ServerTransactionIndex()
    /// Client transactions on each connection, to be told when it ends.
    @exclusivity(unchecked) var clientsByConnection: [UInt64: Set<UInt64>] = [:]
    @exclusivity(unchecked) var index = MessageIndex()
    // What writes a message is given the writer, and sends nothing meanwhile; debug builds check that.
    #if DEBUG
        var scratch = ByteWriter(capacity: 4_096)
    #else
        @exclusivity(unchecked) var scratch = ByteWriter(capacity: 4_096)
    #endif
    let addressText = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 1)

    /// Makes the layer of one lane.
    public init(
        driver: any EndpointDriver, configuration: EndpointConfiguration, listeners: [Listener],
        handler: any RequestHandler
    ) {
        self.driver = driver
        self.configuration = configuration
        self.listeners = listeners
        self.handler = handler
        health = TargetHealth(configuration.health)
        gate = OverloadGate(configuration.overload, seed: driver.random(), now: driver.now)
        throttles = OverloadTable(laneCount: configuration.overload.laneCount)
        bootIdentifier = driver.random()
    }

    deinit { addressText.deallocate() }

    /// The lane has come to its end: whoever waits for a response is told that none will come, and all transactions are let go. Those of
    /// proxies are let go in silence, as a failure would say something of their targets.
    ///
    /// - Parameter rest: what is above and below from now on.
    func end(with rest: some EndpointDriver & RequestHandler) {
        isEnded = true
        driver = rest
        for transaction in clients.all where !transaction.isProxied { fail(transaction, "this side has been stopped") }
        for transaction in clients.all {
            transaction.user = nil
            transaction.cancel = nil
        }
        for transaction in servers.all { transaction.user = nil }
        clientsByConnection = [:]
        clients = TransactionTable()
        serversByKey = ServerTransactionIndex()
        servers = TransactionTable()
        handler = rest
        tap = nil
    }

    /// A listener has moved to another address, as this machine has: what is sent from now on says so.
    public func relocate(_ index: Int, to listener: Listener) { listeners[index] = listener }

    /// Transactions that this lane holds, clients and servers.
    public var transactionCount: Int { clients.count + servers.count }

    // MARK: Timers

    /// Who a timer belongs to: the top bits of its token.
    enum TimerOwner: UInt64 {
        case client = 0
        case server = 1
        case user = 2
    }

    /// Starts a timer of the request handler; `token` has 60 bits.
    public func schedule(_ token: UInt64, after delay: Duration) -> UInt64 {
        driver.schedule(TimerOwner.user.rawValue << 62 | token & 0xFFF_FFFF_FFFF_FFFF, after: delay)
    }

    /// Stops a timer.
    public func cancel(timer: UInt64) { driver.cancel(timer: timer) }

    static func timerToken(_ owner: TimerOwner, _ transaction: UInt64, lifetime: Bool, _ timer: TransactionTimer)
        -> UInt64
    {
        // 28 bits of slot and 29 of generation leave 5 for the timer's letter; the generation is compared in full by
        // the timer handle, which is cancelled when its transaction ends.
        owner.rawValue << 62 | UInt64(timer.rawValue) << 57 | transaction & 0x1FF_FFFF_FFFF_FFFF
    }

    /// A timer has fired.
    public func timerFired(_ token: UInt64) {
        let timer = TransactionTimer(rawValue: UInt8(truncatingIfNeeded: token >> 57 & 0x1F))
        let transaction = token & 0x1FF_FFFF_FFFF_FFFF
        switch (TimerOwner(rawValue: token >> 62), timer) {
        case (.client, .some(let timer)): clientTimerFired(transaction, timer)
        case (.server, .some(let timer)): serverTimerFired(transaction, timer)
        default: handler.timerFired(token & 0xFFF_FFFF_FFFF_FFFF, in: self)
        }
    }

    // MARK: Receiving

    /// A datagram, or a message cut out of a stream.
    public func receive(_ bytes: UnsafeRawBufferPointer, _ flow: Flow) {
        guard !answersSTUN(bytes, flow), indexMessage(bytes, flow.transport.keepsBoundaries ? .datagram : .stream)
        else {
            return
        }
        handleIndexed(bytes, flow)
    }

    /// Indexes what has come; false when that was all there was to do with it: keep-alives, and what is no SIP.
    func indexMessage(_ bytes: UnsafeRawBufferPointer, _ framing: MessageIndex.Framing) -> Bool {
        if bytes.count <= 4, isKeepAlive(bytes) {
            counters.keepAlives &+= 1
            return false
        }
        do throws(MessageDefect) {
            try index.parse(bytes, limits: configuration.limits, framing: framing)
            return true
        } catch {
            counters.malformed &+= 1
            return false
        }
    }

    /// The message that was indexed last.
    func indexedView(_ bytes: UnsafeRawBufferPointer) -> MessageView { index.view(of: bytes) }

    /// Handles the message that was indexed last.
    func handleIndexed(_ bytes: UnsafeRawBufferPointer, _ flow: Flow) {
        if let tap { tap(bytes, flow, false) }
        let view = index.view(of: bytes)
        if view.isRequest {
            counters.requestsReceived &+= 1
            receiveRequest(view, flow, index.defect)
        } else {
            counters.responsesReceived &+= 1
            guard index.defect == nil else {
                counters.malformed &+= 1
                return
            }
            receiveResponse(view, flow)
        }
    }

    /// A datagram of line ends or a single NUL keeps a NAT's mapping open and says nothing (RFC 5626 §4.4.1).
    private func isKeepAlive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes where byte != 0x0D && byte != 0x0A && byte != 0 { return false }
        return true
    }

    private func receiveRequest(_ view: MessageView, _ flow: Flow, _ defect: MessageDefect?) {
        let via: ViaIndex
        do throws(MessageDefect) {
            via = try view.topVia
        } catch {
            // Without a Via there is nowhere to answer to.
            guard let via = view.topViaToAnswer else {
                counters.malformed &+= 1
                return
            }
            return reject(incoming(view, flow, via), defect ?? error)
        }
        let request = incoming(view, flow, via)
        if let defect { return reject(request, defect) }
        // A retransmission, an ACK or a CANCEL finds its transaction by what the topmost Via says.
        if let transaction = findServer(request.key, request) {
            if view.method == .ack {
                receiveAck(transaction, request)
            } else {
                counters.retransmissionsReceived &+= 1
                retransmitted(transaction)
            }
            return
        }
        if view.method == .cancel { return receiveCancel(request) }
        guard takes(request) else { return }
        if configuration.overload.trialCost > .zero { spendTrialCost() }
        handler.receive(request, in: self)
    }

    private func incoming(_ view: MessageView, _ flow: Flow, _ via: ViaIndex) -> IncomingRequest {
        IncomingRequest(
            view: view, flow: flow, via: via,
            key: transactionKey(view, via, view.method == .ack ? .invite : view.method))
    }

    /// Answers a request that is too broken to act on; ACK is never answered.
    public func reject(_ request: IncomingRequest, _ defect: MessageDefect) {
        counters.rejected &+= 1
        guard request.view.method != .ack else { return }
        respondStatelessly(to: request, defect.status, reason: defect.reason)
    }
}
