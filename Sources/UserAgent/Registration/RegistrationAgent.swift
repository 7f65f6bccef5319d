import ICE
import Reactor
import SIP
import SIPEndpoint

/// Keeps an account registered on its lane: carries out what `RegistrationClient` orders.
final class RegistrationAgent: ClientTransactionUser {
    /// What happens to a registration.
    enum Event: Sendable {
        case registered(expires: Duration)
        case unregistered
        case expired
        /// The flow has failed that the account was bound by; the next attempt follows after the duration.
        case flowFailed(retryAfter: Duration)
        /// An attempt failed; `detail` is what the transport says, if it was that.
        case failed(RegistrationClient.Failure, retryAfter: Duration?, detail: String? = nil)
    }

    private let layer: TransactionLayer
    private var client: RegistrationClient
    private let destination: URI
    /// The methods that the registered phone takes.
    private let methods: () -> MethodSet
    private var timers: [UInt8: UInt64] = [:]
    /// The REGISTER on its way.
    private var transaction: ClientTransaction?
    /// The server that the last REGISTER went to, and those that are left when it is of no use.
    private var server: Target?
    private var alternatives = TargetSet()
    /// The server that the next REGISTER goes to, without locating any.
    private var nextServer: Target?
    /// Why the transaction has failed that is being started.
    private var early: TransactionFailure?
    private var isStarting = false
    /// Why the transport could not deliver the last request.
    private var detail: String?
    /// The flow that the account is bound by; nil before it is, and when that flow has failed.
    private(set) var flow: Flow?
    private var keepAlive: FlowKeepAlive?
    /// The last Binding Request, and the address that its server sees.
    private var binding = STUNTransactionID(upper: 0, lower: 0)
    private var mapped: STUNAddress?
    var onEvent: (Event) -> Void = { _ in }
    /// Told of the public and the temporary GRUU of the device when either is another (RFC 5627 §4.2).
    var onGRUUs: (_ public: URI?, _ temporary: URI?) -> Void = { _, _ in }
    private var gruus: [URI?] = [nil, nil]
    /// Told what names the registration in the contacts of dialogs.
    var onReference: (_ reference: String) -> Void = { _ in }

    /// Marks the timer tokens of a registration.
    static let timerMark: UInt64 = 1 << 58

    init(
        layer: TransactionLayer, client: RegistrationClient, destination: URI, methods: @escaping () -> MethodSet
    ) {
        self.layer = layer
        self.client = client
        self.destination = destination
        self.methods = methods
    }

    /// Whether the account is bound, as far as is known.
    var isBound: Bool { client.isBound }

    /// Whether the account is bound and no request is on its way.
    var isRegistered: Bool { client.state == .registered }

    /// Whether a REGISTER that binds the account is on its way.
    var isUnderWay: Bool { client.state == .registering }

    /// Registers, and stays registered.
    func start() { change { $0.start() } }

    /// Refreshes the binding now.
    func refresh() { change { $0.refresh() } }

    /// The phone is reached at another contact now.
    func move(to contact: URI) {
        if !contact.isEquivalent(to: client.configuration.contact) { leaveFlow() }
        change { $0.move(to: contact) }
    }

    /// Takes the binding away.
    func stop() { change { $0.stop() } }

