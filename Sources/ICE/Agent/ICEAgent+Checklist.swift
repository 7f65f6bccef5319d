/// How checklists are formed (RFC 8445 §6.1.2).
extension ICEAgent {
    /// Takes a candidate of the other side and pairs it.
    mutating func addRemote(_ candidate: Candidate, stream: Int) {
        guard (1...streams[stream].components).contains(candidate.component), candidate.address.port != 0,
            (1...Candidate.longestFoundation).contains(candidate.foundation.count), candidate.priority > 0
        else { return }
        let known = streams[stream].remoteCandidates.firstIndex {
            $0.address == candidate.address && $0.component == candidate.component
        }
        if let known {
            // What a check has told of before is now told by its owner (RFC 8445 §7.3.1.3).
            guard streams[stream].remoteCandidates[known].kind == .peerReflexive else { return }
            streams[stream].remoteCandidates[known] = candidate
            for index in streams[stream].pairs.indices
            where streams[stream].pairs[index].remote.address == candidate.address
                && streams[stream].pairs[index].component == candidate.component
            {
                streams[stream].pairs[index].remote = candidate
                streams[stream].pairs[index].group = group(streams[stream].pairs[index].local, candidate)
                streams[stream].pairs[index].setPriority(role)
            }
        } else {
            guard streams[stream].remoteCandidates.count < configuration.mostRemoteCandidates else { return }
            streams[stream].remoteCandidates.append(candidate)
        }
        guard streams[stream].state != .completed else { return }
        for base in bases.indices where bases[base].stream == stream { _ = insert(base, candidate) }
    }

    /// Pairs a base with all candidates that the other side has told of; learned ones are for their own checks alone
    /// (RFC 8445 §7.3.1.3).
    mutating func pair(base: Int) {
        guard streams[bases[base].stream].state != .completed else { return }
        for remote in streams[bases[base].stream].remoteCandidates where remote.kind != .peerReflexive {
            _ = insert(base, remote)
        }
        thaw()
    }

    /// Puts a pair onto the checklist; pairs are one for each base, so that reflexive candidates of this side are pruned from
    /// the beginning (RFC 8445 §6.1.2.4).
    ///
    /// - Returns: what names the pair; nil when there is none to be, or no room for it.
    mutating func insert(_ base: Int, _ remote: Candidate) -> Int? {
        let from = bases[base]
        guard !isLite, from.relay != nil || !configuration.usesRelaysOnly,
            // One that was given back is a base no more.
            from.relay.map({ !relays[$0].client.isOver }) ?? true,
            from.component <= streams[from.stream].components, from.component == remote.component,
            from.address.isIPv6 == remote.address.isIPv6,
            !from.address.isIPv6 || from.address.isLinkLocal == remote.address.isLinkLocal,
            !streams[from.stream].pairs.contains(where: { $0.base == base && $0.remote.address == remote.address })
        else { return nil }
        let pair = CandidatePair(
            id: nextPair, group: group(from.candidate, remote), local: from.candidate, remote: remote, base: base,
            role: role)
        guard makeRoom(for: pair) else { return nil }
        nextPair += 1
        streams[from.stream].pairs.append(pair)
        return pair.id
    }

    /// The number of a foundation (RFC 8445 §6.1.2.6).
    private mutating func group(_ local: Candidate, _ remote: Candidate) -> Int {
        let foundation = CandidatePair.Foundation(local: local.foundation, remote: remote.foundation)
        let number = groups[foundation] ?? groups.count
        groups[foundation] = number
        return number
    }

    /// Leaves out a pair that has failed, or else that of the lowest priority, when there are too many (RFC 8445 §6.1.2.5,
    /// RFC 8838 §10). Those that work stay.
    private mutating func makeRoom(for pair: CandidatePair) -> Bool {
        guard streams.reduce(0, { $0 + $1.pairs.count }) >= configuration.mostPairs else { return true }
        for index in streams.indices {
            guard let failed = streams[index].pairs.firstIndex(where: { $0.state == .failed }) else { continue }
            streams[index].pairs.remove(at: failed)
            return true
        }
        var last: (stream: Int, pair: CandidatePair)?
        for (index, stream) in streams.enumerated() {
            for other in stream.pairs where !other.isValid && other.state != .inProgress {
                if last.map({ other.priority < $0.pair.priority }) ?? true { last = (index, other) }
            }
        }
        guard let lowest = last, lowest.pair.priority < pair.priority else { return false }
        streams[lowest.stream].pairs.removeAll { $0.id == lowest.pair.id }
        streams[lowest.stream].triggered.removeAll { $0 == lowest.pair.id }
        return true
    }

    /// Lets one pair of each foundation wait for its check, the first by stream, component and priority, also when it came later than
    /// one that waits; all of them where one has succeeded (RFC 8445 §6.1.2.6, RFC 8838 §12).
    mutating func thaw() {
        var active: Set<Int> = []
        var proven: Set<Int> = []
        for stream in streams {
            for pair in stream.pairs {
                if pair.state == .waiting || pair.state == .inProgress { active.insert(pair.group) }
                if pair.state == .succeeded { proven.insert(pair.group) }
            }
        }
        var seen: Set<Int> = []
        for stream in streams.indices where streams[stream].state == .running {
            let order = streams[stream].pairs.indices.sorted {
                let (first, second) = (streams[stream].pairs[$0], streams[stream].pairs[$1])
                if first.component != second.component { return first.component < second.component }
                return first.priority > second.priority
            }
            for index in order {
                let group = streams[stream].pairs[index].group
                let isFirst = seen.insert(group).inserted
                guard streams[stream].pairs[index].state == .frozen,
                    isFirst || proven.contains(group) || active.insert(group).inserted
                else { continue }
                streams[stream].pairs[index].state = .waiting
            }
        }
    }

    /// Lets all pairs of a foundation wait for their checks: one of them works (RFC 8445 §7.2.5.3.3).
    mutating func thaw(_ group: Int) {
        for stream in streams.indices {
            for index in streams[stream].pairs.indices
            where streams[stream].pairs[index].state == .frozen
                && streams[stream].pairs[index].group == group
            {
                streams[stream].pairs[index].state = .waiting
            }
        }
    }
}
