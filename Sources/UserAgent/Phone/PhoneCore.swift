import Crypto
import ICE
import Reactor
import SIP
import SIPEndpoint

/// What runs on the lane of a user agent: its calls and its registration.
///
/// Bound to the lane.
final class PhoneCore: RequestHandler, @unchecked Sendable {
    // Proof of Sendable: made on the lane and touched there only; others hold it to pass it back to the lane.

    let account: Account
    private let media: any MediaProvider
    private(set) var agent: CallAgent!  // Set by `attached`, before the first message.
    private(set) var registration: RegistrationAgent?
    var trace: (@Sendable (TracedMessage) -> Void)?
    /// What names the device.
    var instance: InstanceID?
    /// What lets the network wake the device.
    var push: PushParameters?
    /// Which GRUU is used.
    var gruu = UserAgent.GRUUChoice.public
    var onInvitation: (CallLeg) -> Void = { $0.reject(480) }
    /// The REFERs outside of calls that are under way.
    var referrals: [ObjectIdentifier: OutgoingReferral] = [:]
    /// Told of what happens to the registration, beside those who wait.
    var onRegistration: (RegistrationAgent.Event) -> Void = { _ in }
    /// Those who wait until the account is bound, or cannot be.
    private var registering: [(Result<Void, RegistrationError>) -> Void] = []
    /// Those who wait until the binding is gone.
    private var unregistering: [() -> Void] = []
    /// Whether the agent shuts down: nothing is registered any more.
    private var isOver = false
    /// Looks for changes of the network; cancelled when the agent shuts down.
    var networkWatch: Task<Void, Never>?

    init(_ account: Account, media: any MediaProvider) {
        self.account = account
        self.media = media
    }

    func attached(to layer: TransactionLayer) {
        if let trace {
            layer.tap = { bytes, flow, isSent in
                trace(
                    TracedMessage(
                        time: .now, source: isSent ? flow.local : flow.remote,
                        destination: isSent ? flow.remote : flow.local, bytes: Array(bytes)))
            }
        }
        let name = account.authenticationUser ?? account.uri.user ?? ""
        let credentials = DigestClient(
            accounts: [DigestAccount(username: name, password: account.password)], hash: .crypto)
        agent = CallAgent(
            layer: layer, contactUser: account.uri.user ?? "phone", media: media, credentials: credentials)
        agent.onInvitation = { [unowned self] leg in onInvitation(leg) }
        agent.supportsGRUU = instance != nil
        registration = makeRegistration(layer, credentials)
        registration?.onEvent = { [unowned self] event in registrationHappened(event) }
        registration?.onReference = { [unowned self] in agent.registrationReference = $0 }
        registration?.onGRUUs = { [unowned self] `public`, temporary in
            agent.gruu =
                switch gruu {
                case .none: nil
                case .public: `public`
                case .temporary: temporary
                }
        }
    }

    func ended(in layer: TransactionLayer) {
        isOver = true
        let waiting = unregistering
        unregistering = []
        for completion in waiting { completion() }
        tellRegistering(.failure(RegistrationError(nil, "The user agent has been shut down")))
        agent.end()
        // Those who hear of something have what this one has, and so this one.
        registration?.onEvent = { _ in }
        registration?.onReference = { _ in }
        registration?.onGRUUs = { _, _ in }
        onInvitation = { _ in }
        onRegistration = { _ in }
        referrals = [:]
    }

    // MARK: Registration

    /// How many wait until the account is bound, or cannot be.
    var registeringCount: Int { registering.count }

    /// Registers; `completion` is told once, when the account is bound or cannot be, however many others wait.
    func register(_ completion: @escaping (Result<Void, RegistrationError>) -> Void) {
        guard let registration else {
            return completion(.failure(RegistrationError(nil, "There is nothing to register")))
        }
        guard !isOver else { return completion(.failure(RegistrationError(nil, "The user agent has been shut down"))) }
        guard !registration.isRegistered else { return completion(.success(())) }
        registering.append(completion)
        registration.start()
    }

    /// Takes the binding away for good; `completion` is told once when it is gone, or there is none. Who waits until the account is
    /// bound waits no longer.
    func unregisterForGood(_ completion: @escaping () -> Void) {
        isOver = true
        tellRegistering(.failure(RegistrationError(nil, "The user agent has been shut down")))
        guard let registration, registration.isBound else { return completion() }
        unregistering.append(completion)
        registration.stop()
    }

