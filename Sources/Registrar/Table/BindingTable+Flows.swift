public import SIPEndpoint
import Synchronization

// Bindings end with the flow that alone leads to them (RFC 5626 §7).
extension BindingTable {
    /// Nothing arrives by a datagram flow any more, as the network says: the binding of a user that is this flow goes. Others
    /// stay, which may be reached by their contact.
    ///
    /// - Parameter user: the user part as written in a URI.
    @discardableResult
    public func flowFailed(_ flow: Flow, user: UnsafeRawBufferPointer, domain: Int) -> Int {
        guard user.count <= 3 * Self.maximumUserSize, has(domain) else { return 0 }
        return withUnsafeTemporaryAllocation(byteCount: max(1, user.count), alignment: 1) { memory in
            let count = unescape(user, into: memory)
            let user = UnsafeRawBufferPointer(rebasing: memory[0..<count])
            let (shard, tag) = place(domain, user)
            return removeBindings(shard, { $0.find(tag, domain, user).map { [$0] } ?? [] }) {
                $0.flags.contains(.outbound) && !$0.flags.contains(.push) && FlowCode.read($0.flow) == flow
            }
        }
    }

    /// Removes bindings of some addresses of a shard; returns how many.
    ///
    /// - Parameter find: the slots of the addresses, as they follow one another.
    func removeBindings(
        _ shard: Int, _ find: (borrowing BindingShard) -> [Int], where isGone: (StoredBinding) -> Bool
    ) -> Int {
        let isLoading = loading.load(ordering: .acquiring)
        var removed = 0
        var hasBatch = false
        var batch: [UInt8] = []
        shards[shard].withLock { shard in
            let before = shard.bindingCount
            // The last first: what follows a slot that becomes free moves up.
            for slot in find(shard).reversed() {
                removed += shard.remove(slot, isLoading: isLoading, isJournaled: journal != nil, where: isGone)
            }
            total.subtract(before - shard.bindingCount, ordering: .relaxed)
            hasBatch = shard.outbox.begin(&batch)
        }
        if hasBatch { deliver(shard, &batch) }
        return removed
    }
}

extension BindingShard {
    /// Removes bindings of an entry; while others are loaded they stay as marks.
    ///
    /// - Returns: how many they were.
    fileprivate mutating func remove(
        _ index: Int, isLoading: Bool, isJournaled: Bool, where isGone: (StoredBinding) -> Bool
    ) -> Int {
        let old = slots[index].entry
        var kept = 0
        var removed = 0
        for binding in old.bindings {
            guard !binding.isTombstone, isGone(binding) else {
                kept += binding.size
                continue
            }
            removed += 1
            if isJournaled { binding.withKey { outbox.remove(old.domain, old.user, key: $0) } }
            if isLoading { binding.expires = WallTime(seconds: 0) }
        }
        guard removed > 0 else { return 0 }
        guard !isLoading else {
            summarise(index)
            return removed
        }
        bindingCount -= old.bindingCount
        guard kept > 0 else {
            remove(index)
            return removed
        }
        let entry = AddressEntry(domain: old.domain, user: old.user, bindingsSize: kept, isCleared: old.isCleared)
        for binding in old.bindings where binding.isTombstone || !isGone(binding) { entry.append(copying: binding) }
        bindingCount += entry.bindingCount
        replace(index, entry)
        summarise(index)
        return removed
    }
}
