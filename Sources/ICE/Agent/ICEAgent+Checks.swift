/// Which check is sent when (RFC 8445 §6.1.4, §7.2).
extension ICEAgent {
    /// Whether a new transaction would begin now if it were time for one.
    var hasWork: Bool {
        gatherings.contains { $0.isPending } || streams.indices.contains { isWaited(for: $0) }
    }

    private func isChecked(_ stream: ICEStream) -> Bool {
        !isLite && stream.remote != nil && (stream.state == .running || stream.state == .completed)
    }

    /// Whether a checklist has a pair to check.
    private func isWaited(for stream: Int) -> Bool {
        guard isChecked(streams[stream]) else { return false }
        if !streams[stream].triggered.isEmpty { return true }
        // When all is done only what better nominations ask for is checked.
        guard streams[stream].state == .running else { return false }
        if streams[stream].pairs.contains(where: { $0.state == .waiting }) { return true }
        return streams[stream].pairs.contains { $0.state == .frozen && !isActive($0.group) }
    }

    /// Whether a pair of the foundation waits or is under way, in any checklist.
    private func isActive(_ group: Int) -> Bool {
        streams.contains { stream in
            stream.pairs.contains { $0.group == group && ($0.state == .waiting || $0.state == .inProgress) }
        }
    }

    /// Begins one transaction: of gathering, or a check of the checklist whose turn it is (RFC 8445 §6.1.4.2).
    mutating func beginNext(_ now: Instant) {
        if let index = gatherings.firstIndex(where: \.isPending) { return begin(gathering: index, now: now) }
        for offset in streams.indices {
            let stream = (nextStream + offset) % streams.count
            guard isChecked(streams[stream]), let index = pairToCheck(stream) else { continue }
            nextStream = (stream + 1) % streams.count
            return sendCheck(stream, index, now: now)
        }
    }

    /// The pair of a checklist that is to be checked next.
    private mutating func pairToCheck(_ stream: Int) -> Int? {
        while !streams[stream].triggered.isEmpty {
            let id = streams[stream].triggered.removeFirst()
            if let index = streams[stream].index(id) { return index }
        }
        guard streams[stream].state == .running else { return nil }
        if !streams[stream].pairs.contains(where: { $0.state == .waiting }) {
            for index in streams[stream].pairs.indices where streams[stream].pairs[index].state == .frozen {
                guard !isActive(streams[stream].pairs[index].group) else { continue }
                streams[stream].pairs[index].state = .waiting
            }
        }
        let waiting = streams[stream].pairs.indices.filter { streams[stream].pairs[$0].state == .waiting }
        return waiting.max {
            let (less, more) = (streams[stream].pairs[$0], streams[stream].pairs[$1])
            if less.priority != more.priority { return less.priority < more.priority }
            return less.component > more.component
        }
    }

    /// Sends a check of a pair (RFC 8445 §7.2.4).
    private mutating func sendCheck(_ stream: Int, _ index: Int, now: Instant) {
        let pair = streams[stream].pairs[index]
        guard let remote = streams[stream].remote else { return }
        let nominates = role == .controlling && pair.nominatesNext
        let id = newTransaction()
        guard
            let bytes = checkRequest(
                id, base: pair.base, from: streams[stream].local, to: remote, nominates: nominates)
        else { return }
        var timing = configuration.timing
        timing.repetition = max(timing.repetition, pacing * pendingChecks)
        streams[stream].pairs[index].state = .inProgress
        if pair.checks.count >= CandidatePair.mostChecks { streams[stream].pairs[index].checks.removeFirst() }
        streams[stream].pairs[index].checks.append(
            CandidatePair.Check(
                transaction: STUNClientTransaction(id, timing: timing, now: now), bytes: bytes, nominates: nominates,
                role: role))
        emit(bytes, from: pair.base, to: pair.remote.address, now: now)
    }

