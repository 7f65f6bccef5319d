public import Routing
public import SIP
import Synchronization

/// The bindings of all addresses of record (RFC 3261 §10): what registrars write and proxies read, from any lane.
///
/// Bindings are spread over shards by a keyed hash, each under a mutex of its own that is held for the time of copying a
/// few hundred bytes and never across a call to somebody else. Expiry is kept as wall-clock time, so that it means the same
/// after a restart. Changes go to a `BindingJournal` behind the answer.
///
/// Domains can be added while it works, behind those that it has; none is ever taken away.
///
/// Unchecked: the shards are mutexes in memory that is allocated when the table is made and freed when it goes; all else is
/// constant or atomic.
public final class BindingTable: LocationService, @unchecked Sendable {
    /// Says which users there are.
    public let directory: any Directory
    /// Where changes go; nil keeps bindings in memory alone.
    let journal: (any BindingJournal)?
    /// The time that expiry is compared with.
    let clock: @Sendable () -> WallTime
    /// Bindings that the table may hold; when there are as many, new ones get 503.
    public let maximumBindings: Int
    /// The domains and their names in bytes; asked behind the answers only.
    private let known: Mutex<(domains: DomainTable, names: [[UInt8]])>
    /// How many domains there are, to be asked by requests.
    private let domainCount: Atomic<Int>
    let hash: SipHash
    let temporaryGRUUs: TemporaryGRUU
    let registrationReferences: RegistrationReference
    let shards: UnsafeMutablePointer<Mutex<BindingShard>>
    let total = Atomic<Int>(0)
    let loading = Atomic<Bool>(false)
    let sweepCursor = Mutex<UInt64>(0)
    let connections = Mutex(ConnectionIndex())
    let endedWithConnections = Atomic<Int>(0)

    /// The number of shards, a power of two: enough that lanes seldom meet, and an index in one grows in short steps.
    public static let shardCount = 256

    /// Bytes of the longest user part, unescaped; longer ones are no users of ours.
    public static let maximumUserSize = 512

    /// Makes an empty table.
    ///
    /// - Parameters:
    ///   - domains: the domains, at most 65,536.
    ///   - directory: says which users there are; it is asked without a lock held.
    ///   - journal: where changes go, or nil.
    ///   - maximumBindings: bindings that the table may hold.
    ///   - key: a secret; temporary GRUUs outlive a restart with the same one.
    ///   - clock: the time that expiry is compared with; tests have another one.
    public init(
        domains: DomainTable, directory: any Directory, journal: (any BindingJournal)? = nil,
        maximumBindings: Int = 10_000_000, key: SipHash = .random(),
        clock: @escaping @Sendable () -> WallTime = WallTime.steadyClock()
    ) {
        precondition(domains.domains.count <= 65_536, "a binding keeps the index of its domain in 16 bits")
        self.directory = directory
        self.journal = journal
        self.clock = clock
        self.maximumBindings = maximumBindings
        known = Mutex((domains, domains.domains.map { Array($0.name.utf8) }))
        domainCount = Atomic(domains.domains.count)
        hash = key.derived(for: "places of addresses of record")
        temporaryGRUUs = TemporaryGRUU(key: key)
        registrationReferences = RegistrationReference(key: key)
        shards = .allocate(capacity: Self.shardCount)
        for i in 0..<Self.shardCount { (shards + i).initialize(to: Mutex(BindingShard())) }
    }

    deinit {
        shards.deinitialize(count: Self.shardCount)
        shards.deallocate()
    }

    /// The time now, as the table sees it.
    public var now: WallTime { clock() }

    /// Where an address of record is: its shard, and the hash that its index goes by.
    func place(_ domain: Int, _ user: UnsafeRawBufferPointer) -> (shard: Int, tag: UInt32) {
        let value = hash(user).0 ^ UInt64(truncatingIfNeeded: domain) &* 0x9E37_79B9_7F4A_7C15
        return (
            Int(truncatingIfNeeded: value) & (Self.shardCount - 1), UInt32(truncatingIfNeeded: value >> 32)
        )
    }

    // MARK: Registration

    /// Carries a registration out, atomically, and hands the changes to the journal.
    func register(_ registration: Registration, _ plan: inout RegistrationPlan) -> RegistrationVerdict {
        let (index, tag) = place(registration.domain, registration.user)
        let admission: Admission =
            journal?.isLagging == true ? .lagging : total.load(ordering: .relaxed) >= maximumBindings ? .full : .open
        let isLoading = loading.load(ordering: .acquiring)
        let isJournaled = journal != nil
        var difference = 0
        var hasBatch = false
        let verdict = shards[index].withLock { shard in
            let before = shard.bindingCount
            let verdict = shard.register(
                registration, number: index, tag: tag, &plan, admission, isLoading: isLoading, isJournaled: isJournaled)
            difference = shard.bindingCount - before
            if isJournaled { hasBatch = shard.outbox.begin(&plan.batch) }
            return verdict
        }
        if difference != 0 { total.add(difference, ordering: .relaxed) }
        if hasBatch { deliver(index, &plan.batch) }
        if case .accepted(let effect) = verdict, effect.added + effect.refreshed > 0,
            registration.path.isEmpty, let connection = FlowCode.connection(registration.flow)
        {
            note(connection: connection, shard: index, tag: tag)
        }
        return verdict
    }

