/// How candidates are gathered from servers (RFC 8445 §5.1.1).
extension ICEAgent {
    /// A Binding Request to a STUN server, or the beginning of a relay; until it is time it has no transaction.
    struct Gathering: Sendable {
        var base: Int
        var server: STUNAddress
        /// The place of the relay that is to begin; nil for a STUN server.
        var relay: Int?
        var transaction: STUNClientTransaction?
        var bytes: [UInt8] = []

        var isPending: Bool { transaction == nil }
    }

    /// A TURN server behind a socket.
    struct Relay: Sendable {
        var client: TURNClient
        /// The base of the socket.
        let base: Int
        /// The place of the server that it has a connection to, in the configuration; nil by UDP.
        var link: Int?
        /// Whether there is a connection, or one is being made.
        var isLinked = false
        /// Whether it has given candidates, or will never do so.
        var isSettled = false

        var isReliable: Bool { link != nil }
    }

    /// Asks the servers of the configuration for candidates, from each socket; those that are added later ask too.
    public mutating func gather(now: Instant) {
        guard !isGathering, !hasGathered else { return }
        isGathering = true
        for base in bases.indices where bases[base].relay == nil { gather(from: base) }
        advance(now)
    }

    mutating func gather(from base: Int) {
        guard !isLite, bases[base].gathers, bases[base].component <= streams[bases[base].stream].components else {
            return
        }
        for (place, server) in configuration.servers.enumerated()
        where server.address.isIPv6 == bases[base].address.isIPv6 {
            isGathering = true
            guard let credentials = server.credentials else {
                gatherings.append(Gathering(base: base, server: server.address))
                continue
            }
            // Behind a restart some may still be there.
            let link = server.isReliable ? place : nil
            let isThere = relays.contains {
                $0.base == base && $0.client.server == server.address && $0.link == link && !$0.client.isOver
            }
            guard !isThere else { continue }
            // Who is reached by IPv6 may lead to those who have IPv4 only (RFC 8656 §7.1).
            let client = TURNClient(
                server: server.address, credentials: credentials, families: server.address.isIPv6 ? .both : nil,
                isReliable: server.isReliable, hash: hash, random: random)
            relays.append(Relay(client: client, base: base, link: link))
            gatherings.append(Gathering(base: base, server: server.address, relay: relays.count - 1))
        }
    }

    mutating func begin(gathering index: Int, now: Instant) {
        if let relay = gatherings[index].relay {
            gatherings.remove(at: index)
            if let server = relays[relay].link {
                relays[relay].isLinked = true
                return act(.connect(link: relay, server: server))
            }
            relays[relay].client.start(now)
            drain(relay, now: now)
            return
        }
        let id = newTransaction()
        guard let bytes = STUNWriter.message(.request, .binding, id, { _, _ in }) else { return }
        gatherings[index].bytes = bytes
        gatherings[index].transaction = STUNClientTransaction(id, timing: configuration.timing, now: now)
        emit(bytes, from: gatherings[index].base, to: gatherings[index].server, now: now)
    }

    mutating func fireGatherings(_ now: Instant) {
        for index in gatherings.indices.reversed() {
            switch gatherings[index].transaction?.fire(now) ?? .nothing {
            case .nothing: break
            case .resend:
                emit(gatherings[index].bytes, from: gatherings[index].base, to: gatherings[index].server, now: now)
            case .timeout: gatherings.remove(at: index)
            }
        }
    }

    /// Takes the answer of a STUN server (RFC 8445 §5.1.1.2).
    mutating func takeGathered(
        _ message: STUNMessage, base: Int, from source: STUNAddress, now: Instant, in bytes: RawSpan
    ) -> Bool {
        let place = gatherings.firstIndex {
            $0.transaction?.id == message.transaction && $0.base == base && $0.server == source
        }
        guard let found = place else { return false }
        gatherings.remove(at: found)
        if message.kind == .success, message.unknown(besides: STUNAttribute.basic, in: bytes).isEmpty,
            let mapped = message.address(.xorMappedAddress, in: bytes)
        {
            addReflexive(mapped, base: base, server: source)
        }
        return true
    }

    private mutating func addReflexive(_ mapped: STUNAddress, base: Int, server: STUNAddress) {
        let from = bases[base]
        let candidate = Candidate(
            foundation: foundations.foundation(.serverReflexive, base: from.address, server: server),
            component: from.component, kind: .serverReflexive,
            priority: CandidatePriority.of(
                .serverReflexive, localPreference: from.localPreference, component: from.component),
            address: mapped, related: from.address)
        _ = add(candidate, to: from.stream)
    }

    /// Does what a relay has to do.
    ///
    /// - Returns: what became of what it has received.
    @discardableResult
    mutating func drain(_ relay: Int, now: Instant) -> Receipt {
        var receipt = Receipt.taken
        for output in relays[relay].client.takeOutputs() {
            switch output {
            case .send(let server, let bytes):
                guard let link = relays[relay].link else {
                    act(.send(socket: bases[relays[relay].base].socket, to: server, bytes: bytes))
                    continue
                }
                // Nobody makes another connection for a redirection (RFC 8489 §10).
                guard server == configuration.servers[link].address else {
                    relays[relay].client.abandon()
                    end(relay, now: now)
                    continue
                }
                if relays[relay].isLinked { act(.transmit(link: relay, bytes: bytes)) }
            case .allocated(let allocation): add(allocation, relay)
            case .data(let peer, let bytes):
                if let found = receive(bytes, from: peer, relay: relay, now: now) { receipt = found }
            case .failed, .ended: end(relay, now: now)
            // It is datagrams that are relayed.
            case .connected, .notConnected, .attempted: break
            }
        }
        return receipt
    }

