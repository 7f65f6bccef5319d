public import CoreMetrics
import Media
public import Reactor
public import SIP
import SIPEndpoint
import Synchronization

/// A SIP user agent: registers an account, calls and is called.
///
/// ```swift
/// let agent = try await UserAgent(account: Account("sip:alice@example.com", password: "…"))
/// let call = try await agent.call("sip:bob@example.com")
/// await call.hangUp()
/// await agent.shutDown()
/// ```
///
/// All faces are safe to use from any task. Cancelling the task that waits in `call(_:)` sends CANCEL.
public final class UserAgent: Sendable {
    /// How a user agent is set up, beside its account.
    public struct Options: Sendable {
        /// The address to bind, for signalling and audio; port 0 lets the kernel choose. Nil chooses the one from which this
        /// machine reaches the account's proxy, or else its domain.
        public var address: TransportAddress?
        /// The port to bind when `address` is nil; 0 lets the kernel choose.
        public var port: UInt16 = 0
        /// The host, or host and port, by which others reach this agent, where that is not the address it binds (behind a
        /// gateway that forwards a port).
        public var advertised: String?
        /// Whether `init` registers and waits for it.
        public var registers = true
        /// The codecs in order of preference.
        public var codecs: [AudioCodecName] = [.pcmu, .pcma]
        /// The ports for RTP.
        public var mediaPorts: ClosedRange<UInt16> = 16_384...32_767
        /// Marking and playout of audio.
        public var audio = AudioSettings()
        /// What names the device, the same after each start; nil names none. With it the agent asks for GRUUs, and to be reached by
        /// the flow that it is registered by (``Account/allowsOutbound``).
        public var instance: InstanceID?
        /// The GRUU that the agent is reached by in its dialogs and outside of them, once the registrar has given one.
        public var gruu = GRUUChoice.public
        /// What lets the network wake this agent by push notifications; nil for nothing. `pushReceived()` is to be called for each.
        public var push: PushParameters?
        /// Sees every SIP message, for traces and ladders.
        public var trace: (@Sendable (TracedMessage) -> Void)?
        /// How calls are led: reliable provisional responses, session timers.
        public var calls = CallConfiguration()
        /// What is done with the wish of a far side that this side call somebody else (REFER): a transfer.
        public var referrals = ReferralPolicy.follow
        /// Whether a call that comes in may take the place of another one (RFC 3891), as an attended transfer brings about. It is
        /// then answered at once, with the sound of the other one.
        public var acceptsReplacement = true
        /// The methods whose requests come through `requests`: MESSAGE, PUBLISH and others that the user agent does not handle.
        public var serves: MethodSet = []
        /// The Info packages that are understood (RFC 6086); their INFOs come through `requests`.
        public var infoPackages: [String] = []
        /// How often is looked whether this machine has moved to another network; nil never looks. Only for agents that have
        /// chosen their address themselves.
        public var networkCheck: Duration? = .seconds(5)
        /// Whose certificates are believed where signalling is secured by TLS.
        public var trust = TLSConfiguration.Trust.system
        /// What the agent itself shows to servers that ask for a certificate; nil for none.
        public var identity: TLSIdentity?
        /// Whether URIs that demand TLS can be called though the account is not reached so.
        public var callsSecurely = false
        /// Whether TCP is spoken too where the account says nothing of it (RFC 3261 §18): to servers whose names prefer it, for
        /// requests that are too long for a datagram, and by others who send such.
        public var speaksTCP = true
        /// Where figures of the quality of calls go; nil for the backend that the program has chosen (`MetricsSystem.factory`).
        public var metrics: (any MetricsFactory)?
        /// How names are looked up.
        public var names = HostResolver.Configuration()
        /// Timers and limits of the SIP layers.
        public var timers = TransactionTimers()
        /// Finds the address from which a URI is reached, in place of the kernel's routes; nil when there is no network.
        var findAddress: (@Sendable (_ uri: URI, _ port: UInt16) async -> TransportAddress?)?
        /// Makes the audio in place of `AudioProvider`, on the media lane that it is given.
        var makeMedia: (@Sendable (Lane) -> any MediaProvider)?

