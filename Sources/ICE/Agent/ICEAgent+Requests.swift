/// How the checks of the other side are answered, and what they tell (RFC 8445 §7.3).
extension ICEAgent {
    /// Takes a datagram.
    ///
    /// - Parameters:
    ///   - socket: where it came in.
    ///   - source: where it came from.
    public mutating func receive(
        _ bytes: RawSpan, on socket: Int, from source: STUNAddress, now: Instant
    ) -> Receipt {
        defer { advance(now) }
        for relay in relays.indices
        where !relays[relay].isReliable && bases[relays[relay].base].socket == socket
            && relays[relay].client.server == source
        {
            if relays[relay].client.receive(bytes, now: now) { return drain(relay, now: now) }
        }
        guard let base = bases.firstIndex(where: { $0.socket == socket && $0.relay == nil }) else { return .foreign }
        return receive(bytes, base: base, from: source, now: now)
    }

    /// Takes a datagram that came to a base.
    mutating func receive(_ bytes: RawSpan, base: Int, from source: STUNAddress, now: Instant) -> Receipt {
        guard STUNMessage.isSTUN(bytes) else { return .foreign }
        guard let message = try? STUNMessage(parsing: bytes), message.method == .binding else { return .taken }
        switch message.kind {
        case .request: answer(message, base: base, from: source, now: now, in: bytes)
        case .indication: break
        case .success, .error:
            if !takeGathered(message, base: base, from: source, now: now, in: bytes) {
                takeResponse(message, base: base, from: source, now: now, in: bytes)
            }
        }
        return .taken
    }

    /// Whether a request may be looked at: those of a flood cost no hashing.
    private mutating func admitsRequest(_ now: Instant) -> Bool {
        if requestWindow.map({ now >= $0 + .seconds(1) }) ?? true {
            requestWindow = now
            requestCount = 0
        }
        requestCount += 1
        guard requestCount <= configuration.requestsPerSecond else {
            refusedRequests += 1
            return false
        }
        return true
    }

    private mutating func answer(
        _ message: STUNMessage, base: Int, from source: STUNAddress, now: Instant, in bytes: RawSpan
    ) {
        // An answer would tell the address that is kept from the other side.
        guard bases[base].relay != nil || !configuration.usesRelaysOnly else { return }
        guard admitsRequest(now), message.isFingerprintRight(in: bytes) else { return }
        let stream = bases[base].stream
        guard let username = message.octets(.username, in: bytes), message.integrity != nil else {
            return refuse(message, .badRequest, key: nil, base: base, to: source, now: now)
        }
        // RFC 8445 §7.3: the fragment of this side, a colon, and that of the other.
        let fragment = Array(username.prefix { $0 != UInt8(ascii: ":") })
        let current = streams[stream].local
        let mine = [current, streams[stream].previous].compactMap { $0 }
        guard let known = mine.first(where: { $0.fragment == fragment }), fragment.count < username.count,
            message.isProven(by: .shortTerm(known.password), hash, in: bytes)
        else { return refuse(message, .unauthenticated, key: nil, base: base, to: source, now: now) }
        let (key, functions) = (STUNKey.shortTerm(known.password), hash)
        let unknown = message.unknown(besides: STUNAttribute.ofICE, in: bytes)
        guard unknown.isEmpty else {
            return refuse(message, .unknownAttribute, unknown, key: key, base: base, to: source, now: now)
        }
        guard let priority = message.word32(.priority, in: bytes), priority > 0 else {
            return refuse(message, .badRequest, key: key, base: base, to: source, now: now)
        }
        let isAccepted = isLite ? true : settleRole(message, in: bytes)
        guard isAccepted else {
            return refuse(message, .roleConflict, key: key, base: base, to: source, now: now)
        }
        respond(.success, message, base: base, to: source, now: now) { writer, bytes in
            try writer.add(.xorMappedAddress, source, into: &bytes)
            try writer.addIntegrity(key, functions, into: &bytes)
        }
        // Who still speaks of before a restart is answered, and no more.
        guard known == current else { return }
        hear(source, base: base)
        let check = ICEStream.EarlyCheck(
            base: base, source: source, priority: priority, nominates: message.has(.useCandidate, in: bytes))
        guard streams[stream].remote != nil else {
            if streams[stream].early.count < configuration.mostEarlyChecks { streams[stream].early.append(check) }
            return
        }
        take(check, stream: stream, now: now)
    }

