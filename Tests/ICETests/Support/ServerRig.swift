import ICE

/// A TURN server with relays that exist in name only, in virtual time.
final class ServerRig {
    typealias Instant = ContinuousClock.Instant

    /// What became of what a client has sent.
    enum Result: Equatable {
        case nothing
        case answer([UInt8])
        case relayed(STUNAddress, to: STUNAddress, [UInt8])
        case connecting(UInt32, from: STUNAddress, to: STUNAddress)
        case bound(UInt32, [UInt8])
    }

    let realm = [UInt8]("example.org".utf8)
    let client = ip(198, 51, 100, 7, 4_000)
    let peer = ip(8, 8, 8, 8, 5_000)
    var now = ContinuousClock.now
    /// Seconds since 1970.
    let wallClock = WallClock()
    var server: TURNServer
    let quota: TURNQuota
    /// The addresses of relays by what names them.
    private(set) var relays: [TURNRelayID: STUNAddress] = [:]
    private(set) var closed: [STUNAddress] = []
    private(set) var closedConnections: [UInt32] = []
    /// What the server has done with the last proven request.
    private(set) var last = Result.nothing
    /// Ports that are kept, by token.
    private var reserved: [UInt64: STUNAddress] = [:]
    /// Families that no more relays are to be had of.
    var exhausted: Set<TURNFamily> = []
    private var nextPort: UInt16 = 50_000
    private var nextID: UInt64 = 1

    final class WallClock: @unchecked Sendable {
        // Proof of Sendable: tests use it on one thread.
        var seconds: Int64 = 1_800_000_000
    }

