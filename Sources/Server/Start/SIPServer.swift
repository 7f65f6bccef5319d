import Foundation
public import Logging
import Media
import Proxy
import Reactor
import Registrar
import Relay
import Routing
import SIP
public import SIPEndpoint
import Store
import Synchronization
import UserAgent

/// A running server: the roles, wired and started, and their end.
public final class SIPServer: Sendable {
    /// The version of this program.
    public static let version = "0.1.0"
    /// How long a stop may take before what is left is dropped.
    public static let stopLimit: Duration = .seconds(5)

    /// The listeners, with the ports that they have.
    public var listeners: [Listener] { endpoint.listeners.filter(\.isAccepting) }
    /// When the server started.
    let started: ContinuousClock.Instant
    let logger: Logger
    let endpoint: SIPEndpoint
    let dispatchers: [Dispatcher]
    let directory: UserDirectory
    let table: BindingTable
    let database: Database?
    let queue: WriteBehind?
    let routeKey: SipHash
    private let nonces: NonceSource
    let limiter: Limiter
    /// Has user agents woken; nil when none can be.
    let push: PushCenter?
    private let webhook: WebhookSender?
    private let idleMemory: IdleMemory
    /// What secures connections; nil when no listener does.
    private let security: TLSContext?
    /// How WebSocket is spoken.
    private let webSocket: WebSocketContext
    /// Where the audio of the service numbers runs.
    let mediaLane: Lane
    /// Where the media of calls is relayed.
    let relayLanes: LaneGroup
    /// Relays the media of calls.
    let relay: MediaRelay
    /// Tells of those that are over.
    private let callLog: CallLog
    /// Makes the audio of the service numbers.
    let media: AudioProvider
    private let lock: FolderLock
    private let control = Mutex<ControlSocket?>(nil)
    private let loading = Mutex<Task<Void, Never>?>(nil)
    private let logging = Mutex<Task<Void, Never>?>(nil)
    private let running: Mutex<ServerConfiguration>
    private let stopRequests: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let source: (@Sendable () throws(ConfigurationProblems) -> ServerConfiguration)?
    private let adopted: @Sendable (ServerConfiguration) -> Void

    /// The configuration that the server works with now.
    public var configuration: ServerConfiguration { running.withLock { $0 } }

    /// Starts a server. It accepts requests when this returns; stored bindings are loaded behind.
    ///
    /// - Parameters:
    ///   - logger: where the server says what happens.
    ///   - source: reads the configuration again when the control socket or `reload()` asks for it; nil refuses that.
    ///   - adopted: told of each configuration that the server goes on with after it was read again.
    /// - Throws: `ServerError` when something that the configuration names cannot be had; nothing runs then.
    public static func start(
        _ configuration: ServerConfiguration, logger: Logger = Logger(label: "ito"),
        source: (@Sendable () throws(ConfigurationProblems) -> ServerConfiguration)? = nil,
        adopted: @escaping @Sendable (ServerConfiguration) -> Void = { _ in }
    ) async throws(ServerError) -> SIPServer {
        let server = try await SIPServer(configuration, logger: logger, source: source, adopted: adopted)
        do throws(ServerError) {
            try server.openControl()
        } catch {
            await server.stop()
            throw error
        }
        server.beginLoading()
        let logging = Task { [callLog = server.callLog] in await callLog.run(logger) }
        server.logging.withLock { $0 = logging }
        return server
    }

