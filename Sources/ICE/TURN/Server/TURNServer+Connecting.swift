/// Relays for connections (RFC 6062 §5). The owner makes connections with peers and takes those of peers, and says so; it reads nothing
/// from them until they are bound, so that TCP holds the peer back.
extension TURNServer {
    /// What a client is to be told.
    public struct Notice: Hashable, Sendable {
        /// Whom.
        public var path: TURNPath
        /// Octets of the memory that was given.
        public var count: Int
        /// The number of the connection that it is told of.
        public var connection: UInt32
    }

    /// Takes a Connect request (RFC 6062 §5.2).
    mutating func connect(
        _ message: STUNMessage, _ bytes: RawSpan, _ slot: Int, _ proof: Proof, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        guard slots[slot].transport == .tcp, let peer = message.address(.xorPeerAddress, in: bytes) else {
            return refuse(message, .badRequest, proof, into: &memory)
        }
        guard !slots[slot].connections.contains(where: { $0.peer == peer }) else {
            return refuse(message, .connectionAlreadyExists, proof, into: &memory)
        }
        if let error = objection(to: peer, slot) { return refuse(message, error, proof, into: &memory) }
        guard configuration.peers.reaches(peer) else {
            statistics.forbidden += 1
            return refuse(message, .forbidden, proof, into: &memory)
        }
        guard let id = addConnection(peer, slot, .connecting(.init(transaction: message.transaction, proof: proof)))
        else {
            statistics.capacityRefusals += 1
            return refuse(message, .insufficientCapacity, proof, into: &memory)
        }
        return .connect(id, from: self.id(slot, peer.family), to: peer)
    }

    /// Notes a connection; its number, nil when there is no room.
    private mutating func addConnection(_ peer: STUNAddress, _ slot: Int, _ state: TURNPeerConnection.State) -> UInt32?
    {
        guard slots[slot].connections.count < configuration.mostConnections,
            connections.count < configuration.mostConnectionsInAll
        else { return nil }
        // Of four billion some thousand are in use.
        var id = part.number(random())
        for _ in 0..<8 where connections[id] != nil { id = part.number(random()) }
        guard connections[id] == nil else { return nil }
        connections[id] = slot
        slots[slot].connections.append(TURNPeerConnection(id: id, peer: peer, state: state))
        statistics.connections += 1
        return id
    }

    private mutating func removeConnection(_ id: UInt32) -> TURNPeerConnection? {
        guard let slot = connections.removeValue(forKey: id),
            let place = slots[slot].connections.firstIndex(where: { $0.id == id })
        else { return nil }
        statistics.connections -= 1
        return slots[slot].connections.remove(at: place)
    }

    /// A peer was connected to, as ``Outcome/connect(_:from:to:)`` has asked.
    ///
    /// - Parameter memory: for the answer, at least ``answerSize`` octets.
    /// - Returns: nil when nobody wants it any more: it is to be closed.
    public mutating func connected(_ id: UInt32, into memory: inout MutableRawSpan, now: Instant) -> Notice? {
        guard let slot = connections[id], let place = slots[slot].connections.firstIndex(where: { $0.id == id }),
            case .connecting(let request) = slots[slot].connections[place].state
        else { return nil }
        let until = now + TURNDataConnection.bindingLimit
        slots[slot].connections[place].state = .waiting(until: until)
        noteUnbound(id, until)
        statistics.connected += 1
        return tell(
            id, slot,
            write(.success, .connect, request.transaction, request.proof, into: &memory) {
                (writer, memory) throws(STUNDefect) in
                try writer.add(.connectionID, id, into: &memory)
            })
    }

    /// A peer could not be connected to (447).
    public mutating func notConnected(_ id: UInt32, into memory: inout MutableRawSpan) -> Notice? {
        guard let slot = connections[id], let connection = removeConnection(id),
            case .connecting(let request) = connection.state
        else { return nil }
        statistics.connectionFailures += 1
        return tell(
            id, slot,
            write(.error, .connect, request.transaction, request.proof, into: &memory) {
                (writer, memory) throws(STUNDefect) in
                try writer.add(.connectionFailure, into: &memory)
            })
    }

    private func tell(_ id: UInt32, _ slot: Int, _ outcome: Outcome) -> Notice? {
        guard case .answer(let count) = outcome else { return nil }
        return Notice(path: slots[slot].path, count: count, connection: id)
    }

