// targets: ICE

#if canImport(ICE)
    import ICE
#endif

/// Plays clients, peers and the clock against a TURN server, as the bytes say. libFuzzer calls it; what it finds is a trap or a failed
/// check below: above all that relays are closed as often as they were opened, and that strangers get no more than they should.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTURN(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = Input(data, count)
    let play = Play()
    while !input.isEmpty { play.step(&input) }
    play.end()
    return 0
}

private let user = [UInt8]("alice".utf8)
private let realm = [UInt8]("example.org".utf8)

/// What numbers of connections are made of: libFuzzer runs one input at a time.
// Proof: libFuzzer calls its one entry from one thread, one input after the other; nobody else touches it.
nonisolated(unsafe) private var counter: UInt64 = 0

private final class Play {
    var server: TURNServer
    let quota = TURNQuota(total: 6, perUser: 6)
    var now = ContinuousClock.now
    var relays: [TURNRelayID: STUNAddress] = [:]
    var opened = 0
    var closed = 0
    var nonces: [UInt8: [UInt8]] = [:]
    var number: UInt64 = 0
    /// Connections with peers that are being made, and all that there are.
    var connecting: [UInt32] = []
    var connections: Set<UInt32> = []

    init() {
        counter = 0
        var configuration = TURNServerConfiguration()
        configuration.families = [.ip4, .ip6]
        configuration.mostPermissions = 4
        configuration.mostChannels = 3
        configuration.mostConnections = 3
        configuration.mostConnectionsInAll = 5
        var accounts = TURNAccounts(realm: realm, hash: hash)
        accounts.add(user: user, password: [1])
        accounts.add(secret: [2])
        server = TURNServer(
            configuration, accounts: accounts, quota: quota, nonces: TURNNonces(key: [3], origin: now, hash: hash),
            hash: hash, now: now,
            random: {
                counter &+= 1
                return counter
            }, wallClock: { 1_000 })
    }

    private func client(_ number: UInt8) -> TURNPath {
        TURNPath(
            client: STUNAddress(ip4: 0xC633_6400, port: 1_000 + UInt16(number & 7)),
            link: number >> 7 == 0 ? 0 : TURNPath.firstConnection)
    }

    private func peer(_ input: inout Input) -> STUNAddress {
        let kind = input.next()
        let port = UInt16(input.next()) * 257
        if kind & 1 == 1 {
            return STUNAddress(isIPv6: true, upper: 0x2600_0000_0000_0000, lower: UInt64(kind), port: port)
        }
        return STUNAddress(ip4: 0x0808_0800 + UInt32(kind & 0x0F), port: port)
    }

    func step(_ input: inout Input) {
        switch input.next() % 10 {
        case 0: send(input.run(), client(input.next()))
        case 1:
            now += .seconds(Int64(input.next()) * 4)
            while let deadline = server.deadline, deadline <= now { server.fire(now) }
        case 2: server.disconnected(client(input.next()))
        case 3:
            let source = peer(&input)
            guard let id = relays.keys.sorted(by: { $0.rawValue < $1.rawValue }).first else { break }
            _ = server.receive(fromPeer: source, at: id, count: 20, now: now)
        case 4: indicate(&input)
        case 8: attempt(&input)
        case 9: settle(&input)
        default: ask(&input)
        }
        take()
        check(quota.count <= 6 && server.statistics.allocations == quota.count, "allocations are not counted")
        check(relays.count >= server.statistics.allocations, "an allocation has no relay")
        check(relays.count <= 2 * server.statistics.allocations, "a relay has no allocation")
        check(server.statistics.connections == connections.count, "connections are not counted")
        check(connections.count <= 5, "there are too many connections")
    }

    func end() {
        server.close()
        take()
        check(opened == closed && relays.isEmpty && quota.count == 0, "something is left")
        check(connections.isEmpty && server.statistics.connections == 0, "a connection is left")
    }