    private init(
        _ configuration: ServerConfiguration, logger: Logger,
        source: (@Sendable () throws(ConfigurationProblems) -> ServerConfiguration)?,
        adopted: @escaping @Sendable (ServerConfiguration) -> Void
    ) async throws(ServerError) {
        started = .now
        self.logger = logger
        self.source = source
        self.adopted = adopted
        running = Mutex(configuration)
        stopRequests = AsyncStream.makeStream()
        try Self.refuseOpenDoors(configuration)
        let folder = configuration.dataFolder
        lock = try FolderLock(folder: folder)
        let routeKey = try RouteKey.load(folder: folder)
        self.routeKey = routeKey
        let nonces = NonceSource(key: routeKey.derived(for: "nonces"))
        self.nonces = nonces
        security = try Self.security(configuration, logger)
        let layers = try configuration.endpoint(security)
        webSocket = layers.webSocket
        let directory = UserDirectory(admitsAnyone: !configuration.authentication.isRequired)
        self.directory = directory
        (database, queue) = try await Self.openStore(configuration, directory, logger)
        let domains = configuration.domainTable
        let table = BindingTable(
            domains: domains, directory: directory, journal: queue.map(StoredJournal.init),
            key: routeKey.derived(for: "bindings"))
        self.table = table
        if database != nil { table.beginLoading() }
        let settings = configuration.laneSettings(domains: domains, directory: directory, nonces: nonces)
        let mediaLane: Lane
        do throws(SocketError) { mediaLane = try Lane(name: "media", configuration: .media) } catch {
            throw ServerError(error)
        }
        self.mediaLane = mediaLane
        // Whoever asks for it talks to service numbers encrypted, and proves the way: a server is reached at its own address.
        let keys: MediaSecurity
        do {
            keys = try MediaSecurity(MediaEncryption(.offer))
        } catch {
            mediaLane.stop()
            throw ServerError(.environment, "there is no certificate for encrypted media: \(error)")
        }
        let media = AudioProvider(
            lane: mediaLane, ports: configuration.media.ports, codecs: configuration.media.codecs,
            settings: configuration.audioSettings, security: keys, ice: configuration.serviceConnectivity
        ) { error in logger.error("a call of a service number has no audio: \(error)") }
        self.media = media
        do throws(SocketError) {
            relayLanes = try LaneGroup(name: "relay", count: configuration.media.relayLanes, configuration: .media)
        } catch {
            mediaLane.stop()
            throw ServerError(error)
        }
        let callLog = CallLog()
        self.callLog = callLog
        let relay = MediaRelay(lanes: Array(relayLanes), configuration.relayConfiguration, report: callLog.report)
        self.relay = relay
        let services = configuration.serviceConfiguration
        let lines = ServiceAgent.Lines()
        let limiter = Limiter()
        self.limiter = limiter
        let webhook = configuration.push.webhookURL.isEmpty ? nil : try WebhookSender(configuration.push.webhookURL)
        self.webhook = webhook
        let push = webhook.map { PushCenter($0) }
        self.push = push
        let collected = DispatcherList()
        do throws(SocketError) {
            endpoint = try await SIPEndpoint(layers) { lane in
                let dispatcher = Dispatcher(
                    domains: domains, location: table, settings: settings,
                    proxy: Proxy(configuration: configuration.proxyConfiguration(routeKey: routeKey)),
                    registrar: Registrar(table: table, configuration: configuration.registrarConfiguration),
                    limiter: limiter, push: push,
                    services: ServiceAgent(services, lines: lines, media: media),
                    anchor: CallAnchor(relay) { [lane = lane.lane] work in lane.execute { _ in work() } },
                    duties: LaneDuties(
                        table: table, push: push, lane: lane.lane.index, of: layers.laneCount,
                        configuration: configuration))
                collected.add(dispatcher, lane.lane.index)
                return dispatcher
            }
        } catch {
            mediaLane.stop()
            relayLanes.stop()
            throw ServerError(error)
        }
        dispatchers = collected.inOrder
        idleMemory = IdleMemory(lanes: endpoint.lanes.map(\.lane))
        push?.connect(
            zip(endpoint.lanes, dispatchers).map { lane, dispatcher in
                { target, news in lane.lane.execute { _ in dispatcher.hear(news, of: target) } }
            })
        for (lane, dispatcher) in zip(endpoint.lanes, dispatchers) {
            await lane.lane.run { _ in dispatcher.duties.begin(in: lane.layer) }
        }
    }

    /// Without authentication anyone who reaches the server can register as anybody and call through it.
    private static func refuseOpenDoors(_ configuration: ServerConfiguration) throws(ServerError) {
        let open = configuration.listeners.filter { !$0.isLoopback }
        guard configuration.authentication.isRequired || open.isEmpty else {
            throw ServerError(
                .usage,
                "anyone could call through \(open.map(\.description).joined(separator: ", ")) without authentication",
                remedy: "listen on 127.0.0.1 or [::1] only, or require authentication")
        }
    }

    private static func security(
        _ configuration: ServerConfiguration, _ logger: Logger
    ) throws(ServerError) -> TLSContext? {
        let settings = try configuration.security(logger: logger)
        do throws(TLSConfigurationError) {
            return try TLSContext(settings)
        } catch {
            throw ServerError(.environment, "\(error)")
        }
    }