        public init(address: TransportAddress? = nil) { self.address = address }
    }

    /// Which GRUU stands in Contact (RFC 5627 §4.4).
    public enum GRUUChoice: Sendable, Hashable {
        /// None: the agent's own address.
        case none
        /// The one that says whose the device is, and stays the same.
        case `public`
        /// The last one that hides whose the device is.
        case temporary
    }

    /// What is done with a REFER.
    public enum ReferralPolicy: Sendable, Hashable {
        /// In a call it is followed: `Call.Event.transferred` tells of the new call. Outside of calls it is refused.
        case follow
        /// It comes through `referrals`.
        case ask
        /// It is refused.
        case refuse
    }

    /// The account.
    public let account: Account
    /// The calls that come in, until `shutDown`.
    public let invitations: AsyncStream<Invitation>
    /// What happens to the registration.
    public let registrationEvents: AsyncStream<RegistrationEvent>
    /// The requests of methods that are served, until `shutDown`.
    public let requests: AsyncStream<ServerRequest>
    /// The referrals that are asked about, until `shutDown`.
    public let referrals: AsyncStream<Referral>
    /// Yields each address that the agent has moved to.
    public let addressChanges: AsyncStream<TransportAddress>
    let endpoint: SIPEndpoint
    let core: PhoneCore
    let surroundings: CallSurroundings
    let options: Options
    let address: Mutex<TransportAddress>
    let addressChangesEnd: AsyncStream<TransportAddress>.Continuation
    private let requestsEnd: AsyncStream<ServerRequest>.Continuation
    private let referralsEnd: AsyncStream<Referral>.Continuation
    let mediaLane: Lane
    private let relayConnections: RelayConnections?
    private let invitationsEnd: AsyncStream<Invitation>.Continuation
    private let registrationEnd: AsyncStream<RegistrationEvent>.Continuation

    /// Something that has happened to a registration.
    public enum RegistrationEvent: Sendable, Hashable {
        /// The account is bound for that long.
        case registered(expires: Duration)
        /// The binding is gone.
        case unregistered
        /// The flow has failed that the account was bound by: its connection is gone, or keep-alives are not answered any more. The
        /// account is bound anew after the duration, which is zero the first time (RFC 5626 §4.5).
        case flowFailed(retryAfter: Duration)
        /// An attempt failed for the reason; another one follows after the duration, or none.
        case failed(reason: String, status: StatusCode?, retryAfter: Duration?)
    }

