import ICE
import Media
import Reactor

/// The connectivity checks of a call's audio: an `ICEAgent` that is given its datagrams and its time on the media lane.
///
/// It has no socket: its owner gives it the STUN datagrams of both ports and does what events say. It belongs to its lane.
final class ConnectivityChecks: TimerClient {
    /// What is to be done, or has come out.
    enum Event {
        /// Send a datagram from the socket of a tag.
        case send(UInt64, TransportAddress, [UInt8])
        /// Take data that has come by a relay: RTP (0) or RTCP (1).
        case data(UInt64, [UInt8])
        /// ``destinations`` or ``sources`` are others.
        case changed
        /// There are these candidates left.
        case candidates([Candidate])
        /// All components have their pairs.
        case settled(ICEEnds.Settlement)
        /// All servers have been asked.
        case gathered
        /// There is no way, or none any more.
        case failed(MediaWayError)
    }

    /// Where RTP (0) and RTCP (1) are sent to.
    private(set) var destinations: [UInt64: TransportAddress] = [:]
    /// The tags of the sockets that RTP (0) and RTCP (1) are sent from.
    private(set) var outlets: [UInt64: UInt64] = [:]
    /// Where the far side has shown itself to the sockets for RTP (0) and RTCP (1); bounded by `ICEConfiguration.mostSources`.
    private(set) var sources: [UInt64: [TransportAddress]] = [:]
    /// The way of RTP.
    private(set) var way: MediaWay?

    private let lane: Lane
    private let servers: [ICEPolicy.Server]
    private let connections: RelayConnections?
    /// Connections to TURN servers, by the numbers that the agent has for them.
    private(set) var links: [Int: StreamConnection] = [:]
    private let happened: (Event) -> Void
    private var agent: ICEAgent
    private var terms: ICETerms?
    private let stream: Int
    private var components: Int
    /// Which of RTP (0) and RTCP (1) goes by a relay.
    private(set) var relayed: Set<UInt64> = []
    private var selected: [Int: SelectedPair] = [:]
    private var client: TimerClientID?
    private var timer: TimerHandle?
    private var isClosed = false
    /// Candidates that the owner knows of.
    private var told = 0

    /// Checks that ``start()`` begins.
    ///
    /// - Parameters:
    ///   - terms: nil while nothing was agreed: candidates are gathered until ``apply(_:isMultiplexed:)``.
    ///   - connections: makes connections to servers that are reached so.
    ///   - places: the addresses of the sockets. Those of the first have the tags 0 for RTP and 1 for RTCP, those of the next 2 and 3.
    ///   - components: 1 where RTP and RTCP share a port, else 2.
    ///   - happened: told on the lane, until ``close()``.
    init(
        _ terms: ICETerms?, _ policy: ICEPolicy, _ connections: RelayConnections?, _ places: [ICEEnds.Place],
        components: Int, on lane: Lane, happened: @escaping (Event) -> Void
    ) {
        self.lane = lane
        self.terms = terms
        self.connections = connections
        servers = policy.servers.filter { $0.address != nil }
        self.happened = happened
        self.components = components
        (agent, stream) = Self.makeAgent(terms, policy, places, components, at: lane.now)
    }

    /// An agent that knows the sockets, and has begun to ask the servers.
    private static func makeAgent(
        _ terms: ICETerms?, _ policy: ICEPolicy, _ places: [ICEEnds.Place], _ components: Int,
        at now: ContinuousClock.Instant
    ) -> (ICEAgent, stream: Int) {
        var agent = ICEAgent(
            terms?.isControlling ?? true ? .controlling : .controlled, isLite: policy.mode == .lite,
            configuration: policy.configuration, hash: .crypto)
        let stream = agent.addStream(components: components, parameters: terms?.local)
        let preferences = places.localPreferences
        let asking = places.map { place in policy.servers.contains { $0.isReached(from: place.media) } }
        for index in places.indices {
            for component in 1...components {
                let place = places[index]
                let address = component == 1 ? place.media : place.control
                agent.addSocket(
                    2 * index + component - 1, stream: stream, component: component, address: STUNAddress(address),
                    localPreference: preferences[index], gathers: index == 0 || asking[index], now: now)
            }
        }
        agent.gather(now: now)
        return (agent, stream)
    }