    private static func openStore(
        _ configuration: ServerConfiguration, _ directory: UserDirectory, _ logger: Logger
    ) async throws(ServerError) -> (Database?, WriteBehind?) {
        guard configuration.store.kind == .sqlite else { return (nil, nil) }
        let database: Database
        do throws(StoreError) {
            database = try Database(folder: configuration.dataFolder)
        } catch {
            throw ServerError(error)
        }
        if database.isFolderOpenToOthers {
            logger.warning("others can look into the data folder: chmod 700 \(configuration.dataFolder)")
        }
        let users = try await UserAccounts.load(directory, from: database, domains: configuration.domains)
        if users.foreign > 0 {
            logger.warning("\(users.foreign) users are of domains that this server does not serve, or disabled")
        }
        let queue = WriteBehind(database: database, options: configuration.writeBehindOptions) { event in
            switch event {
            case .failed(let error, let failures, let pending, _):
                logger.error("bindings cannot be written (\(failures) times in a row, \(pending) wait): \(error)")
            case .recovered(let failures): logger.notice("bindings are written again after \(failures) failures")
            }
        }
        return (database, queue)
    }

    // MARK: Bindings

    private func beginLoading() {
        guard let database else { return }
        let task = Task { [table, listeners, logger] in
            do throws(StoreError) {
                let found = try await database.loadBindings(validAt: .now) { batch in
                    for record in batch { record.withJournalRecord { _ = table.load($0, listeners: listeners) } }
                }
                table.endLoading()
                if found.loaded > 0 { logger.info("\(found.loaded) bindings are back") }
                if found.malformed > 0 { logger.warning("\(found.malformed) stored bindings are damaged") }
                try await database.purgeExpiredBindings(at: .now)
            } catch {
                // Registrations go on; who was registered before comes back with the next refresh.
                table.endLoading()
                if error.code != .cancelled { logger.error("stored bindings cannot be loaded: \(error)") }
            }
        }
        loading.withLock { $0 = task }
    }

    /// Waits until stored bindings are loaded.
    public func bindingsLoaded() async { await loading.withLock { $0 }?.value }

    // MARK: Control

    private func openControl() throws(ServerError) {
        // The socket lives no longer than the server, which ends it in `stop`.
        let socket = try ControlSocket(folder: configuration.dataFolder) { [weak self] request in
            guard let self else { return ControlResponse(ServerError(.environment, "the server is being stopped")) }
            return await self.serve(request)
        }
        control.withLock { $0 = socket }
    }

    /// Asks whoever waits for `stopRequested` to stop the server.
    func requestStop() { stopRequests.continuation.yield() }

    /// Comes to an end when the control socket asks for a stop; to be awaited once.
    public func stopRequested() async {
        for await _ in stopRequests.stream { return }
    }

    /// Reads the configuration again from where it came, and takes over what can change.
    ///
    /// - Throws: `ServerError` when it is wrong; nothing changes then.
    public func reload() async throws(ServerError) -> ConfigurationDifference {
        guard let source else {
            throw ServerError(.refused, "this server was started without a source of configuration")
        }
        let new: ServerConfiguration
        do throws(ConfigurationProblems) {
            new = try source()
        } catch {
            logger.error("the configuration is not taken over: \(error)")
            throw ServerError(.usage, "\(error)")
        }
        return await reload(new)
    }

    /// Takes over what can change while the server runs, and logs each change.
    ///
    /// - Returns: what was taken over, and what needs a restart.
    @discardableResult
    public func reload(_ new: ServerConfiguration) async -> ConfigurationDifference {
        let (difference, result, known) = running.withLock { running in
            let difference = new.difference(from: running)
            let known = running.domains.count
            running = running.applyingReloadable(of: new)
            return (difference, running, known)
        }
        // Last, since whoever reads it may rely on it.
        defer { for line in difference.lines { logger.notice("configuration: \(line)") } }
        renewSecurity(result)
        guard !difference.reloadable.isEmpty else { return difference }
        adopted(result)
        let domains = result.domainTable
        table.extend(domains)
        if result.domains.count > known { await load(result.domains, behind: known) }
        let settings = result.laneSettings(domains: domains, directory: directory, nonces: nonces)
        let proxy = result.proxyConfiguration(routeKey: routeKey)
        let services = result.serviceConfiguration
        media.settings = result.audioSettings
        relay.configuration = result.relayConfiguration
        webSocket.replace(with: result.webSocketConfiguration)
        for (lane, dispatcher) in zip(endpoint.lanes, dispatchers) {
            await lane.lane.run { _ in
                dispatcher.extend(domains)
                dispatcher.settings = settings
                dispatcher.proxy.configuration = proxy
                dispatcher.registrar.configuration = result.registrarConfiguration
                dispatcher.services.configuration = services
                dispatcher.duties.apply(result)
            }
        }
        return difference
    }