    /// A peer connects to a relay.
    private func attempt(_ input: inout Input) {
        let source = peer(&input)
        guard let id = relays.keys.sorted(by: { $0.rawValue < $1.rawValue }).first else { return }
        let notice = tell { $0.attempted(by: source, at: id, into: &$1, now: now) }
        if let notice { check(connections.insert(notice.connection).inserted, "a number is given twice") }
    }

    /// A connection with a peer comes to be, fails or ends.
    private func settle(_ input: inout Input) {
        let (way, place) = (input.next(), Int(input.next()))
        guard !connections.isEmpty else { return }
        let all = connections.sorted()
        let id = connecting.isEmpty || way & 4 != 0 ? all[place % all.count] : connecting[place % connecting.count]
        let isConnecting = connecting.contains(id)
        connecting.removeAll { $0 == id }
        switch way & 3 {
        case 0, 1:
            check((tell { $0.connected(id, into: &$1, now: now) } != nil) == isConnecting, "a connection is told twice")
        case 2 where isConnecting:
            check(tell { $0.notConnected(id, into: &$1) } != nil, "nobody is told of a failure")
            connections.remove(id)
        default:
            server.disconnected(id)
            connections.remove(id)
        }
    }

    private func tell(
        _ body: (inout TURNServer, inout MutableRawSpan) -> TURNServer.Notice?
    ) -> TURNServer.Notice? {
        var memory = [UInt8](repeating: 0, count: TURNServer.answerSize)
        var notice: TURNServer.Notice?
        do {
            var span = memory.mutableSpan
            var out = span.mutableBytes
            notice = body(&server, &out)
        }
        guard let notice else { return nil }
        check((try? STUNMessage(parsing: Array(memory.prefix(notice.count)).span.bytes)) != nil, "a notice is none")
        check(notice.path.isStream, "who comes by datagrams has a connection")
        return notice
    }

    private func take() {
        for id in server.takeClosedConnections() {
            check(connections.remove(id) != nil, "a connection is closed that there is not")
            connecting.removeAll { $0 == id }
        }
        for id in server.takeClosed() {
            check(relays.removeValue(forKey: id) != nil, "what is closed was never open")
            closed += 1
        }
        check(!server.hasClosed, "closed relays are told of twice")
    }

    private func send(_ bytes: [UInt8], _ path: TURNPath) {
        var memory = [UInt8](repeating: 0, count: TURNServer.answerSize)
        var outcome = TURNServer.Outcome.nothing
        do {
            var span = memory.mutableSpan
            var out = span.mutableBytes
            outcome = server.receive(bytes.span.bytes, from: path, into: &out, now: now)
            if outcome == .open, let opening = server.opening {
                number += 1
                let families = opening.families.isEmpty ? [TURNFamily.ip4] : opening.families
                var addresses = families.map { family in
                    family == .ip4
                        ? STUNAddress(ip4: 0x0909_0909, port: UInt16(truncatingIfNeeded: number | 1))
                        : STUNAddress(isIPv6: true, upper: 9, lower: 9, port: UInt16(truncatingIfNeeded: number | 1))
                }
                if number % 7 == 0 { addresses = [] }
                for address in addresses {
                    check(
                        relays.updateValue(address, forKey: opening.id(address.family)) == nil, "a name is given twice")
                    opened += 1
                }
                outcome = server.opened(TURNServer.Opened(addresses, token: number), into: &out, now: now)
            }
        }
        switch outcome {
        case .nothing: break
        case .open: check(false, "an opening is not answered")
        case .relay(let id, let peer, let range):
            check(range.upperBound <= bytes.count, "data lies outside")
            check(peer.port != 0, "nobody has port 0")
            // The relay is open, or is closed in this very step.
            check(relays[id] != nil, "data goes by a relay that there is not")
        case .answer(let count): read([UInt8](memory.prefix(count)), path)
        case .connect(let id, let relay, let peer):
            check(relays[relay] != nil && peer.port != 0, "a connection comes from nowhere or goes nowhere")
            check(connections.insert(id).inserted, "a number is given twice")
            connecting.append(id)
        case .bound(let id, let count):
            check(connections.contains(id) && !connecting.contains(id), "a connection is bound that there is not")
            check(path.isStream, "datagrams are bound")
            read([UInt8](memory.prefix(count)), path)
        }
    }

