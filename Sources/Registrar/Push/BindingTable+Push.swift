public import Routing
import Synchronization

// Requests in dialogs that name a registration (RFC 8599 §6.2.3).
extension BindingTable {
    public func location(registration reference: UnsafeRawBufferPointer) -> Location {
        guard let content = registrationReferences.read(reference) else { return .unknownUser }
        let isLoading = loading.load(ordering: .acquiring)
        let now = clock()
        var found = FoundBindings()
        shards[Int(content.shard) & (Self.shardCount - 1)].withLock { shard in
            for slot in shard.slots(of: content.tag) {
                found.collect(shard.slots[slot].entry, now) { binding in
                    binding.flags.contains(.push)
                        && registrationReferences.mark(contact: binding.contact) == content.mark
                }
            }
        }
        if !found.isEmpty { return .bindings(found.inOrder) }
        return isLoading ? .loading : .noBinding
    }
}
