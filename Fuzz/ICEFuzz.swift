// targets: ICE

#if canImport(ICE)
    import ICE
#endif

/// Plays a peer, a server and the clock against an agent and a client of TURN, as the bytes say. libFuzzer calls it; what it finds is
/// a trap or a failed check below: above all that time moves on and that nobody can make an agent send without end.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzICE(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = Input(data, count)
    var play = Play(isControlling: input.next() & 1 == 0, isLite: input.next() & 7 == 0)
    while !input.isEmpty { play.step(&input) }
    return 0
}

/// Where the numbers of agent and client come from: libFuzzer runs one input at a time.
// Proof: libFuzzer calls its one entry from one thread, one input after the other; nobody else touches it.
nonisolated(unsafe) private var counter: UInt64 = 0

private struct Play {
    let peer = ICEParameters(fragment: [0x70, 0x65, 0x65, 0x72], password: [UInt8](repeating: 0x70, count: 22))
    let server = STUNAddress(ip4: 0xC633_6401, port: 3_478)
    var agent: ICEAgent
    var client: TURNClient
    var connection: TURNDataConnection
    var now = ContinuousClock.now
    var checks: [[UInt8]] = []
    var requests: [[UInt8]] = []
    var number: UInt64 = 0

    init(isControlling: Bool, isLite: Bool) {
        counter = 0
        let numbers: @Sendable () -> UInt64 = {
            counter &+= 0x9E37_79B9_7F4A_7C15
            return counter
        }
        var configuration = ICEConfiguration()
        configuration.servers = [ICEServer(stun: STUNAddress(ip4: 0xC633_6402, port: 3_478))]
        agent = ICEAgent(
            isControlling ? .controlling : .controlled, isLite: isLite, configuration: configuration, hash: hash,
            random: numbers)
        let credentials = LongTermCredentials(username: [1], password: [2])
        // As often for connections as for datagrams.
        client = TURNClient(
            server: server, credentials: credentials, kind: isControlling ? .datagrams() : .connections, hash: hash,
            random: numbers)
        connection = TURNDataConnection(7, told: now, credentials: credentials, hash: hash, random: numbers)
        _ = agent.addStream(components: 2)
        for component in 1...2 {
            agent.addSocket(
                component, stream: 0, component: component,
                address: STUNAddress(ip4: 0xC000_0201, port: UInt16(component)), now: now)
        }
        agent.gather(now: now)
        client.start(now)
        connection.start(now)
        drain()
    }

    private func address(_ octet: UInt8) -> STUNAddress {
        STUNAddress(ip4: 0xC000_0202, port: UInt16(octet & 7) + 1)
    }

    mutating func step(_ input: inout Input) {
        switch input.next() % 9 {
        case 0: receive(input.run(), &input)
        case 1: receive(request(&input), &input)
        case 2: if let check = checks.randomly(input.next()) { receive(response(check, &input), &input) }
        case 3: pass(.milliseconds(100) * Int(input.next()))
        case 4:
            let candidate = Candidate(
                foundation: [0x61 + (input.next() & 3)], component: 1 + Int(input.next() & 1), kind: .host,
                priority: UInt32(input.next()) + 1, address: address(input.next()))
            agent.addRemoteCandidate(candidate, stream: 0, now: now)
        case 5:
            agent.setRemote(
                ICERemote(peer, isLite: input.next() & 7 == 1, isComplete: input.next() & 1 == 0), stream: 0, now: now)
        case 6:
            if input.next() & 1 == 0 {
                agent.restart(stream: 0)
            } else {
                agent.endRemoteCandidates(stream: 0, now: now)
            }
        case 7:
            let bytes = input.run()
            _ = client.receive(bytes.span.bytes, now: now)
            client.send(bytes, to: address(input.next()), now: now)
            client.bindChannel(to: address(input.next()), now: now)
            _ = client.connect(to: address(input.next()), now: now)
            connection.receive(bytes, now: now)
        default: if let request = requests.randomly(input.next()) { answer(request, &input) }
        }
        drain()
    }

    private mutating func receive(_ bytes: [UInt8], _ input: inout Input) {
        _ = agent.receive(bytes.span.bytes, on: 1 + Int(input.next() & 1), from: address(input.next()), now: now)
    }

    private mutating func pass(_ duration: Duration) {
        let end = now + duration
        var steps = 0
        while let deadline = [agent.deadline, client.deadline, connection.deadline].compactMap({ $0 }).min(),
            deadline <= end
        {
            steps += 1
            check(steps < 20_000, "time does not move on")
            now = max(now, deadline)
            agent.fire(now)
            client.fire(now)
            connection.fire(now)
            drain()
        }
        now = end
    }

