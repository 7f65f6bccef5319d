/// How a stream comes to its end: nomination, completion, failure (RFC 8445 §8).
extension ICEAgent {
    /// Draws the conclusions of what is known of a stream now.
    mutating func conclude(_ stream: Int, now: Instant) {
        guard streams[stream].state == .running || streams[stream].state == .completed else { return }
        for component in 1...streams[stream].components {
            guard let pair = streams[stream].nominated(component), !isUsed(pair, stream) else { continue }
            use(pair, stream: stream, now: now)
            if isDecided(stream, component) { streams[stream].removeRivals(component) }
        }
        guard streams[stream].state == .running, let started = streams[stream].started else { return }
        provide(stream, now: now)
        if (1...streams[stream].components).allSatisfy({ isCurrent(streams[stream].uses[$0], stream) }) {
            return complete(stream)
        }
        if now >= started + configuration.longestTime { return fail(stream) }
        if now >= started + configuration.patience { streams[stream].isPastPatience = true }
        guard streams[stream].isValid else {
            streams[stream].firstValid = nil
            streams[stream].isNominating = false
            return failIfHopeless(stream)
        }
        if streams[stream].firstValid == nil { streams[stream].firstValid = now }
        if role == .controlling, !isLite { nominateIfReady(stream, now: now) }
    }

    /// Whether nothing else will be nominated for a component: not by this side, nor by one that follows RFC 8445 (§8.1.1).
    func isDecided(_ stream: Int, _ component: Int) -> Bool {
        (role == .controlling || streams[stream].nominatesOnce) && streams[stream].nominated(component) != nil
    }

    /// Whether what is used is of this generation of credentials.
    private func isCurrent(_ use: ICEStream.Use?, _ stream: Int) -> Bool {
        use.map { $0.local == streams[stream].local && $0.remote == streams[stream].remote } ?? false
    }

    /// Whether a component already uses the pair, or a better one of this generation.
    private func isUsed(_ pair: CandidatePair, _ stream: Int) -> Bool {
        guard let use = streams[stream].uses[pair.component], isCurrent(use, stream) else { return false }
        return use.priority >= pair.validPriority
            || use.base == pair.base && use.pair.remote.address == pair.remote.address
    }

    /// RFC 8445 §7.2.5.4, but not before both sides have told all and patience is at its end (RFC 8838 §8, RFC 8863 §4).
    private mutating func failIfHopeless(_ stream: Int) {
        guard streams[stream].isPastPatience, streams[stream].isRemoteComplete, !isGathering,
            streams[stream].triggered.isEmpty, !streams[stream].pairs.contains(where: \.isPending), !isLite
        else { return }
        fail(stream)
    }

    /// The controlling side picks the best valid pair of each component when nothing better may come, or enough time has passed
    /// (RFC 8445 §8.1.1).
    private mutating func nominateIfReady(_ stream: Int, now: Instant) {
        guard !streams[stream].isNominating, let first = streams[stream].firstValid else { return }
        let isLate = now >= first + configuration.nominationWait
        guard isLate || !mayGetBetter(stream) else { return }
        streams[stream].isNominating = true
        for component in 1...streams[stream].components {
            guard streams[stream].nominated(component) == nil, let best = streams[stream].bestValid(component),
                let index = streams[stream].index(best.id)
            else { continue }
            streams[stream].pairs[index].nominatesNext = true
            streams[stream].trigger(best.id)
        }
    }

    private func mayGetBetter(_ stream: Int) -> Bool {
        guard streams[stream].isRemoteComplete, !isGathering else { return true }
        return (1...streams[stream].components).contains { component in
            guard let best = streams[stream].bestValid(component) else { return true }
            return streams[stream].pairs.contains {
                $0.component == component && $0.isPending && $0.priority > best.validPriority
            }
        }
    }

    private func describe(_ pair: CandidatePair) -> SelectedPair {
        SelectedPair(
            local: hidden(pair.validLocal ?? pair.local), remote: pair.remote, socket: bases[pair.base].socket,
            isRelayed: bases[pair.base].relay != nil)
    }