    func start() {
        client = lane.add(timerClient: self)
        if let terms { agent.setRemote(terms.remote, stream: stream, now: lane.now) }
        perform()
    }

    /// What this side tells before anything was agreed.
    var gathered: ICEEnds.Gathered {
        ICEEnds.Gathered(parameters: agent.localParameters(stream), candidates: agent.localCandidates(stream))
    }

    /// Whether the far side has been told of.
    var hasTerms: Bool { terms != nil }

    /// Begins anew, and asks the servers again: relays that nothing needed were given back (RFC 8445 §8.3.1).
    func gatherAgain() {
        agent.restart(stream: stream)
        agent.gather(now: lane.now)
        perform()
    }

    /// Sends RTP (0) or RTCP (1), which goes by a relay.
    func send(_ data: [UInt8], on tag: UInt64) {
        _ = agent.send(data, stream: stream, component: Int(tag) + 1, now: lane.now)
        perform()
    }

    /// Whether these checks can go on with terms: another far side under the same credentials of this one, as of another early
    /// dialog, and another number of components want checks of their own.
    func takes(_ terms: ICETerms, isMultiplexed: Bool) -> Bool {
        guard let before = self.terms else { return true }
        guard components == (isMultiplexed ? 1 : 2) else { return false }
        return terms.local != before.local || terms.remote.parameters == before.remote.parameters
    }

    /// Goes on with what another offer and answer have said; other credentials begin anew (RFC 8445 §9), and what is in use is used until
    /// something new is found.
    func apply(_ terms: ICETerms, isMultiplexed: Bool) {
        guard terms != self.terms else { return }
        if self.terms == nil { agent.begin(as: terms.isControlling ? .controlling : .controlled) }
        if isMultiplexed {
            agent.multiplex(stream: stream, now: lane.now)
            components = 1
        }
        if terms.local != agent.localParameters(stream) {
            agent.restart(stream: stream, parameters: terms.local)
            sources = [:]
        }
        self.terms = terms
        agent.setRemote(terms.remote, stream: stream, now: lane.now)
        perform()
    }

    /// The far side knows nothing of checks: what it was told is an address of a relay goes by that relay.
    ///
    /// - Parameter destinations: where it receives, by component.
    /// - Returns: whether there is a relay for the first of them.
    func goByRelay(to destinations: [TransportAddress?]) -> Bool {
        guard terms == nil, !isClosed else { return false }
        if destinations.count == 1 { agent.multiplex(stream: stream, now: lane.now) }
        var goes = false
        for (index, destination) in destinations.enumerated() {
            guard let destination else { continue }
            let isRelayed = agent.useRelay(
                stream: stream, component: index + 1, to: STUNAddress(destination), now: lane.now)
            if index == 0 { goes = isRelayed }
        }
        perform()
        return goes
    }

    /// Takes a STUN datagram, or data of a channel, of the socket of a tag.
    func receive(_ datagram: UnsafeRawBufferPointer, on tag: UInt64, from source: TransportAddress) {
        guard !isClosed else { return }
        finish(
            agent.receive(
                RawSpan(_unsafeBytes: datagram), on: Int(tag), from: STUNAddress(source), now: lane.now))
    }

    private func finish(_ receipt: ICEAgent.Receipt) {
        perform()
        if case .data(_, let component, let bytes) = receipt { happened(.data(UInt64(component - 1), bytes)) }
    }

    // MARK: Connections to TURN servers

    /// The connection of a link is there.
    func opened(link: Int) {
        guard !isClosed else { return }
        agent.opened(link: link, now: lane.now)
        perform()
    }

    /// Takes what has come by a connection.
    func receive(_ frames: [[UInt8]], link: Int) {
        for frame in frames where !isClosed {
            finish(agent.receive(frame.span.bytes, link: link, now: lane.now))
        }
    }