    init(
        total: Int = 100, perUser: Int = 10,
        _ change: (inout TURNServerConfiguration, inout TURNAccounts) -> Void = { _, _ in }
    ) {
        var configuration = TURNServerConfiguration()
        configuration.families = [.ip4, .ip6]
        var accounts = TURNAccounts(realm: realm, hash: .test)
        accounts.add(user: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
        accounts.add(user: [UInt8]("bob".utf8), password: [UInt8]("geheim".utf8))
        change(&configuration, &accounts)
        quota = TURNQuota(total: total, perUser: perUser)
        let clock = wallClock
        let numbers = Numbers(7)
        server = TURNServer(
            configuration, accounts: accounts, quota: quota,
            nonces: TURNNonces(key: [UInt8](repeating: 7, count: 32), origin: now, hash: .test), hash: .test, now: now,
            random: { numbers.next() }, wallClock: { clock.seconds })
    }

    func advance(_ duration: Duration) {
        now += duration
        wallClock.seconds += duration.components.seconds
        while let deadline = server.deadline, deadline <= now { server.fire(now) }
        noteClosed()
    }

    /// Gives octets of a client to the server.
    func send(_ bytes: [UInt8], from source: STUNAddress? = nil, link: UInt64 = 0) -> Result {
        var memory = [UInt8](repeating: 0, count: TURNServer.answerSize)
        let path = TURNPath(client: source ?? client, link: link)
        let outcome: TURNServer.Outcome
        do {
            var span = memory.mutableSpan
            var bytesOut = span.mutableBytes
            let first = server.receive(bytes.span.bytes, from: path, into: &bytesOut, now: now)
            outcome = first == .open ? open(into: &bytesOut) : first
        }
        noteClosed()
        switch outcome {
        case .nothing, .open: return .nothing
        case .connect(let id, let from, let peer):
            guard let relay = relays[from] else { return .nothing }
            return .connecting(id, from: relay, to: peer)
        case .bound(let id, let count): return .bound(id, [UInt8](memory.prefix(count)))
        case .answer(let count): return .answer([UInt8](memory.prefix(count)))
        case .relay(let id, let peer, let range):
            guard let relay = relays[id] else { return .nothing }
            return .relayed(relay, to: peer, [UInt8](bytes[range]))
        }
    }

    func disconnect(_ source: STUNAddress, link: UInt64) {
        server.disconnected(TURNPath(client: source, link: link))
        noteClosed()
    }

    private func noteClosed() {
        closedConnections += server.takeClosedConnections()
        for id in server.takeClosed() {
            if let address = relays.removeValue(forKey: id) { closed.append(address) }
        }
    }

    private func open(into memory: inout MutableRawSpan) -> TURNServer.Outcome {
        guard let opening = server.opening else { return .nothing }
        var addresses: [STUNAddress] = []
        var token: UInt64?
        if case .reserved(let kept) = opening.port {
            if let address = reserved.removeValue(forKey: kept) { addresses = [address] }
        } else {
            for family in opening.families where !exhausted.contains(family) {
                if opening.port != .any { nextPort += nextPort % 2 }
                addresses.append(address(family, nextPort))
                nextPort += 1
                guard opening.port == .evenWithNext else { continue }
                token = 0xABCD_0000 + UInt64(nextPort)
                reserved[token ?? 0] = address(family, nextPort)
                nextPort += 1
            }
        }
        for address in addresses { relays[opening.id(address.family)] = address }
        return server.opened(TURNServer.Opened(addresses, token: token), into: &memory, now: now)
    }

    private func address(_ family: TURNFamily, _ port: UInt16) -> STUNAddress {
        family == .ip4 ? ip(9, 9, 9, 9, port) : STUNAddress(ip6: 0x2600 << 112 | 9, port: port)
    }

    /// What the server does with a datagram of a peer.
    func deliver(from peer: STUNAddress, at relay: STUNAddress, count: Int = 10) -> TURNServer.Delivery {
        guard let id = relays.first(where: { $0.value == relay })?.key else { return .nothing }
        return server.receive(fromPeer: peer, at: id, count: count, now: now)
    }

    // MARK: Connections with peers

    /// Has the server write something; empty when it does not.
    private func written(
        _ body: (inout TURNServer, inout MutableRawSpan) -> TURNServer.Notice?
    ) -> (notice: TURNServer.Notice, bytes: [UInt8])? {
        var memory = [UInt8](repeating: 0, count: TURNServer.answerSize)
        let notice: TURNServer.Notice?
        do {
            var span = memory.mutableSpan
            var bytes = span.mutableBytes
            notice = body(&server, &bytes)
        }
        guard let notice else { return nil }
        return (notice, [UInt8](memory.prefix(notice.count)))
    }

    /// A peer was connected to.
    func connected(_ id: UInt32) -> (notice: TURNServer.Notice, bytes: [UInt8])? {
        written { $0.connected(id, into: &$1, now: now) }
    }

    /// A peer was not connected to.
    func notConnected(_ id: UInt32) -> (notice: TURNServer.Notice, bytes: [UInt8])? {
        written { $0.notConnected(id, into: &$1) }
    }

    /// A peer has connected to a relay.
    func attempt(_ peer: STUNAddress, at relay: STUNAddress) -> (notice: TURNServer.Notice, bytes: [UInt8])? {
        guard let id = relays.first(where: { $0.value == relay })?.key else { return nil }
        return written { $0.attempted(by: peer, at: id, into: &$1, now: now) }
    }

    /// The end of a connection with a peer.
    func disconnect(_ id: UInt32) { server.disconnected(id) }

    // MARK: Requests

    typealias Attributes = (inout STUNWriter, inout MutableRawSpan) throws -> Void

    func id() -> STUNTransactionID {
        nextID += 1
        return STUNTransactionID(upper: 0xAAAA_0000, lower: nextID)
    }

    /// The nonce that the server gives to a client now.
    func nonce(for source: STUNAddress? = nil, link: UInt64 = 0) -> [UInt8] {
        guard case .answer(let bytes) = send(stun(.request, .allocate, id()), from: source, link: link) else {
            return []
        }
        return read(bytes).octets(.nonce, bytes) ?? []
    }

    /// A proven request.
    func request(
        _ method: STUNMethod, user: String = "alice", password: String = "secret", nonce: [UInt8],
        _ algorithm: PasswordAlgorithm? = nil, id: STUNTransactionID? = nil, _ attributes: Attributes
    ) -> [UInt8] {
        let key = STUNKey.longTerm(
            username: [UInt8](user.utf8), realm: realm, password: [UInt8](password.utf8), algorithm ?? .md5, .test)
        return stun(.request, method, id ?? self.id()) { writer, memory in
            try attributes(&writer, &memory)
            try writer.add(.username, [UInt8](user.utf8), into: &memory)
            try writer.add(.realm, realm, into: &memory)
            try writer.add(.nonce, nonce, into: &memory)
            if let algorithm {
                try writer.add(.passwordAlgorithms, [0, 2, 0, 0, 0, 1, 0, 0], into: &memory)
                try writer.add(.passwordAlgorithm, UInt32(algorithm.rawValue) << 16, into: &memory)
                try writer.addIntegritySHA256(key, .test, into: &memory)
            } else {
                try writer.addIntegrity(key, .test, into: &memory)
            }
            try writer.addFingerprint(into: &memory)
        }
    }

    /// Asks as a user, and reads the answer.
    @discardableResult
    func ask(
        _ method: STUNMethod, user: String = "alice", password: String = "secret", from source: STUNAddress? = nil,
        link: UInt64 = 0, _ algorithm: PasswordAlgorithm? = nil, id: STUNTransactionID? = nil, _ attributes: Attributes
    ) -> Answer {
        let nonce = nonce(for: source, link: link)
        let bytes = request(method, user: user, password: password, nonce: nonce, algorithm, id: id, attributes)
        let result = send(bytes, from: source, link: link)
        last = result
        guard case .answer(let answer) = result else { return Answer(bytes: []) }
        return Answer(bytes: answer)
    }

    /// Asks for an allocation.
    @discardableResult
    func allocate(
        user: String = "alice", password: String = "secret", from source: STUNAddress? = nil, link: UInt64 = 0,
        _ attributes: Attributes = { _, _ in }
    ) -> Answer {
        ask(.allocate, user: user, password: password, from: source, link: link) { writer, memory in
            try writer.add(.requestedTransport, 17 << 24 as UInt32, into: &memory)
            try attributes(&writer, &memory)
        }
    }

    func permit(_ peers: STUNAddress..., from source: STUNAddress? = nil, link: UInt64 = 0) -> Answer {
        ask(.createPermission, from: source, link: link) { writer, memory in
            for peer in peers { try writer.add(.xorPeerAddress, peer, into: &memory) }
        }
    }

    func bind(_ number: UInt16, _ peer: STUNAddress) -> Answer {
        ask(.channelBind) { writer, memory in
            try writer.add(.channelNumber, UInt32(number) << 16, into: &memory)
            try writer.add(.xorPeerAddress, peer, into: &memory)
        }
    }

    func indicate(_ data: [UInt8], to peer: STUNAddress, _ attributes: Attributes = { _, _ in }) -> Result {
        send(
            stun(.indication, .send, id()) { writer, memory in
                try writer.add(.xorPeerAddress, peer, into: &memory)
                try writer.add(.data, data, into: &memory)
                try attributes(&writer, &memory)
            })
    }

    /// An answer of the server; empty when there was none.
    struct Answer: Equatable {
        var bytes: [UInt8]

        var isSuccess: Bool { !bytes.isEmpty && read(bytes).kind == .success }
        var error: Int? { bytes.isEmpty ? nil : read(bytes).error(bytes).map { Int($0.rawValue) } }
        var relayed: [STUNAddress] { bytes.isEmpty ? [] : read(bytes).addresses(.xorRelayedAddress, bytes) }
        var lifetime: UInt32? { bytes.isEmpty ? nil : read(bytes).word32(.lifetime, bytes) }
        var token: UInt64? { bytes.isEmpty ? nil : read(bytes).word64(.reservationToken, bytes) }
        func octets(_ type: STUNAttribute) -> [UInt8]? { bytes.isEmpty ? nil : read(bytes).octets(type, bytes) }
    }
}