    private mutating func drain() {
        let actions = agent.takeActions()
        check(actions.count < 2_000, "an input has too many consequences")
        for case .send(_, _, let bytes) in actions where bytes.count > 1 && bytes[0] == 0 && bytes[1] == 1 {
            checks.append(bytes)
        }
        for case .send(_, let bytes) in client.takeOutputs() where bytes.count >= 20 && bytes[0] == 0 {
            requests.append(bytes)
        }
        for case .send(let bytes) in connection.takeOutputs() where bytes.count >= 20 { requests.append(bytes) }
        checks = checks.suffix(32)
        requests = requests.suffix(32)
    }

    private mutating func request(_ input: inout Input) -> [UInt8] {
        let local = agent.localParameters(0)
        let (flags, extra) = (input.next(), input.run())
        number += 1
        return STUNWriter.message(.request, .binding, STUNTransactionID(upper: 1, lower: number)) { writer, memory in
            try writer.add(.username, local.fragment + [0x3A] + peer.fragment, into: &memory)
            try writer.add(.priority, UInt32(flags) << 20 | 1, into: &memory)
            try writer.add(flags & 1 == 0 ? .iceControlling : .iceControlled, UInt64(flags) << 56, into: &memory)
            if flags & 2 != 0 { try writer.add(.useCandidate, into: &memory) }
            if flags & 4 != 0 { try writer.add(STUNAttribute(rawValue: UInt16(flags) << 8), extra, into: &memory) }
            try writer.addIntegrity(.shortTerm(local.password), hash, into: &memory)
            try writer.addFingerprint(into: &memory)
        } ?? []
    }

    private func response(_ check: [UInt8], _ input: inout Input) -> [UInt8] {
        let flags = input.next()
        guard let asked = try? STUNMessage(parsing: check.span.bytes) else { return [] }
        return STUNWriter.message(flags & 1 == 0 ? .success : .error, .binding, asked.transaction) { writer, memory in
            if flags & 1 == 0 {
                try writer.add(.xorMappedAddress, STUNAddress(ip4: 0xC000_0200 | UInt32(flags), port: 1), into: &memory)
            } else {
                try writer.add(flags & 2 == 0 ? .roleConflict : .forbidden, into: &memory)
            }
            try writer.addIntegrity(.shortTerm(peer.password), hash, into: &memory)
            try writer.addFingerprint(into: &memory)
        } ?? []
    }

    /// Answers a request of the client of TURN.
    private mutating func answer(_ request: [UInt8], _ input: inout Input) {
        let (flags, lifetime) = (input.next(), input.next())
        guard let asked = try? STUNMessage(parsing: request.span.bytes) else { return }
        let errors: [STUNErrorCode] = [.unauthenticated, .staleNonce, .tryAlternate, .allocationMismatch, .forbidden]
        let key = STUNKey.longTerm(username: [1], realm: [3], password: [2], .md5, hash)
        let kind = flags & 1 == 0 ? STUNClass.success : .error
        let bytes = STUNWriter.message(kind, asked.method, asked.transaction) { writer, memory in
            if flags & 1 == 1 { try writer.add(errors[Int(flags >> 1) % errors.count], into: &memory) }
            try writer.add(.realm, [3], into: &memory)
            try writer.add(.nonce, [flags], into: &memory)
            try writer.add(.lifetime, UInt32(lifetime) << 4, into: &memory)
            try writer.add(.xorMappedAddress, address(1), into: &memory)
            try writer.add(.xorRelayedAddress, address(2), into: &memory)
            try writer.add(.alternateServer, address(lifetime), into: &memory)
            if flags & 64 != 0 { try writer.add(.connectionID, UInt32(lifetime), into: &memory) }
            try writer.addIntegrity(key, hash, into: &memory)
        }
        guard let bytes else { return }
        _ = client.receive(bytes.span.bytes, now: now)
        // What follows the answer is data.
        connection.receive(bytes + [flags], now: now)
    }
}

extension Array {
    fileprivate func randomly(_ octet: UInt8) -> Element? { isEmpty ? nil : self[Int(octet) % count] }
}

/// Functions that hash nothing but touch every octet of what they get.
private let hash = STUNHash(
    md5: { input, output in fill(output, input.reduce(0, ^)) },
    sha256: { input, output in fill(output, input.reduce(0, ^)) },
    hmacSHA1: { _, head, rest, output in fill(output, head.reduce(0, ^) ^ rest.reduce(0, ^)) },
    hmacSHA256: { _, head, rest, output in fill(output, head.reduce(0, ^) ^ rest.reduce(0, ^)) })

private func fill(_ output: UnsafeMutableRawBufferPointer, _ value: UInt8) {
    for index in output.indices { output[index] = value }
}
