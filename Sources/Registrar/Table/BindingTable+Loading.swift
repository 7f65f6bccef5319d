import Routing
import SIP
public import SIPEndpoint
import Synchronization

// Bindings come back from the journal while requests are served already. What requests have set since the start is newer
// than anything that is loaded; what they removed is marked, so that it does not come back.
extension BindingTable {
    /// What became of a record that was loaded.
    public enum LoadOutcome: Sendable, Hashable {
        /// It is a binding now.
        case loaded
        /// A request has set or removed the binding since the start.
        case superseded
        /// It has ended.
        case expired
        /// Its address of record is in none of our domains.
        case foreign
        /// It came over a connection, which a restart has ended, and nothing else leads to it.
        case disconnected
        /// It holds no binding that we made: it was changed from outside, or is longer or one more than we make.
        case malformed
    }

    /// Says that bindings are about to be loaded: until `endLoading()` an address without bindings is `loading`, and
    /// registrations are taken. To be called before the first request.
    public func beginLoading() { loading.store(true, ordering: .releasing) }

    /// Whether bindings are being loaded.
    public var isLoading: Bool { loading.load(ordering: .acquiring) }

    /// Says that all bindings are loaded.
    public func endLoading() { loading.store(false, ordering: .releasing) }

    /// Takes a binding in that the journal kept; from any thread, between `beginLoading()` and `endLoading()`, or
    /// before the first request names its domain.
    ///
    /// - Parameters:
    ///   - record: the binding.
    ///   - listeners: our listeners now; a flow that came in by none of them is of no use any more.
    @discardableResult
    public func load(_ record: JournalRecord, listeners: [Listener]) -> LoadOutcome {
        let now = clock()
        guard record.expires > now else { return .expired }
        guard let (user, host) = Self.split(record.addressOfRecord), Self.isSound(record) else { return .malformed }
        guard let domain = domains.find(host) else { return .foreign }
        let way = JournalFlow(record.flow)
        if way.wasConnection, way.isBehindNAT || way.isOutbound, !way.wakesByPush { return .disconnected }
        return withUnsafeTemporaryAllocation(byteCount: FlowCode.longest, alignment: 8) { memory in
            let count = way.flow?.restored(to: listeners).map { FlowCode.write($0, into: memory) } ?? 0
            let parts = StoredBinding.Parts(
                contact: record.contact, parameters: record.parameters, callID: record.callID,
                flow: UnsafeRawBufferPointer(rebasing: memory[0..<count]), path: record.path,
                sequenceNumber: record.sequenceNumber,
                preference: record.preference ?? Preference.absent, expires: record.expires,
                registered: WallTime(seconds: 0),
                flags: Self.flags(way, record), generation: way.generation)
            return load(parts, domain, user, now)
        }
    }

    private static func flags(_ way: JournalFlow, _ record: JournalRecord) -> StoredBinding.Flags {
        var flags = StoredBinding.Flags.restored
        if way.isBehindNAT { flags.insert(.behindNAT) }
        if way.wakesByPush { flags.insert(.push) }
        if way.isOutbound, FlowIdentity(parameters: record.parameters).isFlow { flags.insert(.outbound) }
        return flags
    }

    private func load(
        _ parts: StoredBinding.Parts, _ domain: Int, _ user: UnsafeRawBufferPointer, _ now: WallTime
    ) -> LoadOutcome {
        let (shard, tag) = place(domain, user)
        var difference = 0
        var hasBatch = false
        var batch: [UInt8] = []
        let outcome = shards[shard].withLock { shard in
            let before = shard.bindingCount
            let outcome = shard.load(parts, tag, domain, user, now, isJournaled: journal != nil)
            difference = shard.bindingCount - before
            hasBatch = shard.outbox.begin(&batch)
            return outcome
        }
        if difference != 0 { total.add(difference, ordering: .relaxed) }
        if hasBatch { deliver(shard, &batch) }
        return outcome
    }