    func timerFired(_ token: UInt64) {
        let raw = UInt8(truncatingIfNeeded: token)
        timers[raw] = nil
        if raw >= Self.keepAliveTimers, let timer = FlowKeepAlive.Timer(rawValue: raw - Self.keepAliveTimers) {
            return drive { $0.fire(timer) }
        }
        guard let timer = RegistrationClient.Timer(rawValue: raw) else { return }
        change { $0.fire(timer) }
    }

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        guard transaction === self.transaction else { return }
        let status = response.view.statusCode
        if status.isFinal, TargetSet.leadsOn(status), sendToNextServer() { return }
        // Credentials, or a longer interval, are for the server that wants them.
        nextServer = server
        change { $0.receive(response.view) }
        nextServer = nil
    }

    /// Sends the REGISTER to the next server (RFC 3263 §4.3); false when there is none.
    private func sendToNextServer() -> Bool {
        guard let next = alternatives.next(in: layer) else { return false }
        nextServer = next
        change { $0.sendElsewhere() }
        nextServer = nil
        return true
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        guard !isStarting else {
            early = failure
            return
        }
        guard transaction === self.transaction else { return }
        if TargetSet.leadsOn(transaction), sendToNextServer() { return }
        if case .transport(let reason) = failure { detail = reason }
        change { $0.transactionFailed(isTimeout: failure == .timeout) }
    }

    private func change(_ input: (inout RegistrationClient) -> [RegistrationClient.Action]) {
        let actions = input(&client)
        let learnt = [client.publicGRUU, client.temporaryGRUU]
        if learnt != gruus {
            gruus = learnt
            onGRUUs(client.publicGRUU, client.temporaryGRUU)
        }
        if let reference = client.registrationReference { onReference(reference) }
        for action in actions {
            switch action {
            case .send: send()
            case .registered(let expires):
                keepFlow()
                onEvent(.registered(expires: expires))
            case .unregistered:
                leaveFlow()
                onEvent(.unregistered)
            case .flowFailed(let delay): onEvent(.flowFailed(retryAfter: delay))
            case .expired: onEvent(.expired)
            case .failed(let failure, let retryAfter): onEvent(.failed(failure, retryAfter: retryAfter, detail: detail))
            case .set(let timer, let delay):
                stop(timer)
                timers[timer.rawValue] = layer.schedule(Self.timerMark | UInt64(timer.rawValue), after: delay)
            case .stop(let timer): stop(timer)
            }
        }
    }

    private func stop(_ timer: RegistrationClient.Timer) { stop(timer: timer.rawValue) }

    private func stop(timer raw: UInt8) {
        if let handle = timers.removeValue(forKey: raw) { layer.cancel(timer: handle) }
    }

    // MARK: The flow (RFC 5626 §4.4, §4.5)

    /// Where the numbers of timers of keep-alives begin.
    private static let keepAliveTimers: UInt8 = 16

    /// A connection is no more.
    func connectionClosed(_ connection: UInt64) {
        if connection != 0, flow?.connection == connection { flowFailed() }
    }

    /// A ping was answered.
    func pongReceived(_ connection: UInt64) {
        if connection != 0, flow?.connection == connection { drive { $0.answered() } }
    }

    /// A Binding Request was answered: the flow has failed when this side is seen at another address than before.
    func bindingAnswered(_ transaction: STUNTransactionID, _ outcome: STUNBinding.Outcome) {
        guard flow != nil, transaction == binding else { return }
        guard case .mapped(let source) = outcome, mapped == nil || mapped == source else {
            return drive { $0.refused() }
        }
        mapped = source
        drive { $0.answered() }
    }

    /// The account was bound: the flow is kept alive.
    private func keepFlow() {
        guard let used = transaction?.flow else { return }
        if used != flow {
            leaveFlow()
            flow = used
            keepAlive = FlowKeepAlive(used.connection == 0 ? .binding : .lineEnds, seed: layer.driver.random())
        }
        drive { $0.start(flowTimer: client.flowTimer, expectsAnswer: client.isOutbound) }
    }

    private func leaveFlow() {
        drive { $0.stop() }
        keepAlive = nil
        flow = nil
        mapped = nil
    }

    private func flowFailed() {
        leaveFlow()
        change { $0.flowFailed() }
    }

    private func drive(_ input: (inout FlowKeepAlive) -> [FlowKeepAlive.Action]) {
        guard let flow, var machine = keepAlive else { return }
        let actions = input(&machine)
        keepAlive = machine
        for action in actions {
            switch action {
            case .send:
                let random = layer.driver.random()
                binding = STUNTransactionID(
                    upper: UInt32(truncatingIfNeeded: layer.driver.random()), lower: random)
                _ = layer.keepAlive(flow, binding)
            case .resend: _ = layer.keepAlive(flow, binding)
            case .proven: client.flowProven()
            case .failed:
                // The end of its connection is told by the layer.
                if flow.connection == 0 { flowFailed() } else { layer.abandon(flow) }
            case .set(let timer, let delay):
                let raw = Self.keepAliveTimers + timer.rawValue
                stop(timer: raw)
                timers[raw] = layer.schedule(Self.timerMark | UInt64(raw), after: delay)
            case .stop(let timer): stop(timer: Self.keepAliveTimers + timer.rawValue)
            }
        }
    }

    private func send() {
        detail = nil
        if let server = nextServer { return send(to: server) }
        layer.locate(destination) { [self] targets in
            alternatives = TargetSet(targets)
            guard let first = alternatives.next(in: layer) else {
                transaction = nil
                return change { $0.transactionFailed(isTimeout: false) }
            }
            send(to: first)
        }
    }

    private func send(to target: Target) {
        server = target
        early = nil
        isStarting = true
        let sent = layer.send(.register, to: target, user: self) { writer, via, _ in
            client.writeHead(via: via, into: &writer)
            let name = layer.configuration.softwareName
            if !name.isEmpty { writer.append("User-Agent: \(name)\r\n") }
            writer.append("Allow: \(methods())\r\nContent-Length: 0\r\n\r\n")
        }
        isStarting = false
        transaction = sent
        if let sent {
            if let early { failed(sent, early, in: layer) }
        } else if !sendToNextServer() {
            change { $0.transactionFailed(isTimeout: false) }
        }
    }
}