    /// The other side is at an address, too.
    private mutating func hear(_ source: STUNAddress, base: Int) {
        let (stream, component) = (bases[base].stream, bases[base].component)
        let heard = streams[stream].heard[component, default: []]
        guard heard.count < configuration.mostSources, !heard.contains(source) else { return }
        streams[stream].heard[component, default: []].insert(source)
        act(.heard(stream: stream, component: component, source))
    }

    /// Settles who controls when both sides want the same (RFC 8445 §7.3.1.1).
    ///
    /// - Returns: whether the request is accepted; false for 487.
    private mutating func settleRole(_ message: STUNMessage, in bytes: RawSpan) -> Bool {
        let isControlling = role == .controlling
        guard let other = message.word64(isControlling ? .iceControlling : .iceControlled, in: bytes) else {
            return true
        }
        // The larger number controls.
        let keeps = isControlling == (tieBreaker >= other)
        guard !keeps else { return false }
        setRole(role.other)
        act(.roleChanged(role))
        return true
    }

    private mutating func refuse(
        _ message: STUNMessage, _ error: STUNErrorCode, _ unknown: [STUNAttribute] = [], key: STUNKey?, base: Int,
        to address: STUNAddress, now: Instant
    ) {
        let functions = hash
        respond(.error, message, base: base, to: address, now: now) { writer, bytes in
            try writer.add(error, into: &bytes)
            if !unknown.isEmpty { try writer.add(unknown: unknown, into: &bytes) }
            if let key { try writer.addIntegrity(key, functions, into: &bytes) }
        }
    }

    private mutating func respond(
        _ kind: STUNClass, _ message: STUNMessage, base: Int, to address: STUNAddress, now: Instant,
        _ attributes: (inout STUNWriter, inout MutableRawSpan) throws -> Void
    ) {
        let response = STUNWriter.message(kind, .binding, message.transaction) { writer, bytes in
            try attributes(&writer, &bytes)
            try writer.addFingerprint(into: &bytes)
        }
        if let response { emit(response, from: base, to: address, now: now) }
    }

    /// Does what a check that was accepted asks for (RFC 8445 §7.3.1.3 to §7.3.1.5, §7.3.2).
    mutating func take(_ check: ICEStream.EarlyCheck, stream: Int, now: Instant) {
        guard streams[stream].state == .running || streams[stream].state == .completed else { return }
        let nominates = check.nominates && role == .controlled
        // When all is done only a better nomination is of interest, and that is of a peer that nominates aggressively.
        guard streams[stream].state == .running || nominates else { return }
        guard let remote = remoteCandidate(check, stream: stream) else { return }
        if isLite {
            if nominates { use(liteBase: check.base, remote, stream: stream, now: now) }
            return
        }
        let isDecided = isDecided(stream, bases[check.base].component)
        if !isDecided { _ = insert(check.base, remote) }
        let place = streams[stream].pairs.firstIndex { $0.base == check.base && $0.remote.address == check.source }
        guard let index = place, !isDecided || streams[stream].pairs[index].isNominated else { return }
        let id = streams[stream].pairs[index].id
        if streams[stream].pairs[index].state == .succeeded {
            if nominates { streams[stream].pairs[index].isNominated = true }
            return
        }
        if nominates { streams[stream].pairs[index].isNominatedBySuccess = true }
        streams[stream].pairs[index].wait()
        streams[stream].trigger(id)
    }

    /// The candidate that a check came from: one that is known, or a new peer-reflexive one (RFC 8445 §7.3.1.3).
    private mutating func remoteCandidate(_ check: ICEStream.EarlyCheck, stream: Int) -> Candidate? {
        let component = bases[check.base].component
        let known = streams[stream].remoteCandidates.first {
            $0.address == check.source && $0.component == component
        }
        if let known { return known }
        guard streams[stream].remoteCandidates.count < configuration.mostRemoteCandidates else { return nil }
        // No peer may write a hyphen into a foundation, so that no other has this one.
        let learned = Candidate(
            foundation: [UInt8]("-\(nextLearned)".utf8), component: component, kind: .peerReflexive,
            priority: check.priority, address: check.source)
        nextLearned += 1
        streams[stream].remoteCandidates.append(learned)
        return learned
    }
}