    /// Splits `sip:user@domain` at its last "@"; the user may hold others, since it is unescaped.
    private static func split(
        _ address: UnsafeRawBufferPointer
    ) -> (user: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer)? {
        let scheme: StaticString = "sip:"
        guard address.count > scheme.utf8CodeUnitCount,
            equalIgnoringCase(UnsafeRawBufferPointer(rebasing: address.prefix(scheme.utf8CodeUnitCount)), scheme),
            let at = address.lastIndex(of: UInt8(ascii: "@"))
        else { return nil }
        let user = UnsafeRawBufferPointer(rebasing: address[scheme.utf8CodeUnitCount..<max(4, at)])
        guard !user.isEmpty, user.count <= maximumUserSize else { return nil }
        return (user, UnsafeRawBufferPointer(rebasing: address[(at + 1)...]))
    }

    /// Whether a record can have been made by us: contact and parameters go into messages as they are.
    private static func isSound(_ record: JournalRecord) -> Bool {
        let limit = RegistrarConfiguration.largestFieldSize
        guard record.contact.count <= limit, record.parameters.count <= limit, !record.callID.isEmpty,
            record.path.count <= limit, record.path.isEmpty || PathReader.isSound(record.path),
            record.callID.count <= limit, record.preference ?? 0 <= Preference.standard,
            record.parameters.isEmpty || record.parameters[0] == UInt8(ascii: ";"),
            !record.parameters.contains(where: { $0 < 0x20 && $0 != 0x09 })
        else { return false }
        return (try? URI([UInt8](record.contact))) != nil
    }
}

extension BindingShard {
    /// Takes a loaded binding in unless a request has set or removed it.
    fileprivate mutating func load(
        _ parts: StoredBinding.Parts, _ tag: UInt32, _ domain: Int, _ user: UnsafeRawBufferPointer, _ now: WallTime,
        isJournaled: Bool
    ) -> BindingTable.LoadOutcome {
        let slot = find(tag, domain, user)
        let old = slot.map { slots[$0].entry }
        if let old {
            if old.isCleared { return .superseded }
            if old.bindingCount >= AddressEntry.largestBindingCount { return .malformed }
        }
        var replaced: StoredBinding?
        if let old, let same = binding(of: old, sameAs: parts) {
            guard isNewer(parts, than: same) else {
                // The journal may know the binding by another spelling of its contact, which nobody would remove again.
                if isJournaled, !parts.isFlow, !equal(same.contact, parts.contact) {
                    outbox.remove(domain, user, key: parts.contact)
                }
                return .superseded
            }
            replaced = same
        }
        let entry = AddressEntry(
            domain: domain, user: user,
            bindingsSize: (old.map { $0.bindings.reduce(0) { $0 + $1.size } } ?? 0) + parts.size, isCleared: false)
        if let old {
            for binding in old.bindings where binding.base != replaced?.base { entry.append(copying: binding) }
        }
        let binding = entry.append(parts)
        if isJournaled, let replaced {
            if !replaced.hasSameKey(as: binding) { replaced.withKey { outbox.remove(domain, user, key: $0) } }
            outbox.upsert(domain, user, binding)
        }
        bindingCount += entry.bindingCount - (old?.bindingCount ?? 0)
        if let slot {
            replace(slot, entry)
            summarise(slot)
        } else {
            summarise(insert(entry, tag))
        }
        return .loaded
    }

    /// The binding that a loaded one would take the place of.
    private func binding(of entry: AddressEntry, sameAs parts: StoredBinding.Parts) -> StoredBinding? {
        guard !parts.isFlow else {
            let identity = FlowIdentity(parameters: parts.parameters)
            return entry.bindings.first { $0.flags.contains(.outbound) && $0.identity.isSameFlow(as: identity) }
        }
        let others = entry.bindings.filter { !$0.flags.contains(.outbound) }
        for binding in others where equal(binding.contact, parts.contact) { return binding }
        let uri = ContactURI(parts.contact)
        for binding in others where uri.isEquivalent(to: ContactURI(binding.contact)) { return binding }
        return nil
    }

    /// What is in memory was set since the start and counts, unless the journal knows a later request of the same client:
    /// then a request that came late has been served first (RFC 3261 §10.3 step 7).
    private func isNewer(_ parts: StoredBinding.Parts, than binding: StoredBinding) -> Bool {
        equal(parts.callID, binding.callID) && parts.sequenceNumber > binding.sequenceNumber
    }
}
