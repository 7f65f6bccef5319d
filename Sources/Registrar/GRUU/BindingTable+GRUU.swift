public import Routing
import Synchronization

// Requests to GRUUs (RFC 5627 §6.1): an address of record with the contacts of one instance alone.
extension BindingTable {
    public func location(user: UnsafeRawBufferPointer, domain: Int, gruu: UnsafeRawBufferPointer) -> Location {
        guard gruu.isEmpty else {
            return location(user: user, domain: domain) { InstanceName.isSame(gruu, $0.identity.instance) }
        }
        let isLoading = loading.load(ordering: .acquiring)
        guard has(domain), let content = temporaryGRUUs.read(user) else { return .unknownUser }
        let now = clock()
        var found = FoundBindings()
        shards[Int(content.shard)].withLock { shard in
            for slot in shard.slots(of: content.tag) where shard.slots[slot].entry.domain == domain {
                found.collect(shard.slots[slot].entry, now) { binding in
                    let instance = binding.identity.instance
                    return !instance.isEmpty
                        && temporaryGRUUs.mark(instance: instance, generation: binding.generation) == content.mark
                }
            }
        }
        if !found.isEmpty { return .bindings(found.inOrder) }
        // One whose last binding has ended is none any more (§5.3).
        return isLoading ? .loading : .unknownUser
    }
}
