import ICE
import Reactor
import SDP
import SIP
import SIPEndpoint
import TestKit

@testable import UserAgent

/// A phone in virtual time: a call agent on a simulated host.
final class SimulatedPhone: RequestHandler {
    let user: String
    let node: SimulatedNode
    private(set) var layer: TransactionLayer!  // Set by `init` before anyone can see the phone.
    private(set) var agent: CallAgent!  // Set by `attached`, which `init` brings about.
    /// The calls that came in and went out, in order.
    private(set) var calls: [CallLeg] = []
    /// What happened in all calls, in order.
    private(set) var events: [CallLeg.Event] = []
    /// Told of each call that comes in.
    var onInvitation: (CallLeg) -> Void = { $0.answer() }
    /// Where requests outside of dialogs go.
    var proxy: URI?
    /// Who the phone says it is; nil is where it is called directly.
    var addressOfRecord: URI?
    /// Keeps the phone registered, once `register` was called.
    private(set) var registration: RegistrationAgent?
    private let media: SimulatedMedia
    private let credentials: DigestClient

    init(
        _ user: String, _ node: SimulatedNode, formats: [FormatCapability] = [.pcmu, .pcma],
        credentials: DigestClient = DigestClient(accounts: [], hash: DigestHash()),
        configuration: EndpointConfiguration = .init()
    ) {
        self.user = user
        self.node = node
        self.credentials = credentials
        media = SimulatedMedia(formats: formats)
        layer = node.start(self, configuration: configuration)
    }

    /// Where the phone is called directly.
    var uri: URI { uri("sip:\(user)@\(node.address)") }

    private func uri(_ text: String) -> URI {
        guard let uri = try? URI(text) else { preconditionFailure("\(text) is no URI") }
        return uri
    }

    /// The last call.
    var call: CallLeg {
        guard let last = calls.last else { preconditionFailure("\(user) has no call") }
        return last
    }

    /// The media of the last call.
    var sound: SimulatedMediaLeg {
        guard let leg = call.media as? SimulatedMediaLeg else { preconditionFailure("the media is not simulated") }
        return leg
    }

    /// The statuses of progress, `answered`, `ended 200` and so on.
    var story: [String] {
        events.map { event in
            switch event {
            case .progress(let status): "\(status.rawValue)"
            case .earlyMedia: "early media"
            case .answered: "answered"
            case .held(let isHeld): isHeld ? "held" : "taken up"
            case .digit(let key): "key \(key)"
            case .ended(let ending): "ended \(ending.status.rawValue) \(ending.side.rawValue)"
            }
        }
    }

    /// Who the phone is when it sends requests.
    var identity: CallAgent.Identity { .init(NameAddress(addressOfRecord ?? uri), proxy: proxy) }

    @discardableResult
    func call(_ target: URI, options: OutgoingCallOptions = .init()) throws -> CallLeg {
        let leg = try agent.call(target, as: identity, options: options)
        adopt(leg)
        return leg
    }

    /// Registers the address of record at its proxy.
    func register(_ change: (inout RegistrationConfiguration) -> Void = { _ in }) throws {
        guard let addressOfRecord, let proxy else { preconditionFailure("\(user) has no registrar") }
        var configuration = try RegistrationConfiguration(addressOfRecord: addressOfRecord, contact: uri)
        change(&configuration)
        let client = RegistrationClient(
            configuration: configuration,
            authentication: credentials, callID: Array("registration@\(node.address)".utf8),
            fromTag: Array("r\(user)".utf8), seed: layer.driver.random())
        let made = RegistrationAgent(layer: layer, client: client, destination: proxy) { [unowned self] in agent.methods
        }
        registration = made
        made.start()
    }

    func adopt(_ leg: CallLeg) {
        calls.append(leg)
        leg.onEvent = { [unowned self] in events.append($0) }
        if let ending = leg.ending { events.append(.ended(ending)) }
    }

    // MARK: RequestHandler

    func attached(to layer: TransactionLayer) {
        agent = CallAgent(layer: layer, contactUser: user, media: media, credentials: credentials)
        agent.onInvitation = { [unowned self] leg in
            adopt(leg)
            onInvitation(leg)
        }
    }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        if let defect = request.view.validate() { return layer.reject(request, defect) }
        agent.receive(request, in: layer)
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {
        layer.respondStatelessly(to: request, 481)
    }

    func connectionClosed(_ connection: UInt64, in layer: TransactionLayer) {
        registration?.connectionClosed(connection)
    }

    func pongReceived(_ connection: UInt64, in layer: TransactionLayer) { registration?.pongReceived(connection) }

    func bindingAnswered(
        _ transaction: STUNTransactionID, _ outcome: STUNBinding.Outcome, in layer: TransactionLayer
    ) {
        registration?.bindingAnswered(transaction, outcome)
    }

    func timerFired(_ token: UInt64, in layer: TransactionLayer) {
        if token & RegistrationAgent.timerMark != 0 { return registration?.timerFired(token) ?? () }
        agent.timerFired(token)
    }
}

/// Two phones and nothing between them.
struct TwoPhones {
    let network: SimulatedNetwork
    let alice: SimulatedPhone
    let bob: SimulatedPhone

    init(seed: UInt64 = 1, conditions: SimulatedNetwork.Conditions = .init()) {
        network = SimulatedNetwork(seed: seed, conditions: conditions)
        alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"))
    }

    /// The messages so far.
    var ladder: Ladder { Ladder(network, ["alice": alice.node, "bob": bob.node]) }

    /// Runs until both have answered, and the ACK has come.
    func callUp(options: OutgoingCallOptions = .init()) throws {
        try alice.call(bob.uri, options: options)
        let (alice, bob) = (alice, bob)
        network.run(until: { !bob.calls.isEmpty && bob.call.isAnswered && alice.call.isAnswered })
    }

    /// Runs for a while: as long as all transactions may take.
    func settle(_ time: Duration = .seconds(40)) { network.run(for: time) }
}
