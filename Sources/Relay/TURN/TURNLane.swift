import Glibc
import ICE
import Reactor

/// The clients and relays of one lane: carries out what the machine says.
final class TURNLane {
    /// Numbers of links from here on are connections; those below are listeners.
    static let firstConnection = TURNPath.firstConnection
    /// The most octets that wait on a connection for its client to read; data for it is dropped beyond.
    static let mostWaiting = 262_144

    let lane: Lane
    let ports: TURNPorts
    /// Where relays are bound and what peers know them by, where that differs: data between relays of this server stays here.
    private let disguises: [TURNRelayConfiguration.Address]
    @exclusivity(unchecked) var server: TURNServer
    @exclusivity(unchecked) private var listeners: [DatagramSocket?] = []
    /// By the lower half of what names a relay.
    @exclusivity(unchecked) private var relays: [DatagramSocket?] = []
    var connections: [UInt64: Visitor] = [:]
    /// Relays for connections, as ``relays``; connections to peers that are being made, and those that are there, by their numbers.
    var doors: [Int: Door] = [:]
    var outgoing: [UInt32: StreamConnection] = [:]
    var splices: [UInt32: TURNSplice] = [:]
    var newcomers: [UInt64: Newcomer] = [:]
    var peers: TURNPeers?
    var streams: TURNStreams?
    let strangerTime: Duration
    private var timer: TimerClientID?
    private var isTimed = false
    /// Memory for one answer.
    let answer: UnsafeMutableRawBufferPointer
    /// What names Data indications.
    private var serial = UInt64.random(in: .min ... .max)
    private var clientSide: ClientSide?
    private var peerSide: PeerSide?

    /// The connection of a client, and when something has come by it.
    struct Visitor {
        var connection: StreamConnection
        var lastSign: ContinuousClock.Instant
    }

    init(
        _ lane: Lane, _ server: consuming TURNServer, _ ports: TURNPorts,
        _ addresses: [TURNRelayConfiguration.Address], strangerTime: Duration
    ) {
        self.strangerTime = strangerTime
        self.lane = lane
        self.server = server
        self.ports = ports
        disguises = addresses.filter { !$0.bound.hasSameHost(as: $0.advertised) }
        answer = .allocate(byteCount: TURNServer.answerSize, alignment: 16)
        timer = lane.add(timerClient: self)
        clientSide = ClientSide(self)
        peerSide = PeerSide(self)
    }

    deinit { answer.deallocate() }

    /// Opens a listener for datagrams.
    func listen(_ socket: BoundDatagramSocket, link: Int) throws(SocketError) {
        guard let clientSide else { return }
        while listeners.count <= link { listeners.append(nil) }
        listeners[link] = try lane.open(socket, tag: UInt64(link), handler: clientSide)
    }

    /// Ends all allocations and closes all sockets.
    func stop() {
        server.close()
        closeRelays()
        for listener in listeners { listener?.close() }
        listeners = []
        for visitor in connections.values { visitor.connection.close() }
        connections = [:]
        for newcomer in newcomers.values { newcomer.connection.close() }
        newcomers = [:]
        peers?.detach()
        peers = nil
        streams = nil
        // They and this one hold one another.
        clientSide = nil
        peerSide = nil
    }

    var statistics: TURNStatistics { server.statistics }

    /// Whoever may have allocations from now on.
    func adopt(_ accounts: TURNAccounts) { server.accounts = accounts }

    // MARK: From clients