    /// Components that nothing is selected for may be sent by their best valid pairs (RFC 8445 §12.1).
    private mutating func provide(_ stream: Int, now: Instant) {
        for component in 1...streams[stream].components where streams[stream].uses[component] == nil {
            guard let best = streams[stream].bestValid(component) else { continue }
            if let before = streams[stream].provisions[component], before.base == best.base,
                before.pair.remote.address == best.remote.address
            {
                continue
            }
            let pair = describe(best)
            streams[stream].provisions[component] = ICEStream.Provision(
                base: best.base, pair: pair, expires: now + configuration.consentExpiry)
            act(.usable(stream: stream, component: component, pair))
        }
    }

    /// A component is sent by a pair from now on.
    private mutating func use(_ pair: CandidatePair, stream: Int, now: Instant) {
        let selected = describe(pair)
        streams[stream].provisions[pair.component] = nil
        use(selected, base: pair.base, priority: pair.validPriority, stream: stream, now: now)
        if let relay = bases[pair.base].relay {
            relays[relay].client.bindChannel(to: pair.remote.address, now: now)
            drain(relay, now: now)
        }
    }

    private mutating func use(_ selected: SelectedPair, base: Int, priority: UInt64, stream: Int, now: Instant) {
        guard let remote = streams[stream].remote else { return }
        let component = bases[base].component
        streams[stream].uses[component] = ICEStream.Use(
            pair: selected, base: base, priority: priority, local: streams[stream].local, remote: remote,
            next: now + (isLite ? configuration.keepAlive : consentWait()),
            expires: isLite ? nil : now + configuration.consentExpiry)
        act(.selected(stream: stream, component: component, selected))
    }

    /// A lite agent uses what it is told to (RFC 8445 §7.3.2).
    mutating func use(liteBase base: Int, _ remote: Candidate, stream: Int, now: Instant) {
        let local = bases[base].candidate
        let priority = CandidatePriority.ofPair(controlling: remote.priority, controlled: local.priority)
        let before = streams[stream].uses[bases[base].component]
        if isCurrent(before, stream), let before, before.priority >= priority { return }
        use(
            SelectedPair(local: local, remote: remote, socket: bases[base].socket, isRelayed: false), base: base,
            priority: priority, stream: stream, now: now)
    }

    /// Between two lite agents nobody checks: both take the pair of the highest priority of each component, which is the same one
    /// since both compute it so (RFC 8445 §8.2).
    mutating func selectBetweenLite(_ stream: Int, now: Instant) {
        for component in 1...streams[stream].components {
            var found: (base: Int, remote: Candidate, priority: UInt64)?
            for base in bases.indices where bases[base].stream == stream && bases[base].component == component {
                for remote in streams[stream].remoteCandidates
                where remote.component == component && remote.address.isIPv6 == bases[base].address.isIPv6 {
                    let local = bases[base].candidate.priority
                    let isControlling = role == .controlling
                    let priority = CandidatePriority.ofPair(
                        controlling: isControlling ? local : remote.priority,
                        controlled: isControlling ? remote.priority : local)
                    if found.map({ $0.priority < priority }) ?? true { found = (base, remote, priority) }
                }
            }
            guard let best = found else { continue }
            use(
                SelectedPair(
                    local: bases[best.base].candidate, remote: best.remote, socket: bases[best.base].socket,
                    isRelayed: false), base: best.base, priority: best.priority, stream: stream, now: now)
        }
    }

    /// All components have their pairs (RFC 8445 §8.1.2): what waits is not checked any more. Checks of better pairs go on, since
    /// an aggressive peer may nominate them too.
    private mutating func complete(_ stream: Int) {
        streams[stream].state = .completed
        streams[stream].previous = nil
        streams[stream].triggered = []
        let uses = streams[stream].uses
        streams[stream].pairs.removeAll { pair in
            guard !pair.isNominated else { return false }
            let used = uses[pair.component]?.priority ?? 0
            return pair.state != .inProgress || pair.priority < used
        }
        act(.completed(stream: stream))
    }
}