    /// Removes all bindings of a user, as when the user is removed; `user` is unescaped.
    ///
    /// - Returns: how many there were; nil when the journal has no room, and none was removed.
    @discardableResult
    public func removeBindings(user: UnsafeRawBufferPointer, domain: Int) -> Int? {
        guard user.count <= Self.maximumUserSize, has(domain) else { return 0 }
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        // A Call-ID is never empty, so that the order of requests stands in no way.
        let registration = Registration(
            domain: domain, user: user, callID: nothing, sequenceNumber: 0, flow: nothing, now: clock(),
            removesAll: true, maximumContacts: 0, repeatWindow: 0)
        var plan = RegistrationPlan()
        guard case .accepted(let effect) = register(registration, &plan) else { return nil }
        return effect.removed
    }

    // MARK: Domains

    /// The domains whose users have bindings here.
    public var domains: DomainTable { known.withLock { $0.domains } }

    /// Goes on with further domains, or with other aliases of those there are; to be called before a request
    /// names them.
    ///
    /// - Parameter domains: the domains there are, in their order and with their names, and new ones behind them.
    public func extend(_ domains: DomainTable) {
        known.withLock { known in
            let names = domains.domains.map { Array($0.name.utf8) }
            precondition(
                names.count <= 65_536 && names.starts(with: known.names),
                "bindings are kept by the index of their domain")
            known = (domains, names)
        }
        domainCount.store(domains.domains.count, ordering: .releasing)
    }

    func has(_ domain: Int) -> Bool { domain >= 0 && domain < domainCount.load(ordering: .acquiring) }

    // MARK: Journal

    /// Hands changes that were taken from a shard's outbox to the journal, and those that come meanwhile; no lock is held.
    func deliver(_ shard: Int, _ batch: inout [UInt8]) {
        guard let journal else { return }
        var more = true
        while more {
            let taken = JournalOutbox.forEach(batch) { deliver($0, to: journal) }
            more = shards[shard].withLock { $0.outbox.end(&batch, taken: taken) }
        }
    }

    private func deliver(_ change: JournalOutbox.Change, to journal: any BindingJournal) -> Bool {
        withAddressOfRecord(change.domain, change.user) { address in
            switch change.kind {
            case .remove: return journal.remove(addressOfRecord: address, key: change.content)
            case .removeAll: return journal.removeAll(addressOfRecord: address)
            case .upsert: break
            }
            guard let base = change.content.baseAddress else { return true }
            // The bytes are read only; a binding can be written too when it lies in an entry.
            let binding = StoredBinding(base: UnsafeMutableRawPointer(mutating: base))
            return withUnsafeTemporaryAllocation(byteCount: JournalFlow.longest, alignment: 8) { memory in
                let flow = JournalFlow(
                    flow: FlowCode.read(binding.flow), isBehindNAT: binding.flags.contains(.behindNAT),
                    isOutbound: binding.flags.contains(.outbound), generation: binding.generation,
                    wakesByPush: binding.flags.contains(.push))
                let count = flow.write(into: memory)
                return binding.withKey { key in
                    journal.upsert(
                        JournalRecord(
                            addressOfRecord: address, key: key, contact: binding.contact,
                            parameters: binding.parameters,
                            callID: binding.callID, sequenceNumber: binding.sequenceNumber,
                            preference: binding.preference == Preference.absent ? nil : binding.preference,
                            expires: binding.expires, path: binding.path,
                            flow: UnsafeRawBufferPointer(rebasing: memory[0..<count])))
                }
            }
        }
    }

    /// Calls `body` with the canonical address of record, `sip:user@domain`.
    func withAddressOfRecord<Result>(
        _ domain: Int, _ user: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let name = known.withLock { $0.names[domain] }
        return withUnsafeTemporaryAllocation(byteCount: user.count + name.count + 5, alignment: 1) { memory in
            var writer = ByteWriter(into: memory)
            writer.append("sip:")
            writer.append(user)
            writer.append(UInt8(ascii: "@"))
            writer.append(name)
            return body(writer.bytes)
        }
    }

    // MARK: Statistics

    /// What the table holds.
    public struct Statistics: Sendable, Hashable {
        /// Addresses of record.
        public var addresses = 0
        /// Bindings, those that have ended and were not swept yet included.
        public var bindings = 0
        /// The addresses in the fullest shard, and in the emptiest.
        public var largestShard = 0
        public var smallestShard = Int.max
        /// Shards whose changes the journal had no room for.
        public var blockedShards = 0
    }

    /// Counts what the table holds, shard by shard.
    public var statistics: Statistics {
        var result = Statistics()
        for i in 0..<Self.shardCount {
            shards[i].withLock { shard in
                result.addresses += shard.count
                result.bindings += shard.bindingCount
                result.largestShard = max(result.largestShard, shard.count)
                result.smallestShard = min(result.smallestShard, shard.count)
                if shard.outbox.isBlocked { result.blockedShards += 1 }
            }
        }
        return result
    }
}
