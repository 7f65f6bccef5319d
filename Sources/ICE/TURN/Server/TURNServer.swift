/// A TURN server (RFC 8656), which answers Binding Requests too (RFC 8489): the allocations of the clients that one thread serves.
///
/// It reads no clock and opens no socket. What comes from clients and peers is given to it, and it says what to do: nothing that is
/// relayed is copied or allocated here. It asks for relays by ``Outcome/open`` and tells of those to close by ``takeClosed()``.
///
/// ```
///                  Allocate                Refresh, CreatePermission, ChannelBind
///   +------+   401, credentials   +-----------+ ---+
///   | none | -------------------> | allocated |    |   Send, ChannelData  --> peers
///   +------+                      +-----------+ <--+   Data, ChannelData   <-- peers
///      ^        Refresh of 0, time over, connection closed   |
///      +-----------------------------------------------------+
/// ```
///
/// Relays for connections (RFC 6062) have ``TURNPeerConnection`` besides: the machine sees how they come to be and end, and not what
/// goes by them.
public struct TURNServer: ~Copyable {
    public typealias Instant = ContinuousClock.Instant

    /// What is to be done with what a client has sent.
    public enum Outcome: Hashable, Sendable {
        /// Nothing.
        case nothing
        /// Send back as many octets of the memory that was given.
        case answer(Int)
        /// Send octets of the datagram from a relay.
        case relay(TURNRelayID, to: STUNAddress, Range<Int>)
        /// Connect from a relay to a peer, within 30 s or more (RFC 6062 §5.2), and tell what became of the connection with the number.
        case connect(UInt32, from: TURNRelayID, to: STUNAddress)
        /// Send back as many octets of the memory, and then what the peer of the connection with the number sends; what comes from now on
        /// is for that peer.
        case bound(UInt32, Int)
        /// Open the relays that ``TURNServer/opening`` asks for, and say so by ``TURNServer/opened(_:into:now:)`` before anything else.
        case open
    }

    /// What is to be done with what a peer has sent.
    public enum Delivery: Hashable, Sendable {
        case nothing
        /// Send it to the client with the four octets of a channel in front.
        case channel(UInt16, to: TURNPath)
        /// Send it to the client as ``TURNServer/writeData(_:from:id:into:)`` writes it.
        case indication(to: TURNPath)
    }

    let configuration: TURNServerConfiguration
    let hash: STUNHash
    let nonces: TURNNonces
    let quota: TURNQuota
    let random: @Sendable () -> UInt64
    let wallClock: @Sendable () -> Int64
    let part: TURNServerPart
    /// Who may have allocations; can be others while it runs.
    public var accounts: TURNAccounts
    var paths: [TURNPath: Int] = [:]
    /// Those that are not in use have no relays.
    var slots: [TURNAllocation] = []
    var free: [Int] = []
    var ring: ExpiryRing
    var gate: StrangerGate
    var closed: [TURNRelayID] = []
    /// The allocations of connections with peers, by their numbers.
    var connections: [UInt32: Int] = [:]
    /// Those that wait to be bound, in the order in which their time ends; others too, which were bound or are gone.
    var unbound: [Unbound] = []
    var closedConnections: [UInt32] = []
    public internal(set) var statistics = TURNStatistics()
    /// A connection with a peer that waits to be bound.
    struct Unbound: Sendable {
        var id: UInt32
        var until: Instant
    }

    /// What ``Outcome/open`` asks for.
    public internal(set) var opening: Opening?

    /// A server without allocations.
    ///
    /// - Parameters:
    ///   - quota: shared by the servers of all threads.
    ///   - nonces: likewise, so that a client may come to another one.
    ///   - part: which of them it is.
    ///   - random: numbers that nobody can guess.
    ///   - wallClock: seconds since 1970, for credentials that hold for a time.
    public init(
        _ configuration: TURNServerConfiguration = TURNServerConfiguration(), accounts: TURNAccounts, quota: TURNQuota,
        nonces: TURNNonces, part: TURNServerPart = .whole, hash: STUNHash, now: Instant,
        random: @escaping @Sendable () -> UInt64,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.configuration = configuration
        self.accounts = accounts
        self.quota = quota
        self.nonces = nonces
        self.hash = hash
        self.random = random
        self.wallClock = wallClock
        self.part = part
        ring = ExpiryRing(origin: now)
        gate = StrangerGate(rate: configuration.strangerAnswers, seed: random(), now: now)
    }