    /// Reads certificates, keys and authorities again, whether their names have changed or not: for handshakes to come. When
    /// they do not hold, those from before go on.
    private func renewSecurity(_ configuration: ServerConfiguration) {
        guard let security else { return }
        do {
            try security.replace(with: configuration.security(logger: logger))
            logger.info("certificates are read again")
        } catch {
            logger.error("certificates are not taken over: \(error)")
        }
    }

    /// Loads users and bindings of domains that were added, before any request is let through to them.
    private func load(_ domains: [ServerConfiguration.Domain], behind known: Int) async {
        guard let database else { return }
        do {
            _ = try await UserAccounts.load(directory, from: database, domains: domains, first: known)
            let served = table.domains
            _ = try await database.loadBindings(validAt: .now) { [table, listeners] batch in
                for record in batch {
                    record.withJournalRecord { journal in
                        guard let at = journal.addressOfRecord.lastIndex(of: UInt8(ascii: "@")) else { return }
                        let host = UnsafeRawBufferPointer(rebasing: journal.addressOfRecord[(at + 1)...])
                        guard let domain = served.find(host), domain >= known else { return }
                        _ = table.load(journal, listeners: listeners)
                    }
                }
            }
        } catch {
            logger.error("users and bindings of the new domains cannot be loaded: \(error)")
        }
    }

    // MARK: End

    /// How long a stop waits for callers of service numbers to answer BYE: it is sent three times meanwhile.
    public static let goodbyeLimit: Duration = .seconds(2)

    /// Has all service numbers say goodbye, and waits until their callers have heard it, or the limit is over.
    private func hangUpServices() async {
        let (quiet, ended) = AsyncStream.makeStream(of: Void.self)
        for (lane, dispatcher) in zip(endpoint.lanes, dispatchers) {
            lane.lane.execute { _ in dispatcher.services.hangUpAll { ended.yield() } }
        }
        await withTaskGroup { [count = dispatchers.count] group in
            group.addTask {
                var left = count
                for await _ in quiet {
                    left -= 1
                    if left == 0 { return }
                }
            }
            group.addTask { try? await Task.sleep(for: Self.goodbyeLimit) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Stops the server: no more requests are taken, and what was answered is committed. A second call does nothing.
    ///
    /// - Parameter limit: how long it may take; what is not committed by then is lost.
    public func stop(within limit: Duration = stopLimit) async {
        idleMemory.stop()
        guard let socket = control.withLock({ $0.take() }) else {
            mediaLane.stop()
            relayLanes.stop()
            await webhook?.stop()
            return await endpoint.stop()
        }
        socket.stop()
        stopRequests.continuation.finish()
        loading.withLock { $0 }?.cancel()
        // The service numbers say goodbye to their callers; calls between phones go on without us.
        await hangUpServices()
        await endpoint.stop()
        // Lanes hear of notifications, and ask for them.
        push?.connect([])
        await webhook?.stop()
        mediaLane.stop()
        relayLanes.stop()
        callLog.finish()
        await logging.withLock { $0 }?.value
        await socket.stopped()
        await withTaskGroup { group in
            group.addTask { [queue, logger] in
                do throws(StoreError) {
                    try await queue?.flush()
                } catch {
                    logger.error("the last changes of bindings are not written: \(error)")
                }
            }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        try? database?.close()
    }
}

/// Collects the dispatchers that the lanes make, each on its own thread.
private final class DispatcherList: Sendable {
    private let made = Mutex<[Int: Dispatcher]>([:])

    func add(_ dispatcher: Dispatcher, _ lane: Int) { made.withLock { $0[lane] = dispatcher } }

    var inOrder: [Dispatcher] { made.withLock { made in made.sorted { $0.key < $1.key }.map(\.value) } }
}