    /// A peer has connected to a relay (RFC 6062 §5.3).
    ///
    /// - Parameter memory: for the indication, at least ``answerSize`` octets.
    /// - Returns: nil when it has no permission, or there is no room: it is to be closed.
    public mutating func attempted(
        by peer: STUNAddress, at relay: TURNRelayID, into memory: inout MutableRawSpan, now: Instant
    ) -> Notice? {
        let slot = relay.slot
        guard slot < slots.count, slots[slot].generation == relay.generation, slots[slot].permits(peer, now: now),
            slots[slot].isOpen(relay.family, now: now), slots[slot].transport == .tcp
        else {
            statistics.peerDrops += 1
            return nil
        }
        let until = now + TURNDataConnection.bindingLimit
        guard let id = addConnection(peer, slot, .waiting(until: until)) else {
            statistics.capacityRefusals += 1
            return nil
        }
        noteUnbound(id, until)
        statistics.attempts += 1
        let name = STUNTransactionID(upper: UInt32(truncatingIfNeeded: random()), lower: random())
        do throws(STUNDefect) {
            var writer = try STUNWriter(.indication, .connectionAttempt, name, into: &memory)
            try writer.add(.xorPeerAddress, peer, into: &memory)
            try writer.add(.connectionID, id, into: &memory)
            return Notice(path: slots[slot].path, count: writer.length, connection: id)
        } catch {
            _ = removeConnection(id)
            return nil
        }
    }

    /// Takes a ConnectionBind request (RFC 6062 §5.4).
    mutating func bindConnection(
        _ message: STUNMessage, _ bytes: RawSpan, _ path: TURNPath, _ proof: Proof, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        // The connection of an allocation stays that.
        guard path.isStream, paths[path] == nil, let id = message.word32(.connectionID, in: bytes),
            let slot = connections[id], let place = slots[slot].connections.firstIndex(where: { $0.id == id }),
            case .waiting(let until) = slots[slot].connections[place].state, until > now
        else { return refuse(message, .badRequest, proof, into: &memory) }
        guard slots[slot].user == proof.user else { return refuse(message, .wrongCredentials, proof, into: &memory) }
        let answer = write(.success, .connectionBind, message.transaction, proof, into: &memory)
        guard case .answer(let count) = answer else { return .nothing }
        slots[slot].connections[place].state = .bound
        statistics.bound += 1
        return .bound(id, count)
    }

    /// Whether a user has the connection that a request names.
    func hasConnection(_ message: STUNMessage, _ bytes: RawSpan, of user: [UInt8]) -> Bool {
        guard message.method == .connectionBind, let id = message.word32(.connectionID, in: bytes),
            let slot = connections[id]
        else { return false }
        return slots[slot].user == user
    }

    /// The connection of a peer, or that of the client which it was bound to, is closed: so is to be the other.
    public mutating func disconnected(_ id: UInt32) { _ = removeConnection(id) }

    /// The connections with peers that are to be closed, with those that they are bound to, since this was asked last.
    public mutating func takeClosedConnections() -> [UInt32] {
        guard !closedConnections.isEmpty else { return [] }
        let taken = closedConnections
        closedConnections = []
        return taken
    }

    /// Notes a connection that is to be bound. Of those that were, or are gone, no more are kept than there may be others.
    private mutating func noteUnbound(_ id: UInt32, _ until: Instant) {
        if unbound.count >= 2 * configuration.mostConnectionsInAll {
            let kept = unbound.filter { isWaiting($0.id, $0.until) }
            unbound = kept
        }
        unbound.append(Unbound(id: id, until: until))
    }

    private func isWaiting(_ id: UInt32, _ end: Instant) -> Bool {
        guard let slot = connections[id], let connection = slots[slot].connections.first(where: { $0.id == id }),
            case .waiting(let until) = connection.state
        else { return false }
        return until <= end
    }

    /// Closes connections that nobody has bound one to in time.
    mutating func closeUnbound(_ now: Instant) {
        let due = unbound.prefix { $0.until <= now }
        for entry in due where isWaiting(entry.id, now) {
            _ = removeConnection(entry.id)
            closedConnections.append(entry.id)
        }
        unbound.removeFirst(due.count)
    }

    /// Closes the connections of an allocation with peers of a family (RFC 6062 §5.5).
    mutating func closeConnections(_ slot: Int, _ family: TURNFamily) {
        for connection in slots[slot].connections where connection.peer.family == family {
            _ = removeConnection(connection.id)
            closedConnections.append(connection.id)
        }
    }
}