    /// Octets of memory that any answer fits into.
    public static let answerSize = 1_280
    /// Octets in front of the data of a Data indication, padding behind it counted in.
    public static let indicationSize = STUNMessage.headerLength + 24 + 4 + 3

    // MARK: What clients send

    /// Takes a datagram of a client, or a frame of its connection.
    ///
    /// - Parameter memory: for an answer, at least ``answerSize`` octets.
    public mutating func receive(
        _ bytes: RawSpan, from path: TURNPath, into memory: inout MutableRawSpan, now: Instant
    ) -> Outcome {
        guard bytes.byteCount >= ChannelData.headerLength else { return malformed() }
        if bytes.octet(at: 0) & 0xC0 == 0x40 { return relayChannel(bytes, path, now: now) }
        do throws(STUNDefect) {
            let message = try STUNMessage(parsing: bytes)
            switch message.kind {
            case .indication: return message.method == .send ? relaySend(message, bytes, path, now: now) : .nothing
            case .request: return answer(message, bytes, path, into: &memory, now: now)
            case .success, .error: return .nothing
            }
        } catch { return malformed() }
    }

    private mutating func malformed() -> Outcome {
        statistics.malformed += 1
        return .nothing
    }

    /// ChannelData (RFC 8656 §12.6).
    private mutating func relayChannel(_ bytes: RawSpan, _ path: TURNPath, now: Instant) -> Outcome {
        guard let data = ChannelData(parsing: bytes) else { return malformed() }
        // By its span, here and below: an element of an array would be copied, and its parts counted, for each datagram.
        guard let slot = paths[path], let peer = slots.span[slot].peer(ofChannel: data.channel, now: now) else {
            statistics.clientDrops += 1
            return .nothing
        }
        return relay(slot, to: peer, data.data, now: now)
    }

    /// A Send indication (RFC 8656 §11.2). One with what is not understood is dropped, DONT-FRAGMENT too (§14).
    private mutating func relaySend(
        _ message: STUNMessage, _ bytes: RawSpan, _ path: TURNPath, now: Instant
    ) -> Outcome {
        guard let slot = paths[path] else {
            statistics.clientDrops += 1
            return .nothing
        }
        var peer: STUNAddress?
        var data: Range<Int>?
        var walk = message.attributes
        while let attribute = walk.next(in: bytes) {
            switch attribute.type {
            case .xorPeerAddress where peer == nil:
                peer = message.address(.xorPeerAddress, at: attribute.value, in: bytes)
                if peer == nil { return malformed() }
            case .data where data == nil: data = attribute.value
            case .xorPeerAddress, .data: break
            default: if attribute.type.isComprehensionRequired { return malformed() }
            }
        }
        guard let peer, let data else { return malformed() }
        guard slots.span[slot].permits(peer, now: now), configuration.peers.reaches(peer) else {
            statistics.clientDrops += 1
            return .nothing
        }
        return relay(slot, to: peer, data, now: now)
    }

    private mutating func relay(_ slot: Int, to peer: STUNAddress, _ data: Range<Int>, now: Instant) -> Outcome {
        guard slots.span[slot].transport == .udp, slots.span[slot].isOpen(peer.family, now: now) else {
            statistics.clientDrops += 1
            return .nothing
        }
        statistics.toPeers += 1
        statistics.octetsToPeers += data.count
        return .relay(id(slot, peer.family), to: peer, data)
    }

    func id(_ slot: Int, _ family: TURNFamily) -> TURNRelayID {
        TURNRelayID(slot: slot, generation: slots.span[slot].generation, family)
    }

