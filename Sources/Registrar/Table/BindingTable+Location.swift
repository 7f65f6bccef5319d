public import Routing
import Synchronization

// The location service, which proxies ask (RFC 3261 §16.5).
extension BindingTable {
    public func location(user: UnsafeRawBufferPointer, domain: Int) -> Location {
        guard user.count <= 3 * Self.maximumUserSize, has(domain) else { return .unknownUser }
        return withUnsafeTemporaryAllocation(byteCount: max(1, user.count), alignment: 1) { memory in
            let count = unescape(user, into: memory)
            guard count <= Self.maximumUserSize else { return .unknownUser }
            return location(canonical: UnsafeRawBufferPointer(rebasing: memory[0..<count]), domain)
        }
    }

    private func location(canonical user: UnsafeRawBufferPointer, _ domain: Int) -> Location {
        // Read first: what was loaded between the look and this would otherwise be missed and called absent.
        let isLoading = loading.load(ordering: .acquiring)
        let (shard, tag) = place(domain, user)
        let now = clock()
        var bindings: [Binding] = []
        shards[shard].withLock { shard in
            guard let slot = shard.find(tag, domain, user) else { return }
            let entry = shard.slots[slot].entry
            bindings.reserveCapacity(entry.bindingCount)
            for binding in entry.bindings where binding.isCurrent(now) { bindings.append(Binding(binding)) }
        }
        if !bindings.isEmpty {
            if bindings.count > 1 { bindings.sortByPreference() }
            return .bindings(bindings)
        }
        if isLoading { return .loading }
        return directory.isUser(user, domain: domain) ? .noBinding : .unknownUser
    }
}

extension Binding {
    fileprivate init(_ stored: StoredBinding) {
        self.init(
            contact: [UInt8](stored.contact),
            preference: Int(stored.preference == Preference.absent ? Preference.standard : stored.preference),
            flow: FlowCode.read(stored.flow), isBehindNAT: stored.flags.contains(.behindNAT),
            parameters: stored.parameters.isEmpty ? [] : [UInt8](stored.parameters),
            path: stored.path.isEmpty ? [] : [UInt8](stored.path))
    }
}

extension [Binding] {
    /// Highest preference first; bindings of one preference keep their order.
    fileprivate mutating func sortByPreference() {
        for i in 1..<count {
            var j = i
            while j > 0, self[j - 1].preference < self[j].preference {
                swapAt(j - 1, j)
                j -= 1
            }
        }
    }
}
