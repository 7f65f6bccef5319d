/// What the answers to our checks mean (RFC 8445 §7.2.5).
extension ICEAgent {
    mutating func takeResponse(
        _ message: STUNMessage, base: Int, from source: STUNAddress, now: Instant, in bytes: RawSpan
    ) {
        for stream in streams.indices {
            if takeConsent(message, stream: stream, base: base, from: source, now: now, in: bytes) { return }
            for index in streams[stream].pairs.indices {
                let checks = streams[stream].pairs[index].checks
                guard let place = checks.firstIndex(where: { $0.transaction.id == message.transaction }) else {
                    continue
                }
                take(message, stream, index, place, base: base, from: source, in: bytes)
                return
            }
        }
    }

    private mutating func take(
        _ message: STUNMessage, _ stream: Int, _ index: Int, _ place: Int, base: Int, from source: STUNAddress,
        in bytes: RawSpan
    ) {
        // What is not proven is as if it had not come (RFC 8489 §9.1.4).
        guard let remote = streams[stream].remote, message.isFingerprintRight(in: bytes),
            message.isProven(by: .shortTerm(remote.password), hash, in: bytes)
        else { return }
        let pair = streams[stream].pairs[index]
        let check = pair.checks[place]
        streams[stream].pairs[index].checks.remove(at: place)
        // RFC 8445 §7.2.5.2.1, RFC 8489 §6.3.3.
        let isSymmetric = pair.base == base && pair.remote.address == source
        guard isSymmetric, message.unknown(besides: STUNAttribute.ofICE, in: bytes).isEmpty else {
            return fail(stream, pair.id, check)
        }
        if message.kind == .error, message.error(in: bytes) == .roleConflict { return giveWay(stream, index, check) }
        guard message.kind == .success, let mapped = message.address(.xorMappedAddress, in: bytes) else {
            return fail(stream, pair.id, check)
        }
        succeed(stream, index, check, mapped)
    }

    /// A check was refused. One that another has taken the place of says nothing: that one will.
    private mutating func fail(_ stream: Int, _ id: Int, _ check: CandidatePair.Check) {
        guard !check.isCancelled else { return }
        fail(stream, id, nominates: check.nominates)
    }

    /// The other side has kept the role that this one had: it is changed with the tie-breaker, and the check made again
    /// (RFC 8445 §7.2.5.1).
    private mutating func giveWay(_ stream: Int, _ index: Int, _ check: CandidatePair.Check) {
        if check.role == role {
            tieBreaker = random()
            setRole(role.other)
            act(.roleChanged(role))
        }
        guard streams[stream].pairs[index].state != .succeeded else { return }
        streams[stream].pairs[index].wait()
        streams[stream].trigger(streams[stream].pairs[index].id)
    }

    /// A check has succeeded (RFC 8445 §7.2.5.3).
    private mutating func succeed(_ stream: Int, _ index: Int, _ check: CandidatePair.Check, _ mapped: STUNAddress) {
        let pair = streams[stream].pairs[index]
        streams[stream].pairs[index].state = .succeeded
        streams[stream].pairs[index].validLocal = localCandidate(mapped, pair, stream)
        streams[stream].pairs[index].setPriority(role)
        // Others that are under way have nothing more to tell, but for one that nominates.
        streams[stream].pairs[index].checks.removeAll { !$0.nominates }
        if !pair.nominatesNext || check.nominates { streams[stream].triggered.removeAll { $0 == pair.id } }
        thaw(pair.group)
        if check.nominates, check.role == .controlling, role == .controlling {
            streams[stream].pairs[index].isNominated = true
            streams[stream].pairs[index].nominatesNext = false
            streams[stream].pairs[index].checks = []
        } else if role == .controlled, pair.isNominatedBySuccess {
            streams[stream].pairs[index].isNominated = true
        }
    }

    /// The candidate of this side with the address that the other one sees: one that is known, or a new peer-reflexive one
    /// (RFC 8445 §7.2.5.3.1).
    private mutating func localCandidate(_ mapped: STUNAddress, _ pair: CandidatePair, _ stream: Int) -> Candidate {
        let known = streams[stream].localCandidates.first {
            $0.address == mapped && $0.component == pair.component
        }
        if let known { return known }
        let base = bases[pair.base]
        let learned = Candidate(
            foundation: foundations.foundation(.peerReflexive, base: base.address, server: nil),
            component: pair.component, kind: .peerReflexive,
            priority: CandidatePriority.of(
                .peerReflexive, localPreference: base.localPreference, component: pair.component),
            address: mapped, related: base.address)
        _ = add(learned, to: stream)
        return learned
    }
}