    fileprivate func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let now = lane.now
        for index in 0..<batch.count {
            // An address of a link means nothing without its zone, which STUN does not have.
            guard let datagram = batch[index], datagram.source.scope == 0 else { continue }
            let path = TURNPath(client: STUNAddress(datagram.source), link: socket.tag)
            if let count = take(datagram.bytes, path, now: now) {
                socket.send(UnsafeRawBufferPointer(rebasing: answer[..<count]), to: datagram.source)
            }
        }
    }

    /// Takes frames of a connection.
    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        let now = lane.now
        let path = Self.path(of: connection)
        connections[path.link] = Visitor(connection: connection, lastSign: now)
        for frame in frames {
            let before = server.statistics.allocated
            guard let count = frame.withUnsafeBytes({ take($0, path, now: now) }) else { continue }
            connection.send([UInt8](answer[..<count]))
            if server.statistics.allocated > before { connection.vouch() }
        }
    }

    static func path(of connection: StreamConnection) -> TURNPath {
        TURNPath(client: STUNAddress(connection.remoteAddress), link: firstConnection + connection.id.number)
    }

    /// A client has connected.
    func opened(_ connection: StreamConnection) {
        guard connection.isOpen, clientSide != nil else { return }
        connections[Self.path(of: connection).link] = Visitor(connection: connection, lastSign: lane.now)
        watch()
    }

    /// A connection is no more.
    func closed(_ connection: StreamConnection) {
        let path = Self.path(of: connection)
        connections[path.link] = nil
        server.disconnected(path)
        closeRelays()
    }

    /// Closes the connections of those who have been silent for too long and have no allocation.
    private func closeStrangers() {
        for visitor in connections.values where lane.now - visitor.lastSign >= strangerTime {
            if !server.hasAllocation(Self.path(of: visitor.connection)) { visitor.connection.close() }
        }
        closeNewcomers()
    }

    /// Does what a client asks for; octets of an answer, if there is one.
    private func take(_ bytes: UnsafeRawBufferPointer, _ path: TURNPath, now: ContinuousClock.Instant) -> Int? {
        var memory = MutableRawSpan(_unsafeBytes: answer)
        var outcome = server.receive(RawSpan(_unsafeBytes: bytes), from: path, into: &memory, now: now)
        if outcome == .open { outcome = open(into: &memory, now: now) }
        if server.hasClosed { closeRelays() }
        switch outcome {
        case .nothing, .open, .bound: return nil
        case .connect(let id, let relay, let peer):
            connect(id, from: relay, to: peer)
            return nil
        case .answer(let count): return count
        case .relay(let id, let peer, let range):
            guard Self.place(id) < relays.count, let relay = relays[Self.place(id)] else { return nil }
            // Each relay has a socket of its own: there is no other datagram to send with it.
            relay.sendNow(UnsafeRawBufferPointer(rebasing: bytes[range]), to: destination(peer))
            return nil
        }
    }

    static func place(_ id: TURNRelayID) -> Int { Int(id.rawValue & 0x1_FFFF_FFFF) }

    private func open(into memory: inout MutableRawSpan, now: ContinuousClock.Instant) -> TURNServer.Outcome {
        guard let opening = server.opening, let peerSide else { return .nothing }
        guard opening.transport == .udp else {
            let outcome = server.opened(TURNServer.Opened(openDoors(opening)), into: &memory, now: now)
            watch()
            return outcome
        }
        let found = ports.open(opening.families, opening.port, now: now)
        var addresses: [STUNAddress] = []
        for bound in found.sockets {
            let id = opening.id(STUNAddress(bound.localAddress).family)
            while relays.count <= Self.place(id) { relays.append(nil) }
            guard let socket = try? lane.open(bound, tag: id.rawValue, handler: peerSide) else { continue }
            relays[Self.place(id)] = socket
            addresses.append(ports.advertised(bound.localAddress))
        }
        let outcome = server.opened(TURNServer.Opened(addresses, token: found.token), into: &memory, now: now)
        watch()
        return outcome
    }

    func closeRelays() {
        closeConnections()
        for id in server.takeClosed() {
            let place = Self.place(id)
            doors.removeValue(forKey: place)?.listener.closeSoon()
            guard place < relays.count else { continue }
            relays[place]?.close()
            relays[place] = nil
        }
    }

    // MARK: From peers

    fileprivate func receivedFromPeers(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let now = lane.now
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            let peer = source(datagram.source)
            let delivery = server.receive(
                fromPeer: peer, at: TURNRelayID(rawValue: socket.tag), count: datagram.bytes.count, now: now)
            switch delivery {
            case .nothing: break
            case .channel(let number, let path):
                deliver(datagram.bytes.count + ChannelData.headerLength, to: path) { room in
                    Self.write(number, datagram.bytes, room)
                }
            case .indication(let path):
                serial &+= 1
                let id = STUNTransactionID(upper: UInt32(truncatingIfNeeded: serial >> 32), lower: serial)
                deliver(datagram.bytes.count + TURNServer.indicationSize, to: path) { room in
                    var memory = MutableRawSpan(_unsafeBytes: room)
                    return TURNServer.writeData(datagram.bytes, from: peer, id: id, into: &memory)
                }
            }
        }
    }

    private static func write(
        _ number: UInt16, _ data: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer
    ) -> Int {
        room.storeBytes(of: number.bigEndian, as: UInt16.self)
        room.storeBytes(of: UInt16(truncatingIfNeeded: data.count).bigEndian, toByteOffset: 2, as: UInt16.self)
        UnsafeMutableRawBufferPointer(rebasing: room[ChannelData.headerLength...]).copyMemory(from: data)
        return ChannelData.headerLength + data.count
    }

    /// Sends what `body` writes to a client.
    ///
    /// - Parameter size: the most octets that it writes.
    @inline(__always)
    private func deliver(_ size: Int, to path: TURNPath, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        guard path.link >= Self.firstConnection else {
            guard let listener = listeners[Int(path.link)], size <= DatagramSocket.longestPayload else { return }
            let count = body(listener.reserve(size))
            if count > 0 { listener.commit(count, to: TransportAddress(path.client)) }
            return
        }
        guard let connection = connections[path.link]?.connection, connection.waitingBytes < Self.mostWaiting else {
            return
        }
        var frame = [UInt8](repeating: 0, count: size + 3)
        let count = frame.withUnsafeMutableBytes { body(UnsafeMutableRawBufferPointer(rebasing: $0[..<size])) }
        guard count > 0 else { return }
        // In streams channel data is padded too (RFC 8656 §12.5).
        frame.removeLast(frame.count - (count + 3) & ~3)
        connection.send(frame)
    }

    // MARK: Relays of this server among themselves

    /// Where a datagram for a peer goes: relays of this server are reached at the address that they are bound to.
    func destination(_ peer: STUNAddress) -> TransportAddress {
        let address = TransportAddress(peer)
        guard !disguises.isEmpty else { return address }
        for disguise in disguises where disguise.advertised.hasSameHost(as: address) {
            return disguise.bound.with(port: address.port)
        }
        return address
    }

    /// Who has sent a datagram: a relay of this server by the address that peers know it by.
    func source(_ address: TransportAddress) -> STUNAddress {
        for disguise in disguises where disguise.bound.hasSameHost(as: address) {
            return STUNAddress(disguise.advertised.with(port: address.port))
        }
        return STUNAddress(address)
    }

    // MARK: Time

    /// How late the end of an allocation may be seen to, milliseconds.
    private static let grain: UInt64 = 1_000

    func watch() {
        guard !isTimed, let timer, server.deadline != nil || !connections.isEmpty || !newcomers.isEmpty else { return }
        isTimed = true
        lane.schedule(after: .seconds(1), grain: Self.grain, timer, token: 0)
    }
}

extension TURNLane: TimerClient {
    func timerFired(_ timer: ExpiredTimer, on lane: Lane) {
        isTimed = false
        server.fire(lane.now)
        closeRelays()
        ports.expire(now: lane.now)
        closeStrangers()
        watch()
    }
}

/// Takes what clients send by datagrams.
private final class ClientSide: DatagramHandler {
    private let owner: TURNLane

    init(_ owner: TURNLane) { self.owner = owner }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) { owner.received(batch, on: socket) }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
}

/// Takes what peers send to relays.
private final class PeerSide: DatagramHandler {
    private let owner: TURNLane

    init(_ owner: TURNLane) { self.owner = owner }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        owner.receivedFromPeers(batch, on: socket)
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
}
