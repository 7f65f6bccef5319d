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
        /// Sees every SIP message, for traces and ladders.
        public var trace: (@Sendable (TracedMessage) -> Void)?
        /// Timers and limits of the SIP layers.
        public var timers = TransactionTimers()
        /// Makes the audio in place of `AudioProvider`, on the media lane that it is given.
        var makeMedia: (@Sendable (Lane) -> any MediaProvider)?

        public init(address: TransportAddress? = nil) { self.address = address }
    }

    /// The account.
    public let account: Account
    /// The calls that come in, until `shutDown`.
    public let invitations: AsyncStream<Invitation>
    /// What happens to the registration.
    public let registrationEvents: AsyncStream<RegistrationEvent>
    private let endpoint: SIPEndpoint
    private let core: PhoneCore
    private let mediaLane: Lane
    private let invitationsEnd: AsyncStream<Invitation>.Continuation
    private let registrationEnd: AsyncStream<RegistrationEvent>.Continuation

    /// Something that has happened to a registration.
    public enum RegistrationEvent: Sendable, Hashable {
        /// The account is bound for that long.
        case registered(expires: Duration)
        /// The binding is gone.
        case unregistered
        /// An attempt failed for the reason; another one follows after the duration, or none.
        case failed(reason: String, status: StatusCode?, retryAfter: Duration?)
    }

    /// Starts a user agent and, unless told otherwise, registers it.
    ///
    /// - Throws: `SocketError` when no port can be bound, `RegistrationError` when the registrar refuses or is silent.
    public init(account: Account, options: Options = Options()) async throws {
        self.account = account
        let address: TransportAddress
        if let bound = options.address {
            address = bound
        } else {
            address = await TransportAddress.route(toReach: account.proxy ?? account.uri, port: options.port)
        }
        let lane = try Lane(name: "media", configuration: .media)
        mediaLane = lane
        let provider =
            options.makeMedia?(lane)
            ?? AudioProvider(
                lane: lane, ports: options.mediaPorts, codecs: options.codecs, settings: options.audio)
        var configuration = SIPEndpoint.Configuration()
        configuration.listeners = [.init(.udp, address, advertised: options.advertised)]
        if (account.proxy ?? account.uri).transport == .tcp {
            configuration.listeners.append(.init(.tcp, address, advertised: options.advertised))
        }
        configuration.layers.timers = options.timers
        let made = Mutex<PhoneCore?>(nil)
        do {
            endpoint = try await SIPEndpoint(configuration) { _ in
                let core = PhoneCore(account, media: provider)
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
        (invitations, invitationsEnd) = AsyncStream.makeStream()
        (registrationEvents, registrationEnd) = AsyncStream.makeStream()
        let arrivals = invitationsEnd
        let events = registrationEnd
        let sipLane = endpoint.lanes[0].lane
        await sipLane.run { _ in
            core.onInvitation = { leg in arrivals.yield(Invitation(leg, lane: sipLane)) }
            core.registration?.onEvent = { events.yield(RegistrationEvent($0)) }
        }
        if options.registers { try await register() }
    }

    /// The address that signalling uses.
    public var localAddress: TransportAddress { endpoint.listeners[0].address }

    /// Registers the account and waits until it is bound; refreshes follow by themselves.
    ///
    /// - Throws: `RegistrationError`.
    public func register() async throws(RegistrationError) {
        let core = core
        let lane = endpoint.lanes[0].lane
        let events = registrationEnd
        let result: Result<Void, RegistrationError> = await withCheckedContinuation { continuation in
            lane.execute { _ in
                guard let registration = core.registration else {
                    return continuation.resume(returning: .failure(.init(nil, "There is nothing to register")))
                }
                var waiting: CheckedContinuation<Result<Void, RegistrationError>, Never>? = continuation
                registration.onEvent = { event in
                    events.yield(RegistrationEvent(event))
                    guard let first = waiting else { return }
                    waiting = nil
                    switch event {
                    case .registered: first.resume(returning: .success(()))
                    case .failed(let failure, _):
                        first.resume(returning: .failure(.init(failure.status, failure.reason)))
                    case .unregistered, .expired:
                        first.resume(returning: .failure(.init(nil, "The binding was taken away")))
                    }
                }
                registration.start()
            }
        }
        try result.get()
    }

    /// Takes the binding away; does not wait.
    public func unregister() {
        let core = core
        endpoint.lanes[0].lane.execute { _ in core.registration?.stop() }
    }

    /// Calls somebody and returns when the call is answered.
    ///
    /// - Parameters:
    ///   - target: a SIP URI, or a user of the account's domain.
    ///   - audio: what is played and recorded.
    ///   - progress: told of provisional responses, such as 180 when it rings there.
    /// - Throws: `CallError` when there will be no call, `MessageDefect` when the target is malformed, `SocketError` when there
    ///   is no port for audio; `CancellationError` never: a cancelled call throws `CallError` with 487.
    public func call(
        _ target: String, audio: AudioEnds = .silence, progress: (@Sendable (StatusCode) -> Void)? = nil
    ) async throws -> Call {
        let uri = try resolve(target)
        let core = core
        let lane = endpoint.lanes[0].lane
        let identity = CallAgent.Identity(
            NameAddress(account.uri, displayName: account.displayName), proxy: account.proxy)
        let call = try await lane.run { (_) throws(SocketError) in
            let leg = try core.agent.call(uri, as: identity)
            return Call(leg, lane: lane, audio: audio, progress: progress)
        }
        return try await withTaskCancellationHandler {
            try await call.answered()
            return call
        } onCancel: {
            call.hangUpSoon()
        }
    }

    /// Calls somebody, and hangs up when `body` returns or throws.
    public func withCall<R>(
        _ target: String, audio: AudioEnds = .silence, _ body: (Call) async throws -> R
    ) async throws -> R {
        let call = try await call(target, audio: audio)
        do {
            let result = try await body(call)
            await call.hangUp()
            return result
        } catch {
            await call.hangUp()
            throw error
        }
    }

    /// The URI of what a user typed.
    private func resolve(_ target: String) throws(MessageDefect) -> URI {
        // A colon before any `@` is behind a scheme, whether what follows is well formed or not: it is nobody's name.
        if target.prefix(while: { $0 != "@" }).contains(":") {
            let uri = try URI(target)
            guard uri.index.isSIP else {
                throw MessageDefect(.uri, "Only SIP URIs can be called, such as sip:bob@example.com")
            }
            return uri
        }
        let port = account.uri.port.map { ":\($0)" } ?? ""
        let host = account.uri.host.contains(":") ? "[\(account.uri.host)]" : account.uri.host
        if target.contains("@") { return try URI("sip:\(target)") }
        return try URI("sip:\(URI.escape(target))@\(host)\(port)")
    }

    /// Ends all calls, takes the binding away, and stops. The answers of peers and of the registrar are awaited for a second
    /// each.
    public func shutDown() async {
        let core = core
        let lane = endpoint.lanes[0].lane
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let once = Once(done)
            lane.execute { _ in core.agent.hangUpAll { once.resume() } }
            Task {
                try? await Task.sleep(for: .seconds(1))
                once.resume()
            }
        }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            lane.execute { _ in
                guard let registration = core.registration, registration.isBound else { return done.resume() }
                let once = Once(done)
                registration.onEvent = { _ in once.resume() }
                registration.stop()
                Task {
                    try? await Task.sleep(for: .seconds(1))
                    once.resume()
                }
            }
        }
        invitationsEnd.finish()
        registrationEnd.finish()
        await endpoint.stop()
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
        case .failed(let failure, let retryAfter):
            self = .failed(reason: failure.reason, status: failure.status, retryAfter: retryAfter)
        }
    }
}
