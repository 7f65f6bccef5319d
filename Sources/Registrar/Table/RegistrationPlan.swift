import SIP

/// What a registration does to each binding of its address of record, found before anything is touched: the request is
/// carried out whole or not at all (RFC 3261 §10.3).
///
/// A lane has one and uses it again for each request; it holds memory that has grown to what requests need.
struct RegistrationPlan: ~Copyable {
    /// What the contacts of the request want.
    var changes: [Registration.Change] = []
    /// The Contact fields of the answer.
    var answer = ByteWriter(capacity: 1_024)
    /// Changes taken from a shard's outbox.
    var batch: [UInt8] = []

    /// A binding before or after the request.
    struct Item {
        /// The binding as it is; nil for a new one. Valid under the lock.
        var old: StoredBinding?
        /// The index of the change that sets or removes it; nil when none does.
        var change: Int?
        var fate: Fate
    }

    enum Fate {
        /// Stays as it is.
        case kept
        /// Was set by this very request before.
        case repeated
        /// Is set anew.
        case replaced
        /// Is made.
        case added
        /// Is removed by the request.
        case removed
        /// Had ended.
        case expired
        /// Was removed while others are loaded, and stays as a mark of that.
        case tombstone
        /// Becomes such a mark, though it was not known: it may be loaded yet.
        case buried

        /// Whether the binding is there when the request is done.
        var isPresent: Bool {
            switch self {
            case .kept, .repeated, .replaced, .added: true
            case .removed, .expired, .tombstone, .buried: false
            }
        }
    }

    private(set) var items: [Item] = []
    private(set) var effect = RegistrationEffect(moment: WallTime(seconds: 0))
    /// Whether anything is to be written.
    private(set) var changesAnything = false

    /// Finds what a registration does; nil when it can be done.
    ///
    /// - Parameters:
    ///   - entry: the bindings as they are.
    ///   - isLoading: whether bindings may be loaded yet, so that removals must be remembered.
    mutating func prepare(
        _ registration: Registration, _ entry: AddressEntry?, isLoading: Bool
    ) -> RegistrationVerdict? {
        items.removeAll(keepingCapacity: true)
        effect = RegistrationEffect(moment: registration.now)
        if let entry {
            for binding in entry.bindings {
                let fate: Fate =
                    binding.isCurrent(registration.now) ? .kept : binding.isTombstone ? .tombstone : .expired
                items.append(Item(old: binding, change: nil, fate: fate))
            }
        }
        if !registration.removesAll { assignGenerations(registration) }
        if registration.removesAll {
            if let failure = removeAll(registration) { return failure }
        } else {
            for index in changes.indices {
                if let failure = apply(index, registration, isLoading: isLoading) { return failure }
            }
        }
        summarise(registration, isLoading: isLoading)
        return nil
    }

    /// Says for each contact of an instance which temporary GRUUs are valid (RFC 5627 §5.1): those from before, unless the
    /// binding that it takes the place of was set under another Call-ID; and those of the instance's other flows.
    private mutating func assignGenerations(_ registration: Registration) {
        for index in changes.indices where !changes[index].identity.instance.isEmpty && changes[index].expires > 0 {
            changes[index].generation = generation(of: changes[index], registration)
        }
    }

    private func generation(of change: Registration.Change, _ registration: Registration) -> UInt32 {
        var latest: StoredBinding?
        var known: UInt32 = 0
        for item in items {
            guard item.fate == .kept, let old = item.old, old.identity.isSameInstance(as: change.identity) else {
                continue
            }
            if old.generation != 0 { known = old.generation }
            let isSameFlow = old.flags.contains(.outbound) && old.identity.isSameFlow(as: change.identity)
            guard !change.isFlow || isSameFlow else { continue }
            if latest.map({ $0.registered <= old.registered }) ?? true { latest = old }
        }
        if let latest, !equal(latest.callID, registration.callID) { return registration.freshGeneration }
        return known == 0 ? registration.freshGeneration : known
    }

    /// `Contact: *` (RFC 3261 §10.3 step 6).
    private mutating func removeAll(_ registration: Registration) -> RegistrationVerdict? {
        for index in items.indices where items[index].fate == .kept {
            if let old = items[index].old, equal(old.callID, registration.callID),
                registration.sequenceNumber <= old.sequenceNumber
            {
                return .outOfOrder
            }
            items[index].fate = .removed
        }
        return nil
    }

