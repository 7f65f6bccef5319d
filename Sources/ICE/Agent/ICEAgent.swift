/// An agent that finds a way between two hosts for each component of some data streams: ICE (RFC 8445), full or lite, with
/// trickled candidates (RFC 8838) and consent (RFC 7675).
///
/// It reads no clock and opens no socket: sockets, datagrams and time are told to it, and ``takeActions()`` says what to do. After
/// each call look at ``deadline``: ``fire(_:)`` is to be called then.
///
/// ```
///   addStream, addSocket, gather      setRemote            all components nominated
///   +------+      +---------+     +-----------+                +-----------+
///   | idle | ---> | waiting | --> |  running  | -------------> | completed | --> consent checks, or restart
///   +------+      +---------+     +-----------+                +-----------+
///                                       |   no pair left, and patience at its end
///                                       +----------------> failed
/// ```
///
/// A pair that was checked is itself the valid one (RFC 8445 §7.2.5.3.2 makes another of the address that the other side sees): that
/// candidate and the priority of the pair that it makes are kept beside it. On the wire it is the same, since a nomination repeats
/// the check that made a pair valid (§8.1.1), and data leaves by the socket that was checked; but a pair of the checklist whose
/// candidate has the address that the other side sees has to succeed by a check of its own.
public struct ICEAgent: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Send a datagram from a socket.
        case send(socket: Int, to: STUNAddress, bytes: [UInt8])
        /// A candidate of this side, to be told to the other one.
        case gathered(stream: Int, Candidate)
        /// No others follow: `end-of-candidates` when they are trickled.
        case gatheringEnded
        /// Both sides had the same role, and this one has given way (RFC 8445 §7.3.1.1).
        case roleChanged(ICERole)
        /// A component may be sent by this pair until one is selected (RFC 8445 §12.1); it works, and a better one may be found.
        case usable(stream: Int, component: Int, SelectedPair)
        /// From now on a component is sent by this pair.
        case selected(stream: Int, component: Int, SelectedPair)
        /// The other side has proven that it is at this address, too: data may come from there, since each side picks its pair for
        /// itself (RFC 8445 §12).
        case heard(stream: Int, component: Int, STUNAddress)
        /// All components of a stream have their pairs.
        case completed(stream: Int)
        /// There is no way for a stream.
        case failed(stream: Int)
        /// The other side does not want a component any more, or cannot be reached: nothing may be sent before a restart
        /// (RFC 7675 §5.1).
        case consentLost(stream: Int, component: Int)
        /// Make a connection to the TURN server at a place of ``ICEConfiguration/servers``; ``opened(link:now:)`` or ``closed(link:now:)``
        /// is to be told.
        case connect(link: Int, server: Int)
        /// Send a message or the data of a channel by a connection.
        case transmit(link: Int, bytes: [UInt8])
        /// Close a connection when all is sent.
        case disconnect(link: Int)
    }

    /// What became of a datagram.
    public enum Receipt: Hashable, Sendable {
        /// It was for the agent.
        case taken
        /// It is no STUN and came by no relay: the caller's own.
        case foreign
        /// Data of a component that came by a relay.
        case data(stream: Int, component: Int, [UInt8])
    }

    /// Where datagrams leave from: a socket, or a relay behind a socket.
    struct Base: Sendable {
        var socket: Int
        var stream: Int
        var component: Int
        var address: STUNAddress
        var localPreference: UInt16
        /// Whether servers are asked from there.
        var gathers = true
        /// The place of the relay in ``ICEAgent/relays``.
        var relay: Int?
        /// The candidate that it is.
        var candidate: Candidate
    }

    public internal(set) var role: ICERole
    public let isLite: Bool
    let configuration: ICEConfiguration
    let hash: STUNHash
    let random: @Sendable () -> UInt64
    var tieBreaker: UInt64
    var pacing: Duration
    var streams: [ICEStream] = []
    var bases: [Base] = []
    var relays: [Relay] = []
    var gatherings: [Gathering] = []
    var hasGathered = false
    /// When relays that are not needed are given back.
    var freeing: Instant?
    var isGathering = false
    var foundations = Foundations()
    /// Numbers for the foundations of pairs, which are compared often.
    var groups: [CandidatePair.Foundation: Int] = [:]
    var nextPair = 1
    /// Learned remote candidates get foundations that no one else has.
    var nextLearned = 1
    /// The stream whose turn it is (RFC 8445 §6.1.4.2).
    var nextStream = 0
    /// When the next new transaction may begin.
    var paced: Instant?
    var requestWindow: Instant?
    var requestCount = 0
    /// Binding Requests beyond ``ICEConfiguration/requestsPerSecond``, which nothing was done for.
    public internal(set) var refusedRequests = 0
    private var actions: [Action] = []

    /// An agent without streams.
    ///
    /// - Parameters:
    ///   - isLite: for hosts that are reached by everybody at their own addresses: checks are only answered.
    ///   - random: numbers that nobody can guess.
    public init(
        _ role: ICERole, isLite: Bool = false, configuration: ICEConfiguration = ICEConfiguration(), hash: STUNHash,
        random: @escaping @Sendable () -> UInt64 = {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        }
    ) {
        self.role = role
        self.isLite = isLite
        self.configuration = configuration
        self.hash = hash
        self.random = random
        tieBreaker = random()
        pacing = max(ICEConfiguration.leastPacing, configuration.pacing)
    }

    /// What is to be done since this was asked last.
    public mutating func takeActions() -> [Action] {
        let taken = actions
        actions = []
        return taken
    }

    mutating func act(_ action: Action) { actions.append(action) }

    // MARK: Streams and sockets

    /// Adds a data stream.
    ///
    /// - Parameters:
    ///   - components: 1, or 2 where RTCP has a port of its own.
    ///   - parameters: what this side has told already that it proves itself by; nil for new ones.
    /// - Returns: what names it: 0, 1, …
    public mutating func addStream(components: Int = 1, parameters: ICEParameters? = nil) -> Int {
        streams.append(ICEStream(components: min(max(components, 1), 256), local: parameters ?? .random(random)))
        return streams.count - 1
    }

    /// What this side proves itself by, to be told to the other one.
    public func localParameters(_ stream: Int) -> ICEParameters { streams[stream].local }

    /// The candidates of this side that are known so far, to be told to the other one.
    public func localCandidates(_ stream: Int) -> [Candidate] {
        streams[stream].localCandidates.compactMap(told)
    }

    /// A candidate as the other side is told of it; nil for one that is not.
    private func told(_ candidate: Candidate) -> Candidate? {
        guard candidate.kind != .peerReflexive else { return nil }
        guard !configuration.usesRelaysOnly || candidate.kind == .relayed else { return nil }
        return hidden(candidate)
    }

    /// A candidate without what is to be kept from the other side: where a relay sees this side (RFC 8839 §5.1).
    func hidden(_ candidate: Candidate) -> Candidate {
        guard configuration.usesRelaysOnly else { return candidate }
        var candidate = candidate
        candidate.related = candidate.address.isIPv6 ? STUNAddress(ip6: 0, port: 9) : STUNAddress(ip4: 0, port: 9)
        return candidate
    }

    /// Tells of a socket, which is a host candidate.
    ///
    /// - Parameters:
    ///   - socket: what names it in actions.
    ///   - localPreference: of ``CandidatePriority/localPreferences(_:)``; another one for each socket of a component.
    ///   - gathers: whether servers are asked from there: not where their way back leads elsewhere.
    public mutating func addSocket(
        _ socket: Int, stream: Int, component: Int = 1, address: STUNAddress, localPreference: UInt16 = .max,
        gathers: Bool = true, now: Instant
    ) {
        let candidate = Candidate(
            foundation: foundations.foundation(.host, base: address, server: nil), component: component, kind: .host,
            priority: CandidatePriority.of(.host, localPreference: localPreference, component: component),
            address: address)
        guard add(candidate, to: stream) else { return }
        bases.append(
            Base(
                socket: socket, stream: stream, component: component, address: address,
                localPreference: localPreference, gathers: gathers, relay: nil, candidate: candidate))
        if isGathering || hasGathered { gather(from: bases.count - 1) }
        pair(base: bases.count - 1)
        advance(now)
    }

    /// Adds a candidate of this side unless it is redundant: of the address of another one (RFC 8445 §5.1.3).
    mutating func add(_ candidate: Candidate, to stream: Int) -> Bool {
        guard streams[stream].localCandidates.count < configuration.mostLocalCandidates,
            !streams[stream].localCandidates.contains(where: {
                $0.address == candidate.address && $0.component == candidate.component && $0.kind != .peerReflexive
            })
        else { return false }
        streams[stream].localCandidates.append(candidate)
        if let told = told(candidate) { act(.gathered(stream: stream, told)) }
        return true
    }

    // MARK: The other side

    /// Tells what the other side has said of a stream: checks begin. Other credentials than before mean that the other side has
    /// restarted, and then this one does (RFC 8445 §9): ``localParameters(_:)`` are others behind it.
    public mutating func setRemote(_ remote: ICERemote, stream: Int, now: Instant) {
        if let before = streams[stream].remote, before != remote.parameters { restart(stream: stream) }
        streams[stream].remote = remote.parameters
        streams[stream].isRemoteLite = remote.isLite
        streams[stream].isRemoteComplete = remote.isComplete
        streams[stream].nominatesOnce = remote.nominatesOnce
        pacing = min(max(pacing, remote.pacing, ICEConfiguration.leastPacing), ICEConfiguration.mostPacing)
        // Who can only answer cannot control; of two such the one that has offered does (RFC 8445 §6.1.1).
        if remote.isLite, !isLite { setRole(.controlling) }
        if isLite, !remote.isLite { setRole(.controlled) }
        if streams[stream].state == .idle {
            streams[stream].state = .running
            streams[stream].started = now
        }
        for candidate in remote.candidates { addRemote(candidate, stream: stream) }
        let early = streams[stream].early
        streams[stream].early = []
        for check in early { take(check, stream: stream, now: now) }
        if isLite, remote.isLite { selectBetweenLite(stream, now: now) }
        thaw()
        advance(now)
    }

    /// Offer and answer have said who begins, when that was not known before (RFC 8445 §6.1.1); before the first
    /// ``setRemote(_:stream:now:)``.
    public mutating func begin(as role: ICERole) { setRole(role) }

    /// RTCP shares the port of RTP: the components behind the first are not used (RFC 5761 §5.1.3). Their relays are given back.
    public mutating func multiplex(stream: Int, now: Instant) {
        guard streams[stream].components > 1 else { return }
        streams[stream].components = 1
        streams[stream].localCandidates.removeAll { $0.component > 1 }
        streams[stream].remoteCandidates.removeAll { $0.component > 1 }
        let gone = Set(streams[stream].pairs.lazy.filter { $0.component > 1 }.map(\.id))
        streams[stream].pairs.removeAll { gone.contains($0.id) }
        streams[stream].triggered.removeAll { gone.contains($0) }
        streams[stream].early.removeAll { bases[$0.base].component > 1 }
        for component in streams[stream].uses.keys where component > 1 { streams[stream].uses[component] = nil }
        for component in streams[stream].provisions.keys where component > 1 {
            streams[stream].provisions[component] = nil
        }
        gatherings.removeAll { bases[$0.base].stream == stream && bases[$0.base].component > 1 }
        for relay in relays.indices
        where bases[relays[relay].base].stream == stream && bases[relays[relay].base].component > 1 {
            relays[relay].isSettled = true
            giveBack(relay, now: now)
        }
        endGatheringIfDone()
    }

    /// The other side knows nothing of ICE: a component goes by the relay that it was told of, if there is one, to where its description
    /// says (RFC 8445 §5.1.4), with neither checks nor consent.
    ///
    /// - Returns: whether there is a relay for it.
    public mutating func useRelay(
        stream: Int, component: Int, to address: STUNAddress, now: Instant
    ) -> Bool {
        let place = bases.firstIndex {
            $0.stream == stream && $0.component == component && $0.address.isIPv6 == address.isIPv6
                && $0.relay.map { !relays[$0].client.isOver } ?? false
        }
        guard let place, let relay = bases[place].relay else { return false }
        let remote = Candidate(
            foundation: [UInt8(ascii: "1")], component: component, kind: .host,
            priority: CandidatePriority.of(.host, localPreference: .max, component: component), address: address)
        let pair = SelectedPair(
            local: bases[place].candidate, remote: remote, socket: bases[place].socket, isRelayed: true)
        let nobody = ICEParameters(fragment: [], password: [])
        streams[stream].uses[component] = ICEStream.Use(
            pair: pair, base: place, priority: 0, local: streams[stream].local, remote: nobody, next: nil, expires: nil)
        act(.selected(stream: stream, component: component, pair))
        relays[relay].client.bindChannel(to: address, now: now)
        drain(relay, now: now)
        return true
    }

    mutating func setRole(_ role: ICERole) {
        guard self.role != role else { return }
        self.role = role
        for stream in streams.indices {
            for index in streams[stream].pairs.indices {
                streams[stream].pairs[index].setPriority(role)
                streams[stream].pairs[index].nominatesNext = false
            }
            streams[stream].isNominating = false
        }
    }

    // MARK: Sending

    /// What a component is sent by now.
    public func selected(stream: Int, component: Int) -> SelectedPair? { streams[stream].uses[component]?.pair }

    /// Sends data of a component along its pair, or a usable one; false when there is none, or no consent.
    public mutating func send(_ data: [UInt8], stream: Int, component: Int = 1, now: Instant) -> Bool {
        guard let use = streams[stream].uses[component] else {
            guard let provision = streams[stream].provisions[component], !provision.isExpired else { return false }
            emit(data, from: provision.base, to: provision.pair.remote.address, now: now)
            return true
        }
        emit(data, from: use.base, to: use.pair.remote.address, now: now)
        return true
    }

    /// Sends a datagram from a base: by its socket, or through its relay.
    mutating func emit(_ bytes: [UInt8], from base: Int, to address: STUNAddress, now: Instant) {
        guard let relay = bases[base].relay else {
            return act(.send(socket: bases[base].socket, to: address, bytes: bytes))
        }
        relays[relay].client.send(bytes, to: address, now: now)
        drain(relay, now: now)
    }

    // MARK: Time

    /// When ``fire(_:)`` is to be called next; nil when nothing is under way.
    public var deadline: Instant? {
        var earliest: Instant?
        func note(_ instant: Instant?) {
            guard let instant else { return }
            earliest = min(earliest ?? instant, instant)
        }
        if hasWork { note(paced) }
        for gathering in gatherings { note(gathering.transaction?.deadline) }
        for relay in relays { note(relay.client.deadline) }
        note(freeing)
        for stream in streams {
            for pair in stream.pairs { for check in pair.checks { note(check.transaction.deadline) } }
            for use in stream.uses.values {
                note(use.next)
                note(use.expires)
            }
            for provision in stream.provisions.values where !provision.isExpired { note(provision.expires) }
            guard stream.state == .running, let started = stream.started else { continue }
            note(started + configuration.longestTime)
            if !stream.isPastPatience { note(started + configuration.patience) }
            if role == .controlling, let first = stream.firstValid, !stream.isNominating {
                note(first + configuration.nominationWait)
            }
        }
        return earliest
    }

    /// Time has passed.
    public mutating func fire(_ now: Instant) {
        fireGatherings(now)
        for index in relays.indices {
            relays[index].client.fire(now)
            drain(index, now: now)
        }
        for stream in streams.indices {
            fireChecks(stream, now: now)
            fireUses(stream, now: now)
        }
        advance(now)
    }

    /// Does what is due: a new transaction if it is time for one, and conclusions.
    mutating func advance(_ now: Instant) {
        for stream in streams.indices { conclude(stream, now: now) }
        if hasWork, paced.map({ $0 <= now }) ?? true {
            paced = now + pacing
            beginNext(now)
        }
        endGatheringIfDone()
        for stream in streams.indices { conclude(stream, now: now) }
        freeRelays(now)
    }
}
