/// A client's side of an allocation at a TURN server (RFC 8656), by datagrams or by a connection.
///
/// Like all machines here it reads no clock and opens no socket: what comes from the server is given to it, ``takeOutputs()`` says what
/// to send, and ``fire(_:)`` is to be called at ``deadline``. By a connection its octets go through ``TURNFramer`` first.
///
/// ```
///            start            success              refresh, permissions, channels
///   +------+      +------------+       +-----------+
///   | idle | ---> | allocating | ----> | allocated | ---+
///   +------+      +------------+       +-----------+    | close
///                   |   ^  | 300: another server        v
///                   |   +--+                        +-------+
///                   +-----------------------------> | ended |
///                          refusal, silence         +-------+
/// ```
public struct TURNClient: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// The addresses that a relay is wanted for.
    public enum Families: Hashable, Sendable {
        case ip4, ip6
        /// Both by one allocation (RFC 8656 §7.1 ADDITIONAL-ADDRESS-FAMILY); a server may give one alone.
        case both
    }

    /// What a server has given.
    public struct Allocation: Hashable, Sendable {
        /// One address, or one of each family.
        public var relayed: [STUNAddress]
        /// Where the server sees this side.
        public var mapped: STUNAddress
        /// What names the port behind the relayed one, when it is kept (``Port/evenWithNext``): whoever asks for ``Port/reserved(_:)``
        /// within 30 s has it.
        public var token: UInt64?
    }

    /// Why there is no allocation, or no more.
    public enum Failure: Error, Hashable, Sendable {
        /// The server does not answer.
        case timeout
        /// The server has answered, but nothing that was proven (RFC 8489 §9.2.5).
        case integrity
        /// The server does not take the credentials: 401, 441, or what it asks for cannot be done.
        case credentials
        /// Another refusal: 403, 437, 442, 486, 508, … For 486 and 508 it is worth asking again after a minute (RFC 8656 §7.4).
        case refused(STUNErrorCode)
        /// A success without what it must say.
        case malformed
    }

    /// What to do, in order.
    public enum Output: Hashable, Sendable {
        /// Send octets to a server.
        case send(to: STUNAddress, [UInt8])
        /// There is a relay.
        case allocated(Allocation)
        /// A peer has sent data to the relay.
        case data(from: STUNAddress, [UInt8])
        /// The server has connected to a peer: bind a connection to the number within ``TURNDataConnection/bindingLimit``.
        case connected(to: STUNAddress, id: UInt32)
        /// It has not: 446, 447, 403 and others come as ``Failure/refused(_:)``.
        case notConnected(to: STUNAddress, Failure)
        /// A peer has connected to the relay: who wants to have it binds a connection to the number, within the same time.
        case attempted(by: STUNAddress, id: UInt32)
        /// There is no relay, or no more.
        case failed(Failure)
        /// The relay was given back.
        case ended
    }

    /// The time that an allocation is asked for: 10 min (RFC 8656 §7.1).
    public static let lifetime: UInt32 = 600
    /// The longest and the shortest lifetime that is believed, seconds.
    static let believedLifetimes: ClosedRange<UInt32> = 30...3_600
    /// How long before its end an allocation is refreshed: 1 min (RFC 8656 §8).
    public static let refreshMargin = Duration.seconds(60)
    /// When permissions, which last 5 min, and channels, which last 10, are refreshed: after 4 min (RFC 8656 §9, §12).
    public static let permissionRefresh = Duration.seconds(240)
    /// The most peers that there are permissions for: 100. Data for others is not sent.
    public static let mostPeers = 100
    /// The most datagrams for a peer that wait for its permission: 4. Others are lost, as datagrams may be.
    public static let mostWaiting = 4
    /// The most other servers that are tried for 300 (RFC 8489 §10).
    public static let mostRedirections = 4

    /// A host that data is exchanged with.
    struct Peer: Hashable, Sendable {
        var isPermitted = false
        /// When the permission or channel is to be refreshed.
        var refresh: Instant?
        var isAsked = false
        var isRefused = false

        /// Whether data may come: also before the answer, which it may overtake.
        var isOpen: Bool { isPermitted || isAsked }
    }

    /// A channel: from the time that it was asked for it is never another peer's.
    struct Channel: Hashable, Sendable {
        var number: UInt16
        var isBound = false
        var refresh: Instant?
        var isAsked = false

        /// Whether data may come: also before the answer, which it may overtake.
        var isOpen: Bool { isBound || isAsked }
    }

    enum State: Hashable, Sendable { case idle, allocating, allocated, ending, ended }

    /// A request that is under way.
    struct Request: Sendable {
        enum Purpose: Hashable, Sendable {
            case allocate
            /// With a lifetime in seconds; 0 gives the allocation back.
            case refresh(UInt32)
            case permit(STUNAddress)
            case bind(STUNAddress)
            case connect(STUNAddress)
        }

        var purpose: Purpose
        var transaction: STUNClientTransaction
        var bytes: [UInt8]
        /// The nonce that it was proven with.
        var proof: [UInt8]?
        /// Something came that was not proven.
        var isViolated = false
    }

    /// The server that is asked; another one behind a redirection.
    public internal(set) var server: STUNAddress
    public internal(set) var allocation: Allocation?
    let families: Families
    let kind: Kind
    let isReliable: Bool
    let hash: STUNHash
    let random: @Sendable () -> UInt64
    let timing: STUNClientTransaction.Timing
    /// With what was learned of the server: what connections for data prove themselves with too (RFC 6062 §4.3).
    public internal(set) var credentials: LongTermCredentials
    var state = State.idle
    var requests: [Request] = []
    /// By host, its port 0: permissions are for addresses (RFC 8656 §9).
    var peers: [STUNAddress: Peer] = [:]
    var channels: [STUNAddress: Channel] = [:]
    var waiting: [(peer: STUNAddress, data: [UInt8])] = []
    var tried: [STUNAddress]
    /// Peers that the server is connecting to, and those that it could not reach, with the time until which it is not asked again.
    var connecting: Set<STUNAddress> = []
    var unreachable: [STUNAddress: Instant] = [:]
    var refresh: Instant?
    private var outputs: [Output] = []

    /// A client that has not begun.
    ///
    /// - Parameters:
    ///   - isReliable: whether the server is reached by a connection: requests are sent once, and channel data is padded. A relay for
    ///     connections is had in no other way.
    ///   - random: numbers that nobody can guess.
    public init(
        server: STUNAddress, credentials: LongTermCredentials, families: Families? = nil, kind: Kind = .datagrams(),
        isReliable: Bool = false, timing: STUNClientTransaction.Timing = .init(), hash: STUNHash,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.server = server
        self.credentials = credentials
        self.families = families ?? (server.isIPv6 ? .ip6 : .ip4)
        self.kind = kind
        self.isReliable = isReliable || kind == .connections
        self.timing = timing
        self.hash = hash
        self.random = random
        tried = [server]
    }

    /// What is to be done since this was asked last.
    public mutating func takeOutputs() -> [Output] {
        let taken = outputs
        outputs = []
        return taken
    }

    mutating func put(_ output: Output) { outputs.append(output) }

    /// Whether the allocation was given back, is being so, or was lost.
    var isOver: Bool { state == .ending || state == .ended }
    /// Whether nothing more is under way for it.
    var hasEnded: Bool { state == .ended }

    /// The connection to the server is no more, and with it the allocation.
    public mutating func abandon() {
        forget()
        allocation = nil
        state = .ended
    }

    /// Nothing is under way any more.
    mutating func forget() {
        requests = []
        peers = [:]
        channels = [:]
        waiting = []
        connecting = []
        unreachable = [:]
        refresh = nil
    }

    // MARK: What the owner wants

    /// Asks for an allocation.
    public mutating func start(_ now: Instant) {
        guard state == .idle else { return }
        state = .allocating
        ask(.allocate, now: now)
    }

    /// Gives the allocation back (RFC 8656 §8): nothing more is sent or received.
    public mutating func close(_ now: Instant) {
        forget()
        guard state == .allocated else {
            state = .ended
            return
        }
        state = .ending
        ask(.refresh(0), now: now)
    }

    /// Lets a host send to the relay (RFC 8656 §9).
    public mutating func permit(_ peer: STUNAddress, now: Instant) {
        guard state == .allocated else { return }
        let host = peer.with(port: 0)
        guard reaches(peer), peers[host] != nil || peers.count < Self.mostPeers else { return }
        var entry = peers[host] ?? Peer()
        guard !entry.isPermitted, !entry.isAsked, !entry.isRefused else { return }
        entry.isAsked = true
        peers[host] = entry
        ask(.permit(host), now: now)
    }

    /// Makes a channel to a peer, so that data has four octets in front and not a message (RFC 8656 §12).
    public mutating func bindChannel(to peer: STUNAddress, now: Instant) {
        guard state == .allocated, kind != .connections, reaches(peer), channels[peer] == nil,
            channels.count < Self.mostPeers
        else { return }
        let used = Set(channels.values.map(\.number))
        guard let number = ChannelData.numbers.first(where: { !used.contains($0) }) else { return }
        channels[peer] = Channel(number: number, isAsked: true)
        ask(.bind(peer), now: now)
    }

    /// The number of a channel that was bound.
    public func channel(to peer: STUNAddress) -> UInt16? {
        channels[peer].flatMap { $0.isBound ? $0.number : nil }
    }

    /// Whether a host may send to the relay, and data for it goes out at once.
    public func isPermitted(_ peer: STUNAddress) -> Bool { peers[peer.with(port: 0)]?.isPermitted == true }

    /// Sends data to a peer, by its channel if there is one; what has no permission yet waits for it.
    public mutating func send(_ data: [UInt8], to peer: STUNAddress, now: Instant) {
        guard state == .allocated, kind != .connections, reaches(peer) else { return }
        if let number = channel(to: peer) {
            if let bytes = ChannelData.bytes(number, data, isPadded: isReliable) { put(.send(to: server, bytes)) }
            return
        }
        guard isPermitted(peer) else {
            permit(peer, now: now)
            let count = waiting.reduce(0) { $0 + ($1.peer.isSameHost(as: peer) ? 1 : 0) }
            let isRefused = peers[peer.with(port: 0)]?.isRefused ?? true
            if count < Self.mostWaiting, !isRefused { waiting.append((peer, data)) }
            return
        }
        indicate(data, to: peer)
    }

    /// A Send indication (RFC 8656 §11.1).
    func indication(_ data: [UInt8], to peer: STUNAddress) -> [UInt8]? {
        STUNWriter.message(.indication, .send, newTransaction(), room: data.count) { writer, bytes in
            try writer.add(.xorPeerAddress, peer, into: &bytes)
            try writer.add(.data, data, into: &bytes)
        }
    }

    mutating func indicate(_ data: [UInt8], to peer: STUNAddress) {
        if let bytes = indication(data, to: peer) { put(.send(to: server, bytes)) }
    }

    /// Whether a relay of the family of the peer was given.
    func reaches(_ peer: STUNAddress) -> Bool {
        allocation?.relayed.contains { $0.isIPv6 == peer.isIPv6 } ?? false
    }

    // MARK: Time

    /// When ``fire(_:)`` is to be called next; nil when nothing is under way.
    public var deadline: Instant? {
        var instants = requests.compactMap(\.transaction.deadline)
        if state == .allocated {
            if let refresh { instants.append(refresh) }
            instants += peers.values.compactMap(\.refresh)
            instants += channels.values.compactMap(\.refresh)
        }
        return instants.min()
    }

    /// Time has passed.
    public mutating func fire(_ now: Instant) {
        for index in requests.indices.reversed() {
            switch requests[index].transaction.fire(now) {
            case .nothing: break
            case .resend: put(.send(to: server, requests[index].bytes))
            case .timeout:
                let request = requests.remove(at: index)
                fail(request.purpose, request.isViolated ? .integrity : .timeout)
                // All is gone with the allocation.
                if state == .ended { return }
            }
        }
        guard state == .allocated else { return }
        if let due = refresh, due <= now {
            refresh = nil
            ask(.refresh(Self.lifetime), now: now)
        }
        for (host, peer) in peers where peer.refresh.map({ $0 <= now }) ?? false {
            peers[host]?.refresh = nil
            peers[host]?.isAsked = true
            ask(.permit(host), now: now)
        }
        for (peer, channel) in channels where channel.refresh.map({ $0 <= now }) ?? false {
            channels[peer]?.refresh = nil
            channels[peer]?.isAsked = true
            ask(.bind(peer), now: now)
        }
    }
}
