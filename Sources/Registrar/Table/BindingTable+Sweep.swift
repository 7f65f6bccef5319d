import Synchronization

// Bindings that have ended are nowhere shown; the sweep takes them out of memory and out of the journal.
extension BindingTable {
    /// What a sweep did.
    public struct SweepResult: Sendable, Hashable {
        /// Slots of the index that were looked at.
        public var visited = 0
        /// Bindings that were removed.
        public var removed = 0
        /// The contacts whose bindings are about to end, and whose user agents can be woken to refresh them (RFC 8599 §5.5); each
        /// once.
        public var waking: [[UInt8]] = []
    }

    /// Slots that are looked at under one lock.
    private static let sweepStep = 1_024

    /// Looks at the next part of the table and removes the bindings that have ended; called again and again from a timer of
    /// a lane, which it holds up for at most some nanoseconds a slot. While bindings are loaded it does nothing.
    ///
    /// - Parameters:
    ///   - now: the moment that expiry is compared with.
    ///   - lead: how many seconds before its end a binding is about to end; 0 tells of none.
    ///   - budget: slots to look at. With a quarter to five eighths of them free, a million addresses have 1.4 to 2.7
    ///     million slots.
    @discardableResult
    public func sweep(now: WallTime, lead: UInt32 = 0, budget: Int) -> SweepResult {
        var result = SweepResult()
        var batch: [UInt8] = []
        while result.visited < budget, !loading.load(ordering: .acquiring) {
            let step = min(Self.sweepStep, budget - result.visited)
            let position = sweepCursor.withLock { $0 }
            let index = Int(position >> 32) & (Self.shardCount - 1)
            var removed = 0
            var hasBatch = false
            let (visited, next) = shards[index].withLock { shard in
                let first = shard.firstSlot(from: position & 0xFFFF_FFFF)
                let last = min(shard.slotCount, first + step)
                if !shard.outbox.isBlocked {
                    removed = shard.sweep(first..<last, now, isJournaled: journal != nil)
                    if lead > 0 { shard.collectSleepers(first..<min(last, shard.slotCount), now, lead, &result.waking) }
                }
                // What the journal had no room for is offered again.
                hasBatch = shard.outbox.begin(&batch)
                return (max(1, last - first), last < shard.slotCount ? shard.position(of: last) : 1 << 32)
            }
            if hasBatch { deliver(index, &batch) }
            if removed > 0 { total.subtract(removed, ordering: .relaxed) }
            // Another lane that swept meanwhile has moved on itself.
            sweepCursor.withLock {
                if $0 == position { $0 = (UInt64(index) << 32 + next) % (UInt64(Self.shardCount) << 32) }
            }
            result.visited += visited
            result.removed += removed
        }
        return result
    }
}

extension BindingShard {
    /// Finds those whose bindings are about to end and who can be woken.
    fileprivate func collectSleepers(
        _ range: Range<Int>, _ now: WallTime, _ lead: UInt32, _ waking: inout [[UInt8]]
    ) {
        let soon = now.adding(seconds: lead)
        for index in range where !slots[index].isFree && slots[index].earliest <= soon {
            for binding in slots[index].entry.bindings
            where binding.flags.contains(.push) && !binding.flags.contains(.woken) && binding.isCurrent(now)
                && binding.expires <= soon
            {
                binding.flags.insert(.woken)
                waking.append([UInt8](binding.contact))
            }
        }
    }

    /// Removes what has ended in a range of slots; returns how many bindings that were.
    fileprivate mutating func sweep(_ range: Range<Int>, _ now: WallTime, isJournaled: Bool) -> Int {
        var removed = 0
        var index = range.lowerBound
        while index < range.upperBound {
            if slots[index].isFree || slots[index].earliest > now {
                index += 1
                continue
            }
            let before = bindingCount
            if purge(index, now, isJournaled: isJournaled) {
                index += 1
            }
            // When the slot was freed another may have moved into it, and it is looked at once more.
            removed += before - bindingCount
        }
        return removed
    }

    /// Removes the bindings of an entry that have ended; false when the entry is gone with them.
    private mutating func purge(_ index: Int, _ now: WallTime, isJournaled: Bool) -> Bool {
        let old = slots[index].entry
        var kept = 0
        for binding in old.bindings {
            if binding.isCurrent(now) {
                kept += binding.size
            } else if isJournaled, !binding.isTombstone {
                binding.withKey { outbox.remove(old.domain, old.user, key: $0) }
            }
        }
        bindingCount -= old.bindingCount
        guard kept > 0 else {
            remove(index)
            return false
        }
        let entry = AddressEntry(domain: old.domain, user: old.user, bindingsSize: kept, isCleared: false)
        for binding in old.bindings where binding.isCurrent(now) { entry.append(copying: binding) }
        bindingCount += entry.bindingCount
        replace(index, entry)
        summarise(index)
        return true
    }
}
