import ICE
import Reactor

/// Relays for connections (RFC 6062 §5): makes and takes connections with peers, and binds those of clients to them.
extension TURNLane {
    /// Where peers connect to a relay.
    struct Door {
        var listener: StreamListener
        /// What it is bound to, and connections to peers are made from.
        var address: TransportAddress
    }

    /// A connection of a client that is to be one for data, and is not bound yet.
    struct Newcomer {
        var connection: StreamConnection
        var since: ContinuousClock.Instant
        /// The beginning of a message.
        var octets: [UInt8] = []
    }

    /// The longest message of a connection that is to be bound, octets: longer than any with the longest name, realm and nonce.
    static let longestBinding = 4_096

    /// Connections of peers are made and taken from now on.
    func enable(_ peers: TURNPeers, _ streams: TURNStreams) {
        self.peers = peers
        self.streams = streams
    }

    /// Opens relays for connections; their addresses, as peers know them.
    func openDoors(_ opening: borrowing TURNServer.Opening) -> [STUNAddress] {
        guard let peers else { return [] }
        var addresses: [STUNAddress] = []
        for socket in ports.listen(opening.families, backlog: TURNPeers.backlog) {
            let id = opening.id(STUNAddress(socket.localAddress).family)
            doors[Self.place(id)] = Door(listener: peers.accept(at: socket, id), address: socket.localAddress)
            addresses.append(ports.advertised(socket.localAddress))
        }
        return addresses
    }

    /// Closes connections whose allocation or time is over.
    func closeConnections() {
        for id in server.takeClosedConnections() {
            outgoing.removeValue(forKey: id)?.abort()
            splices.removeValue(forKey: id)?.close()
        }
    }

    // MARK: Peers

    func connect(_ id: UInt32, from relay: TURNRelayID, to peer: STUNAddress) {
        guard let peers, let door = doors[Self.place(relay)] else { return tell { $0.notConnected(id, into: &$1) } }
        outgoing[id] = peers.connect(to: destination(peer), from: door.address, id)
    }

    /// Sends a client what the server writes; what it is about, nil when it does not write.
    @discardableResult
    private func notice(
        _ body: (inout TURNServer, inout MutableRawSpan) -> TURNServer.Notice?
    ) -> TURNServer.Notice? {
        var memory = MutableRawSpan(_unsafeBytes: answer)
        guard let notice = body(&server, &memory) else { return nil }
        watch()
        return notice
    }

    private func tell(_ body: (inout TURNServer, inout MutableRawSpan) -> TURNServer.Notice?) {
        if let notice = notice(body) { send(notice) }
    }

    private func send(_ notice: TURNServer.Notice) {
        connections[notice.path.link]?.connection.send([UInt8](answer[..<notice.count]))
    }

    /// A connection with a peer is made, by us or by the peer.
    func peerOpened(_ connection: StreamConnection) {
        let now = lane.now
        let told: TURNServer.Notice?
        if connection.isOutbound {
            let id = UInt32(truncatingIfNeeded: connection.tag)
            outgoing[id] = nil
            told = notice { $0.connected(id, into: &$1, now: now) }
        } else {
            let relay = TURNRelayID(rawValue: connection.tag)
            // An address of a link means nothing without its zone, which STUN does not have.
            let hasZone = connection.remoteAddress.scope != 0
            let peer = source(connection.remoteAddress)
            told = hasZone ? nil : notice { $0.attempted(by: peer, at: relay, into: &$1, now: now) }
        }
        guard let told, let peers else { return connection.abort() }
        let splice = TURNSplice(told.connection, connection)
        splices[told.connection] = splice
        peers.add(splice)
        send(told)
    }

    /// A connection with a peer is no more, or could not be made.
    func peerClosed(_ connection: StreamConnection) {
        if let splice = peers?.remove(connection) {
            splices[splice.id] = nil
            server.disconnected(splice.id)
            return splice.close()
        }
        guard connection.isOutbound else { return }
        let id = UInt32(truncatingIfNeeded: connection.tag)
        guard outgoing.removeValue(forKey: id) != nil else { return }
        tell { $0.notConnected(id, into: &$1) }
    }

    // MARK: Clients

    /// A connection is to be one for data: what comes by it goes to the lane of the peer's.
    func left(_ connection: StreamConnection) { connections[Self.path(of: connection).link] = nil }

    /// Takes what comes by a connection that is to be one for data; nothing more is read from it meanwhile.
    func receivedForData(_ octets: [[UInt8]], on connection: StreamConnection) {
        let now = lane.now
        let path = Self.path(of: connection)
        connections[path.link] = nil
        var newcomer = newcomers.removeValue(forKey: path.link) ?? Newcomer(connection: connection, since: now)
        for piece in octets { newcomer.octets += piece }
        while newcomer.octets.count >= STUNMessage.headerLength {
            guard let size = STUNMessage.length(inStream: newcomer.octets.span.bytes), size <= Self.longestBinding
            else {
                return connection.abort()
            }
            guard size <= newcomer.octets.count else { break }
            let message = [UInt8](newcomer.octets[..<size])
            newcomer.octets.removeFirst(size)
            var memory = MutableRawSpan(_unsafeBytes: answer)
            switch server.receive(message.span.bytes, from: path, into: &memory, now: now) {
            case .answer(let count): connection.send([UInt8](answer[..<count]))
            case .bound(let id, let count):
                return bind(connection, to: id, [UInt8](answer[..<count]), newcomer.octets)
            case .open:
                // Who asks for an allocation behind ConnectionBind makes no sense.
                _ = server.opened(TURNServer.Opened([]), into: &memory, now: now)
                return connection.abort()
            case .nothing, .relay, .connect: break
            }
        }
        newcomers[path.link] = newcomer
        watch()
        connection.resume()
    }

    /// - Parameter rest: what the client has sent behind its request.
    private func bind(_ connection: StreamConnection, to id: UInt32, _ answer: [UInt8], _ rest: [UInt8]) {
        guard let splice = splices[id], let streams else {
            server.disconnected(id)
            return connection.abort()
        }
        splice.bind(connection)
        // Gone meanwhile.
        guard streams.bind(connection, splice) else {
            server.disconnected(id)
            splices[id] = nil
            return splice.close()
        }
        connection.vouch()
        connection.send(answer)
        if !rest.isEmpty { splice.fromClient([rest]) }
        splice.peer.vouch()
        splice.peer.resume()
        connection.resume()
    }

    /// A connection for data is no more.
    func closedForData(_ connection: StreamConnection, _ splice: TURNSplice?) {
        let path = Self.path(of: connection)
        newcomers[path.link] = nil
        server.disconnected(path)
        closeRelays()
        guard let splice else { return }
        server.disconnected(splice.id)
        splices[splice.id] = nil
        splice.close()
    }

    /// Closes connections that were to be bound and have not been for too long.
    func closeNewcomers() {
        for newcomer in newcomers.values where lane.now - newcomer.since >= strangerTime { newcomer.connection.close() }
    }
}