    // MARK: What peers send

    /// Takes a datagram of a peer that has come to a relay (RFC 8656 §11.3, §12.7).
    ///
    /// - Parameter count: octets of its data.
    public mutating func receive(
        fromPeer peer: STUNAddress, at relay: TURNRelayID, count: Int, now: Instant
    ) -> Delivery {
        let slot = relay.slot
        guard slot < slots.count, slots.span[slot].generation == relay.generation,
            slots.span[slot].permits(peer, now: now), slots.span[slot].isOpen(relay.family, now: now)
        else {
            statistics.peerDrops += 1
            return .nothing
        }
        statistics.toClients += 1
        statistics.octetsToClients += count
        let path = slots.span[slot].path
        guard let number = slots.span[slot].channel(of: peer, now: now) else { return .indication(to: path) }
        return .channel(number, to: path)
    }

    /// Writes a Data indication (RFC 8656 §11.3).
    ///
    /// - Parameters:
    ///   - id: a new one for each.
    ///   - memory: at least as many octets as the data has, and ``indicationSize``.
    /// - Returns: octets written; 0 when the data is too long for a message.
    public static func writeData(
        _ data: UnsafeRawBufferPointer, from peer: STUNAddress, id: STUNTransactionID,
        into memory: inout MutableRawSpan
    ) -> Int {
        do throws(STUNDefect) {
            var writer = try STUNWriter(.indication, .data, id, into: &memory)
            try writer.add(.xorPeerAddress, peer, into: &memory)
            try writer.add(.data, copying: data, into: &memory)
            return writer.length
        } catch { return 0 }
    }

    // MARK: The end of allocations

    /// The relays that are to be closed since this was asked last.
    public mutating func takeClosed() -> [TURNRelayID] {
        guard !closed.isEmpty else { return [] }
        let taken = closed
        closed = []
        return taken
    }

    /// Whether ``takeClosed()`` or ``takeClosedConnections()`` has any.
    public var hasClosed: Bool { !closed.isEmpty || !closedConnections.isEmpty }

    /// Whether a client has an allocation.
    public func hasAllocation(_ path: TURNPath) -> Bool { paths[path] != nil }

    /// The connection of a client is closed, and its allocation with it.
    public mutating func disconnected(_ path: TURNPath) {
        if let slot = paths[path] { end(slot) }
    }

    /// When ``fire(_:)`` is to be called next; nil when there is nothing to look after.
    public var deadline: Instant? {
        guard let first = unbound.first?.until else { return ring.deadline }
        return min(first, ring.deadline ?? first)
    }

    /// Time has passed: ends what was not refreshed.
    public mutating func fire(_ now: Instant) {
        closeUnbound(now)
        for entry in ring.takeDue(now) {
            // Of several notes of an allocation the last one counts.
            guard slots[entry.slot].generation == entry.generation, slots[entry.slot].noted <= now,
                !slots[entry.slot].families.isEmpty
            else { continue }
            for family in slots[entry.slot].families
            where slots[entry.slot][family].map({ $0.expires <= now }) ?? false {
                close(entry.slot, family)
            }
            if let next = slots[entry.slot].expires {
                slots[entry.slot].noted = ring.insert(entry, at: next)
            } else {
                statistics.expired += 1
                end(entry.slot)
            }
        }
    }

    /// Ends all allocations.
    public mutating func close() {
        for slot in paths.values { end(slot) }
    }

    mutating func close(_ slot: Int, _ family: TURNFamily) {
        guard slots[slot][family] != nil else { return }
        closed.append(id(slot, family))
        closeConnections(slot, family)
        slots[slot].close(family)
    }

    mutating func end(_ slot: Int) {
        for family in TURNFamily.allCases { close(slot, family) }
        guard paths.removeValue(forKey: slots[slot].path) != nil else { return }
        quota.give(slots[slot].account)
        statistics.allocations -= 1
        slots[slot].permissions = []
        slots[slot].channels = []
        free.append(slot)
    }
}