    /// One contact (RFC 3261 §10.3 step 7).
    private mutating func apply(
        _ index: Int, _ registration: Registration, isLoading: Bool
    ) -> RegistrationVerdict? {
        let change = changes[index]
        guard let found = find(change) else {
            if change.expires > 0 {
                items.append(Item(old: nil, change: index, fate: .added))
            } else if isLoading, items.count < AddressEntry.largestBindingCount {
                items.append(Item(old: nil, change: index, fate: .buried))
            }
            return nil
        }
        if let earlier = items[found].change {
            return same(changes[earlier], change) ? nil : .contradiction
        }
        guard let old = items[found].old else { return nil }
        if equal(old.callID, registration.callID), registration.sequenceNumber <= old.sequenceNumber {
            guard registration.sequenceNumber == old.sequenceNumber, isRepeat(change, of: old) else {
                return .outOfOrder
            }
            items[found].fate = .repeated
            return nil
        }
        items[found].change = index
        items[found].fate = change.expires == 0 ? .removed : .replaced
        return nil
    }

    /// The binding that a change means: of a flow the one with its number and instance (RFC 5626 §6), else the one with the
    /// same bytes, or else one that is equivalent (RFC 3261 §19.1.4).
    private func find(_ change: Registration.Change) -> Int? {
        guard !change.isFlow else {
            return items.indices.first { index in
                let item = items[index]
                return item.fate.isPresent && isFlow(item) && identity(of: item).isSameFlow(as: change.identity)
            }
        }
        for index in items.indices
        where items[index].fate.isPresent && !isFlow(items[index])
            && equal(contact(of: items[index]), change.contact)
        {
            return index
        }
        guard items.contains(where: { $0.fate.isPresent && !isFlow($0) }) else { return nil }
        let uri = ContactURI(change.contact)
        for index in items.indices where items[index].fate.isPresent && !isFlow(items[index]) {
            if uri.isEquivalent(to: ContactURI(contact(of: items[index]))) { return index }
        }
        return nil
    }

    private func isFlow(_ item: Item) -> Bool {
        if let index = item.change { return changes[index].isFlow }
        return item.old?.flags.contains(.outbound) == true
    }

    private func identity(of item: Item) -> FlowIdentity {
        if let index = item.change { return changes[index].identity }
        return item.old?.identity ?? .none
    }

    private func contact(of item: Item) -> UnsafeRawBufferPointer {
        if let index = item.change { return changes[index].contact }
        return item.old?.contact ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private func same(_ a: Registration.Change, _ b: Registration.Change) -> Bool {
        a.expires == b.expires && a.preference == b.preference && equal(a.contact, b.contact)
            && equal(a.parameters, b.parameters)
    }

    /// Whether a change says what made a binding. Of one that was loaded the expiration granted is not known any more.
    private func isRepeat(_ change: Registration.Change, of old: StoredBinding) -> Bool {
        guard old.preference == change.preference, equal(old.contact, change.contact),
            equal(old.parameters, change.parameters)
        else { return false }
        if old.flags.contains(.restored) { return change.expires > 0 }
        return old.registered.adding(seconds: change.expires) == old.expires
    }

    private mutating func summarise(_ registration: Registration, isLoading: Bool) {
        var repeats = 0
        var moment = WallTime(seconds: 0)
        changesAnything = registration.removesAll && isLoading
        for item in items {
            switch item.fate {
            case .kept, .tombstone: continue
            case .repeated:
                repeats += 1
                if let old = item.old { moment = max(moment, old.registered) }
                continue
            case .replaced: effect.refreshed += 1
            case .added: effect.added += 1
            case .removed: effect.removed += 1
            case .expired, .buried: break
            }
            changesAnything = true
        }
        effect.isRepeat =
            repeats > 0 && effect.added == 0 && effect.refreshed == 0 && effect.removed == 0
        if effect.isRepeat, moment.seconds(until: registration.now) <= registration.repeatWindow,
            moment <= registration.now
        {
            effect.moment = moment
        }
    }

    /// Bindings that are there when the request is done.
    var presentCount: Int { items.count { $0.fate.isPresent } }
}