    /// Starts a user agent and, unless told otherwise, registers it.
    ///
    /// - Throws: `SocketError` when no port can be bound, `TLSConfigurationError` when TLS cannot be set up, `DTLSError` when there is no
    ///   certificate for encrypted media,
    ///   `RegistrationError` when the registrar refuses or is silent.
    public init(account: Account, options: Options = Options()) async throws {
        self.account = account
        self.options = options
        let address: TransportAddress
        if let bound = options.address {
            address = bound
        } else if let find = options.findAddress {
            address = await find(account.proxy ?? account.uri, options.port) ?? .loopback(port: options.port)
        } else {
            address = await TransportAddress.route(
                toReach: account.proxy ?? account.uri, port: options.port, resolver: HostResolver(options.names))
        }
        let security = try account.encryption.mode == .off ? nil : MediaSecurity(account.encryption)
        let lane = try Lane(name: "media", configuration: .media)
        mediaLane = lane
        let connections = try Self.relayConnections(account.ice, options, stopping: lane)
        relayConnections = connections
        let provider =
            options.makeMedia?(lane)
            ?? AudioProvider(
                lane: lane, ports: options.mediaPorts, codecs: options.codecs, settings: options.audio,
                security: security, ice: account.ice, connections: connections,
                resolver: account.ice.asksNames ? HostResolver(options.names) : nil)
        var configuration = SIPEndpoint.Configuration()
        configuration.listeners = [.init(.udp, address, advertised: options.advertised)]
        let transport = (account.proxy ?? account.uri).requestTransport
        if transport == .tcp || options.speaksTCP {
            var own = SIPEndpoint.ListenerConfiguration(.tcp, address, advertised: options.advertised)
            own.isOptional = true
            configuration.listeners.append(own)
        }
        if transport == .tls || options.callsSecurely {
            // Nobody can connect to an agent by TLS: it is reached by the connection that it makes.
            var own = SIPEndpoint.ListenerConfiguration(.tls, address, advertised: options.advertised)
            own.isAccepting = false
            configuration.listeners.append(own)
            configuration.security = try Self.security(options, stopping: lane)
        }
        configuration.layers.timers = options.timers
        configuration.names = options.names
        let made = Mutex<PhoneCore?>(nil)
        do {
            endpoint = try await SIPEndpoint(configuration) { _ in
                let core = PhoneCore(account, media: provider)
                core.instance = options.instance
                core.gruu = options.gruu
                core.push = options.push
                core.trace = options.trace
                made.withLock { $0 = core }
                return core
            }
        } catch {
            lane.stop()
            throw error
        }
        guard let core = made.withLock({ $0 }) else { preconditionFailure("an endpoint makes its handler") }
        self.core = core
        self.address = Mutex(endpoint.listeners[0].address)
        (invitations, invitationsEnd) = AsyncStream.makeStream()
        (registrationEvents, registrationEnd) = AsyncStream.makeStream()
        (requests, requestsEnd) = AsyncStream.makeStream()
        (referrals, referralsEnd) = AsyncStream.makeStream()
        (addressChanges, addressChangesEnd) = AsyncStream.makeStream()
        let (signalling, identity) = (
            endpoint.lanes[0].lane,
            CallAgent.Identity(NameAddress(account.uri, displayName: account.displayName), proxy: account.proxy)
        )
        let reporter = account.qualityCollector.map {
            QualityReporter(to: $0, core, lane: signalling, identity: identity)
        }
        surroundings = CallSurroundings(
            lane: signalling, identity: identity, reporter: reporter,
            metrics: CallMetrics(factory: options.metrics ?? MetricsSystem.factory)
        ) {
            [account] (target) throws(MessageDefect) in try account.resolve(target)
        }
        await begin()
        guard options.registers else { return }
        do throws(RegistrationError) {
            try await register()
        } catch {
            await shutDown()
            throw error
        }
    }

    /// Sets up what runs on the lane, before anyone can call.
    private func begin() async {
        let (core, options, surroundings) = (core, options, surroundings)
        let (arrivals, events, served) = (invitationsEnd, registrationEnd, requestsEnd)
        let referred = referralsEnd
        let takesCandidates = account.ice.mode != .off
        await surroundings.lane.run { _ in
            let agent = core.agent!  // Set when the endpoint has made its handler.
            agent.configuration = options.calls
            agent.servedMethods = options.serves
            agent.infoPackages = options.infoPackages
            agent.takesCandidates = takesCandidates
            agent.onRequest = { served.yield(ServerRequest($0, lane: surroundings.lane)) }
            core.onInvitation = { leg in
                let call = Call(leg, in: surroundings)
                if case .replaces(let other) = leg.relation, options.acceptsReplacement {
                    return call.replace(other.face)
                }
                arrivals.yield(Invitation(call))
            }
            switch options.referrals {
            case .refuse: break
            case .follow:
                agent.onReferral = { referral in
                    guard referral.call?.isAnswered == true else { return referral.refuse() }
                    referral.accept()
                    _ = core.place(referral, surroundings)
                }
            case .ask:
                agent.onReferral = { referral in
                    referred.yield(
                        Referral(referral, lane: surroundings.lane) { core.place($0, surroundings) })
                }
            }
            core.onRegistration = { events.yield(RegistrationEvent($0)) }
        }
        watchNetwork()
    }

    /// What makes connections to TURN servers; nil when all are reached by UDP.
    private static func relayConnections(
        _ policy: ICEPolicy, _ options: Options, stopping lane: Lane
    ) throws -> RelayConnections? {
        let transports = Set(policy.servers.map(\.transport))
        guard transports.contains(.tcp) || transports.contains(.tls) else { return nil }
        return RelayConnections(security: transports.contains(.tls) ? try security(options, stopping: lane) : nil)
    }