    private func registrationHappened(_ event: RegistrationAgent.Event) {
        onRegistration(event)
        switch event {
        case .registered: tellRegistering(.success(()))
        case .flowFailed: return
        case .failed(let failure, _, let detail):
            tellRegistering(.failure(RegistrationError(failure.status, detail ?? failure.reason)))
        case .unregistered, .expired:
            let waiting = unregistering
            unregistering = []
            for completion in waiting { completion() }
            // One who has registered since then waits for the REGISTER that is on its way.
            guard registration?.isUnderWay != true else { return }
            tellRegistering(.failure(RegistrationError(nil, "The binding was taken away")))
        }
    }

    private func tellRegistering(_ result: Result<Void, RegistrationError>) {
        let waiting = registering
        registering = []
        for completion in waiting { completion(result) }
    }

    /// The contact of the account, where the phone is reached now.
    private func contact(_ layer: TransactionLayer) -> URI? {
        let destination = account.proxy ?? account.uri
        let transport = destination.requestTransport
        guard
            let listener = layer.listeners.first(where: { $0.transport == transport }) ?? layer.listeners.first,
            let user = account.uri.user
        else { return nil }
        // A SIPS address is bound to a SIPS contact, which implies TLS (RFC 5630 §5.1.1.1).
        let isSecure = account.uri.scheme == .sips
        let suffix =
            listener.transport == .udp || isSecure ? "" : ";transport=\(listener.transport.parameterText)"
        let host = String(decoding: listener.advertised, as: UTF8.self)
        return try? URI("\(isSecure ? "sips" : "sip"):\(URI.escape(user))@\(host)\(suffix)\(push?.text ?? "")")
    }

    /// The listeners have other addresses now.
    func relocate() {
        if let contact = contact(agent.layer) { registration?.move(to: contact) }
        agent.relocate()
    }

    /// Calls whom a referral names; the referrer is told how it gets on.
    func place(_ referral: IncomingReferral, _ surroundings: CallSurroundings) -> Result<Call, SocketError> {
        var options = OutgoingCallOptions()
        let target = referral.target
        if let replaces = target.replaces {
            options.fields += [.init(.replaces, "\(replaces)"), .init(.require, "replaces")]
        }
        if let join = target.join { options.fields += [.init(.join, "\(join)"), .init(.require, "join")] }
        if let subject = target.subject { options.fields.append(.init(.subject, subject)) }
        if let referrer = referral.request[.referredBy] { options.fields.append(.init(.referredBy, referrer)) }
        do throws(SocketError) {
            let leg = try agent.call(target.uri, as: surroundings.identity, options: options)
            leg.referral = referral
            let call = Call(leg, in: surroundings)
            if let old = referral.call?.face {
                call.play(old.audio)
                old.post(.transferred(to: call))
            }
            return .success(call)
        } catch {
            referral.report(StatusFragment(500, "\(error)"))
            return .failure(error)
        }
    }

    /// The number of the only flow that an agent keeps (RFC 5626 §4.2.1).
    private static let flowID = 1

    private func makeRegistration(_ layer: TransactionLayer, _ credentials: DigestClient) -> RegistrationAgent? {
        let destination = account.proxy ?? account.uri
        guard let listener = layer.listeners.first, let contact = contact(layer),
            var configuration = try? RegistrationConfiguration(
                addressOfRecord: account.uri, contact: contact, displayName: account.displayName)
        else { return nil }
        configuration.expires = account.expires
        configuration.instance = instance
        if account.allowsOutbound { configuration.flowID = Self.flowID }
        let client = RegistrationClient(
            configuration: configuration, authentication: credentials,
            callID: Array("\(CallAgent.token(layer))@\(listener.address.host)".utf8),
            fromTag: Array(CallAgent.token(layer).utf8), seed: layer.driver.random())
        return RegistrationAgent(layer: layer, client: client, destination: destination) { [weak self] in
            self?.agent.methods ?? []
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
        if token & CallAgent.timerMark != 0 { return agent.timerFired(token) }
        registration?.timerFired(token)
    }
}

extension DigestHash {
    /// MD5 and SHA-256 of swift-crypto.
    static let crypto = DigestHash(
        md5: { input, output in
            var hash = Insecure.MD5()
            hash.update(bufferPointer: input)
            hash.finalize().withUnsafeBytes { output.copyMemory(from: $0) }
        },
        sha256: { input, output in
            var hash = SHA256()
            hash.update(bufferPointer: input)
            hash.finalize().withUnsafeBytes { output.copyMemory(from: $0) }
        })
}