    /// The connection of a link is no more.
    func closed(link: Int) {
        links[link] = nil
        guard !isClosed else { return }
        agent.closed(link: link, now: lane.now)
        perform()
    }

    private func connect(_ link: Int, to server: Int) {
        let made = connections?.connect(to: servers[server], LaneBound(self, on: lane), link: link)
        guard let made else { return agent.closed(link: link, now: lane.now) }
        links[link] = made
    }

    func timerFired(_ timer: ExpiredTimer, on lane: Lane) {
        self.timer = nil
        guard !isClosed else { return }
        agent.fire(lane.now)
        perform()
        // Relays that nothing needs are given back, and not to be told of any more.
        let candidates = agent.localCandidates(stream)
        if candidates.count < told { happened(.candidates(candidates)) }
        told = candidates.count
    }

    /// Ends the checks; nothing is told any more.
    func close() {
        guard !isClosed else { return }
        agent.close(now: lane.now)
        perform()
        isClosed = true
        if let timer { lane.cancel(timer) }
        timer = nil
        if let client { lane.remove(timerClient: client) }
        client = nil
    }

    private func perform() {
        var failure: MediaWayError?
        var hasChanged = false
        var isSettled = false
        var actions = agent.takeActions()[...]
        while let action = actions.popFirst() {
            switch action {
            case .send(let socket, let address, let bytes):
                happened(.send(UInt64(socket), TransportAddress(address), bytes))
            case .usable(_, let component, let pair):
                direct(component, pair)
                hasChanged = true
            case .selected(_, let component, let pair):
                direct(component, pair)
                selected[component] = pair
                hasChanged = true
            case .heard(_, let component, let address):
                sources[UInt64(component - 1), default: []].append(TransportAddress(address))
                hasChanged = true
            case .failed: failure = .notFound
            case .consentLost(_, let component):
                // Nothing may be sent (RFC 7675 §5.1).
                destinations[UInt64(component - 1)] = nil
                if component == 1 { way = nil }
                hasChanged = true
                failure = .lost
            case .gatheringEnded: happened(.gathered)
            case .connect(let link, let server):
                connect(link, to: server)
                actions += agent.takeActions()
            case .transmit(let link, let bytes): links[link]?.send(bytes)
            case .disconnect(let link):
                links[link]?.close()
                links[link] = nil
            case .completed: isSettled = true
            case .gathered, .roleChanged: break
            }
        }
        if hasChanged { happened(.changed) }
        if isSettled { happened(.settled(settlement)) }
        if let failure { happened(.failed(failure)) }
        schedule()
    }

    /// Data of a component goes by a pair.
    private func direct(_ component: Int, _ pair: SelectedPair) {
        let tag = UInt64(component - 1)
        destinations[tag] = TransportAddress(pair.remote.address)
        outlets[tag] = UInt64(pair.socket)
        if pair.isRelayed { relayed.insert(tag) } else { relayed.remove(tag) }
        guard component == 1 else { return }
        way = MediaWay(
            local: TransportAddress(pair.local.address), remote: TransportAddress(pair.remote.address),
            isRelayed: pair.isRelayed, localKind: MediaWay.Kind(pair.local.kind),
            remoteKind: MediaWay.Kind(pair.remote.kind))
    }

    private var settlement: ICEEnds.Settlement {
        ICEEnds.Settlement(
            parameters: agent.localParameters(stream),
            pairs: (1...components).compactMap { component in
                selected[component].map { .init(component: component, local: $0.local, remote: $0.remote.address) }
            })
    }

    private func schedule() {
        if let timer { lane.cancel(timer) }
        timer = nil
        guard !isClosed, let client, let deadline = agent.deadline else { return }
        timer = lane.schedule(at: deadline, client, token: 0)
    }
}

extension ICEPolicy.Server {
    /// Whether what is sent to it leaves by an address of this host.
    fileprivate func isReached(from local: TransportAddress) -> Bool {
        guard case .address(let address) = host, let way = TransportAddress.route(to: address) else { return false }
        return way.hasSameHost(as: local)
    }
}