    private static func security(_ options: Options, stopping lane: Lane) throws -> TLSContext {
        var settings = TLSConfiguration(identities: options.identity.map { [$0] } ?? [])
        settings.trust = options.trust
        do {
            return try TLSContext(settings)
        } catch {
            lane.stop()
            throw error
        }
    }

    /// The address that signalling uses.
    public var localAddress: TransportAddress { address.withLock { $0 } }

    /// Registers the account and waits until it is bound; refreshes follow by themselves. Several may wait.
    ///
    /// - Throws: `RegistrationError` when the registrar refuses or is silent, the binding is taken away, or the agent is shut down.
    public func register() async throws(RegistrationError) {
        let core = core
        let lane = endpoint.lanes[0].lane
        let result: Result<Void, RegistrationError> = await withCheckedContinuation { continuation in
            lane.execute { _ in core.register { continuation.resume(returning: $0) } }
        }
        try result.get()
    }

    /// A push notification has woken the device: the binding is refreshed at once, so that the request that waits finds its way
    /// (RFC 8599 §4.1.3). Does not wait.
    public func pushReceived() {
        let core = core
        endpoint.lanes[0].lane.execute { _ in core.registration?.refresh() }
    }

    /// Takes the binding away; does not wait.
    public func unregister() {
        let core = core
        endpoint.lanes[0].lane.execute { _ in core.registration?.stop() }
    }

    /// Ends all calls, takes the binding away, and stops. The answers of peers and of the registrar are awaited for a second
    /// each.
    public func shutDown() async {
        let core = core
        let lane = endpoint.lanes[0].lane
        await lane.run { _ in core.networkWatch?.cancel() }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let once = Once(done)
            lane.execute { _ in core.agent.hangUpAll { once.resume() } }
            Task {
                try? await Task.sleep(for: .seconds(1))
                once.resume()
            }
        }
        await surroundings.metrics.finish()
        await surroundings.reporter?.finish()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let once = Once(done)
            lane.execute { _ in core.unregisterForGood { once.resume() } }
            Task {
                try? await Task.sleep(for: .seconds(1))
                once.resume()
            }
        }
        invitationsEnd.finish()
        registrationEnd.finish()
        requestsEnd.finish()
        referralsEnd.finish()
        addressChangesEnd.finish()
        await endpoint.stop()
        await relayConnections?.shutdown()
        mediaLane.stop()
        await mediaLane.stopped()
    }
}

/// One SIP message as it passed a user agent.
public struct TracedMessage: Sendable {
    /// When.
    public var time: ContinuousClock.Instant
    /// From where, and to where.
    public var source: TransportAddress
    public var destination: TransportAddress
    /// The bytes.
    public var bytes: [UInt8]

    /// The first line.
    public var startLine: String { String(decoding: bytes.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self) }
}

/// Resumes a continuation once, whoever comes first.
final class Once: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, Never>?>

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

    func resume() {
        let first = continuation.withLock { held in
            defer { held = nil }
            return held
        }
        first?.resume()
    }
}

/// Why an account could not be registered.
public struct RegistrationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The registrar's status, when it said one.
    public var status: StatusCode?
    /// The reason for a person.
    public var reason: String

    public init(_ status: StatusCode?, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    public var description: String { status.map { "\($0.rawValue) \(reason)" } ?? reason }
}

extension RegistrationClient.Failure {
    /// The status that a registrar refused with.
    var status: StatusCode? {
        switch self {
        case .rejected(let status): status
        case .authentication: 401
        case .intervalTooBrief: 423
        default: nil
        }
    }
}

extension UserAgent.RegistrationEvent {
    init(_ event: RegistrationAgent.Event) {
        switch event {
        case .registered(let expires): self = .registered(expires: expires)
        case .unregistered, .expired: self = .unregistered
        case .flowFailed(let delay): self = .flowFailed(retryAfter: delay)
        case .failed(let failure, let retryAfter, let detail):
            self = .failed(reason: detail ?? failure.reason, status: failure.status, retryAfter: retryAfter)
        }
    }
}
