public import Routing
import Synchronization

// The location service, which proxies ask (RFC 3261 §16.5).
extension BindingTable {
    public func location(user: UnsafeRawBufferPointer, domain: Int) -> Location {
        location(user: user, domain: domain) { _ in true }
    }

    /// What is known of a user, by the bindings that fit.
    func location(
        user: UnsafeRawBufferPointer, domain: Int, where fits: (StoredBinding) -> Bool
    ) -> Location {
        guard user.count <= 3 * Self.maximumUserSize, has(domain) else { return .unknownUser }
        return withUnsafeTemporaryAllocation(byteCount: max(1, user.count), alignment: 1) { memory in
            let count = unescape(user, into: memory)
            guard count <= Self.maximumUserSize else { return .unknownUser }
            return location(canonical: UnsafeRawBufferPointer(rebasing: memory[0..<count]), domain, where: fits)
        }
    }

    private func location(
        canonical user: UnsafeRawBufferPointer, _ domain: Int, where fits: (StoredBinding) -> Bool
    ) -> Location {
        // Read first: what was loaded between the look and this would otherwise be missed and called absent.
        let isLoading = loading.load(ordering: .acquiring)
        let (shard, tag) = place(domain, user)
        let now = clock()
        var found = FoundBindings()
        shards[shard].withLock { shard in
            guard let slot = shard.find(tag, domain, user) else { return }
            found.collect(shard.slots[slot].entry, now, where: fits)
        }
        if !found.isEmpty { return .bindings(found.inOrder) }
        if isLoading { return .loading }
        return directory.isUser(user, domain: domain) ? .noBinding : .unknownUser
    }
}

extension Binding {
    fileprivate init(_ stored: StoredBinding, _ now: WallTime) {
        self.init(
            contact: [UInt8](stored.contact),
            preference: Int(stored.preference == Preference.absent ? Preference.standard : stored.preference),
            flow: FlowCode.read(stored.flow), isBehindNAT: stored.flags.contains(.behindNAT),
            parameters: stored.parameters.isEmpty ? [] : [UInt8](stored.parameters),
            path: stored.path.isEmpty ? [] : [UInt8](stored.path))
        if stored.flags.contains(.push) {
            wakesByPush = true
            age = stored.registered.seconds(until: now)
        }
    }
}

/// The bindings of an address of record on their way to the proxy.
struct FoundBindings {
    private var bindings: [Binding] = []
    /// The instance of each and when it was refreshed, where there are several.
    private var instances: [(name: [UInt8], refreshed: WallTime)] = []

    var isEmpty: Bool { bindings.isEmpty }

    mutating func collect(_ entry: AddressEntry, _ now: WallTime, where fits: (StoredBinding) -> Bool) {
        bindings.reserveCapacity(entry.bindingCount)
        for binding in entry.bindings where binding.isCurrent(now) && fits(binding) {
            bindings.append(Binding(binding, now))
            guard entry.bindingCount > 1 else { continue }
            instances.append((binding.identity.instance.map(lowercased), binding.registered))
        }
    }

    /// Highest preference first, those of one preference in the order in which they were made. The bindings of one instance
    /// are put behind the one that was refreshed last (RFC 5626 §7, RFC 5627 §6.1).
    var inOrder: [Binding] {
        guard bindings.count > 1 else { return bindings }
        var groups: [[Int]] = []
        for index in bindings.indices {
            let name = instances[index].name
            if !name.isEmpty, let group = groups.firstIndex(where: { instances[$0[0]].name == name }) {
                groups[group].append(index)
            } else {
                groups.append([index])
            }
        }
        var found = groups.map { group in
            let order = group.sorted { (instances[$1].refreshed, $0) < (instances[$0].refreshed, $1) }
            var first = bindings[order[0]]
            first.alternates = order.dropFirst().map { bindings[$0] }
            return first
        }
        found.sortByPreference()
        return found
    }
}

extension [Binding] {
    /// Highest preference first; bindings of one preference keep their order.
    fileprivate mutating func sortByPreference() {
        for i in indices.dropFirst() {
            var j = i
            while j > 0, self[j - 1].preference < self[j].preference {
                swapAt(j - 1, j)
                j -= 1
            }
        }
    }
}