    // MARK: Connections to TURN servers

    /// The connection of a link is there.
    public mutating func opened(link: Int, now: Instant) {
        guard relays[link].isLinked, !relays[link].client.isOver else { return }
        relays[link].client.start(now)
        drain(link, now: now)
        advance(now)
    }

    /// Takes a message or the data of a channel, without padding, that has come by a connection (``TURNFramer``).
    public mutating func receive(_ bytes: RawSpan, link: Int, now: Instant) -> Receipt {
        defer { advance(now) }
        guard relays[link].isLinked, relays[link].client.receive(bytes, now: now) else { return .taken }
        return drain(link, now: now)
    }

    /// The connection of a link could not be made, or is no more: so is the relay (RFC 8656 §5).
    public mutating func closed(link: Int, now: Instant) {
        guard relays[link].isLinked else { return }
        relays[link].isLinked = false
        relays[link].client.abandon()
        end(link, now: now)
        advance(now)
    }

    /// Gives a relay back; nothing more comes by it.
    mutating func giveBack(_ relay: Int, now: Instant) {
        relays[relay].client.close(now)
        drain(relay, now: now)
        // What was never allocated has nothing to be told of.
        if relays[relay].client.hasEnded { unlink(relay) }
    }

    private mutating func unlink(_ relay: Int) {
        guard relays[relay].isLinked else { return }
        relays[relay].isLinked = false
        act(.disconnect(link: relay))
    }

    /// Takes what came to a relayed candidate.
    private mutating func receive(_ bytes: [UInt8], from peer: STUNAddress, relay: Int, now: Instant) -> Receipt? {
        let place = bases.firstIndex { $0.relay == relay && $0.address.isIPv6 == peer.isIPv6 }
        guard let base = place else { return nil }
        let receipt = receive(bytes.span.bytes, base: base, from: peer, now: now)
        guard receipt == .foreign else { return receipt }
        return .data(stream: bases[base].stream, component: bases[base].component, bytes)
    }

    private mutating func add(_ allocation: TURNClient.Allocation, _ relay: Int) {
        relays[relay].isSettled = true
        let from = bases[relays[relay].base]
        let server = relays[relay].client.server
        // A server that is asked by TCP sees another address than one that is asked by UDP (RFC 8445 §5.1.1.2).
        if !relays[relay].isReliable { addReflexive(allocation.mapped, base: relays[relay].base, server: server) }
        for (number, address) in allocation.relayed.enumerated() {
            // Candidates of one component have priorities of their own (RFC 8445 §5.1.2).
            let localPreference = from.localPreference - min(from.localPreference, UInt16(number))
            // RFC 8445 §5.1.1.2: a relayed candidate is its own base.
            let candidate = Candidate(
                foundation: foundations.foundation(.relayed, base: address, server: server),
                component: from.component, kind: .relayed,
                priority: CandidatePriority.of(
                    .relayed, localPreference: localPreference, component: from.component),
                address: address, related: allocation.mapped)
            guard add(candidate, to: from.stream) else { continue }
            bases.append(
                Base(
                    socket: from.socket, stream: from.stream, component: from.component, address: address,
                    localPreference: localPreference, relay: relay, candidate: candidate))
            pair(base: bases.count - 1)
        }
    }

    /// A relay is gone, with all pairs that need it.
    private mutating func end(_ relay: Int, now: Instant) {
        relays[relay].isSettled = true
        unlink(relay)
        let stream = bases[relays[relay].base].stream
        let lost = streams[stream].pairs.filter { bases[$0.base].relay == relay }.map(\.id)
        for id in lost { fail(stream, id, nominates: false) }
        for (component, use) in streams[stream].uses where bases[use.base].relay == relay {
            streams[stream].uses[component]?.expires = use.next ?? now
        }
    }

    mutating func endGatheringIfDone() {
        guard isGathering, gatherings.isEmpty, relays.allSatisfy(\.isSettled) else { return }
        isGathering = false
        hasGathered = true
        act(.gatheringEnded)
    }

    /// Gives back the relays that nothing selected needs, some time after all streams have come to their ends (RFC 8445 §8.3.1).
    mutating func freeRelays(_ now: Instant) {
        let isOver = streams.allSatisfy { $0.state == .completed || $0.state == .failed }
        let used = Set(streams.flatMap { stream in stream.uses.values.compactMap { bases[$0.base].relay } })
        let unused = relays.indices.filter { !used.contains($0) && !relays[$0].client.isOver }
        guard isOver, !isGathering, !unused.isEmpty else {
            freeing = nil
            return
        }
        guard let due = freeing else {
            freeing = now + configuration.freeing
            return
        }
        guard due <= now else { return }
        freeing = nil
        for relay in unused {
            let gone = Set(bases.filter { $0.relay == relay }.map(\.address))
            let stream = bases[relays[relay].base].stream
            streams[stream].localCandidates.removeAll { $0.kind == .relayed && gone.contains($0.address) }
            giveBack(relay, now: now)
        }
    }

    /// Gives the relays back: nothing may be sent behind it.
    public mutating func close(now: Instant) {
        for relay in relays.indices {
            giveBack(relay, now: now)
            unlink(relay)
        }
        gatherings = []
        for stream in streams.indices {
            streams[stream].state = .failed
            streams[stream].pairs = []
            streams[stream].triggered = []
            streams[stream].uses = [:]
            streams[stream].provisions = [:]
        }
    }
}