    private func read(_ answer: [UInt8], _ path: TURNPath) {
        guard let message = try? STUNMessage(parsing: answer.span.bytes) else {
            return check(false, "an answer is none")
        }
        check(message.kind == .success || message.kind == .error, "an answer is no answer")
        if let nonce = message.octets(.nonce, in: answer.span.bytes) {
            check(answer.count <= 160, "a challenge is long")
            nonces[UInt8(path.client.port - 1_000) | (path.isStream ? 0x80 : 0)] = nonce
        }
    }

    private func indicate(_ input: inout Input) {
        let path = client(input.next())
        let peer = peer(&input)
        let data = input.run()
        send(
            message(.indication, .send) {
                try $0.add(.xorPeerAddress, peer, into: &$1); try $0.add(.data, data, into: &$1)
            }, path)
    }

    /// A request that is proven unless the bytes say otherwise.
    private func ask(_ input: inout Input) {
        let methods: [STUNMethod] = [
            .allocate, .allocate, .refresh, .createPermission, .channelBind, .binding, .connect, .connectionBind,
        ]
        let method = methods[Int(input.next()) % methods.count]
        let number = input.next() & 0x87
        let flags = input.next()
        var attributes: [(STUNAttribute, [UInt8])] = []
        for _ in 0..<input.next() % 4 {
            attributes.append((STUNAttribute(rawValue: UInt16(input.next() & 0x3F)), Array(input.run().prefix(20))))
        }
        let peer = peer(&input)
        let word = input.word()
        let nonce = nonces[number] ?? []
        let key = STUNKey.longTerm(username: user, realm: realm, password: [1], .md5, hash)
        let bytes = message(.request, method) { writer, memory in
            for (type, value) in attributes { try writer.add(type, value, into: &memory) }
            if flags & 1 == 0 {
                try writer.add(.requestedTransport, (flags & 64 == 0 ? 17 : 6) << 24 as UInt32, into: &memory)
            }
            if method == .connectionBind { try writer.add(.connectionID, word % 64, into: &memory) }
            if flags & 2 != 0 { try writer.add(.lifetime, word % 4_000, into: &memory) }
            if flags & 4 == 0 { try writer.add(.xorPeerAddress, peer, into: &memory) }
            if flags & 8 == 0 { try writer.add(.channelNumber, 0x4000_0000 | word & 7 << 16, into: &memory) }
            if flags & 16 != 0 { try writer.add(.additionalAddressFamily, 2 << 24 as UInt32, into: &memory) }
            if flags & 32 == 0 {
                try writer.add(.username, user, into: &memory)
                try writer.add(.realm, realm, into: &memory)
                try writer.add(.nonce, nonce, into: &memory)
                try writer.addIntegrity(key, hash, into: &memory)
            }
        }
        send(bytes, client(number))
    }

    private func message(
        _ kind: STUNClass, _ method: STUNMethod, _ attributes: (inout STUNWriter, inout MutableRawSpan) throws -> Void
    ) -> [UInt8] {
        number += 1
        return STUNWriter.message(kind, method, STUNTransactionID(upper: 1, lower: number), attributes) ?? []
    }
}

/// Functions that are quick and no secret: sums of the octets.
private let hash = STUNHash(
    md5: { sum($0, $1) }, sha256: { sum($0, $1) },
    hmacSHA1: { key, head, rest, output in
        sum(head, output)
        for (index, octet) in (Array(key) + Array(rest)).enumerated() { output[index % output.count] &+= octet }
    },
    hmacSHA256: { key, head, rest, output in
        sum(head, output)
        for (index, octet) in (Array(key) + Array(rest)).enumerated() { output[index % output.count] &+= octet }
    })

@Sendable private func sum(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) {
    for index in output.indices { output[index] = 0 }
    for (index, octet) in input.enumerated() { output[index % output.count] &+= octet }
}