    /// Pairs that wait or are under way: the more, the longer it takes until a request is sent again (RFC 8445 §14.3).
    private var pendingChecks: Int {
        streams.reduce(0) { sum, stream in
            sum + stream.pairs.reduce(0) { $0 + ($1.state == .waiting || $1.state == .inProgress ? 1 : 0) }
        }
    }

    func newTransaction() -> STUNTransactionID {
        STUNTransactionID(upper: UInt32(truncatingIfNeeded: random()), lower: random())
    }

    /// A Binding Request to the other side (RFC 8445 §7.1, §7.2.2).
    func checkRequest(
        _ id: STUNTransactionID, base: Int, from local: ICEParameters, to remote: ICEParameters, nominates: Bool
    ) -> [UInt8]? {
        let from = bases[base]
        let priority = CandidatePriority.of(
            .peerReflexive, localPreference: from.localPreference, component: from.component)
        return STUNWriter.message(.request, .binding, id, room: 2 * 256) { writer, bytes in
            try writer.add(.username, remote.fragment + [UInt8(ascii: ":")] + local.fragment, into: &bytes)
            try writer.add(.priority, priority, into: &bytes)
            try writer.add(role == .controlling ? .iceControlling : .iceControlled, tieBreaker, into: &bytes)
            if nominates { try writer.add(.useCandidate, into: &bytes) }
            try writer.addIntegrity(.shortTerm(remote.password), hash, into: &bytes)
            try writer.addFingerprint(into: &bytes)
        }
    }

    /// Sends checks again, and gives up those that were sent often enough.
    mutating func fireChecks(_ stream: Int, now: Instant) {
        var again: [(bytes: [UInt8], base: Int, address: STUNAddress)] = []
        var silent: [(id: Int, nominates: Bool)] = []
        for index in streams[stream].pairs.indices {
            let pair = streams[stream].pairs[index]
            for place in pair.checks.indices.reversed() {
                switch streams[stream].pairs[index].checks[place].transaction.fire(now) {
                case .nothing: break
                case .resend:
                    if !pair.checks[place].isCancelled {
                        again.append((pair.checks[place].bytes, pair.base, pair.remote.address))
                    }
                case .timeout:
                    streams[stream].pairs[index].checks.remove(at: place)
                    if !pair.checks[place].isCancelled { silent.append((pair.id, pair.checks[place].nominates)) }
                }
            }
        }
        for request in again { emit(request.bytes, from: request.base, to: request.address, now: now) }
        for check in silent { fail(stream, check.id, nominates: check.nominates) }
    }

    /// A check of a pair has failed (RFC 8445 §7.2.5.2).
    ///
    /// With it the checklist fails when nothing else is going to be used: the check had USE-CANDIDATE (§7.2.5.3.4), or was for a
    /// request that had it (§7.3.1.5). The latter is not for those who nominate whatever they check, as RFC 5245 let them.
    ///
    /// - Parameter nominates: whether it had USE-CANDIDATE.
    mutating func fail(_ stream: Int, _ id: Int, nominates: Bool) {
        guard let index = streams[stream].index(id), !streams[stream].pairs[index].isNominated else { return }
        let isLast = nominates || streams[stream].pairs[index].isNominatedBySuccess && streams[stream].nominatesOnce
        streams[stream].pairs[index].state = .failed
        streams[stream].pairs[index].validLocal = nil
        streams[stream].pairs[index].isNominatedBySuccess = false
        streams[stream].pairs[index].nominatesNext = false
        streams[stream].triggered.removeAll { $0 == id }
        if isLast, streams[stream].state == .running { fail(stream) }
    }

    /// A stream has failed. What was selected before a restart is still used.
    mutating func fail(_ stream: Int) {
        streams[stream].state = .failed
        let local = streams[stream].local
        streams[stream].uses = streams[stream].uses.filter { $0.value.local != local }
        streams[stream].provisions = [:]
        streams[stream].pairs = []
        streams[stream].triggered = []
        act(.failed(stream: stream))
    }
}
