import SIP

// Carrying out a registration, under the shard's lock.
extension BindingShard {
    /// Carries a registration out, or says why not; writes the Contact fields of the answer into the plan.
    mutating func register(
        _ registration: Registration, number: Int, tag: UInt32, _ plan: inout RegistrationPlan, _ admission: Admission,
        isLoading: Bool, isJournaled: Bool
    ) -> RegistrationVerdict {
        let slot = find(tag, registration.domain, registration.user)
        let entry = slot.map { slots[$0].entry }
        if let failure = plan.prepare(registration, entry, isLoading: isLoading) { return failure }
        if plan.effect.added > 0 {
            if plan.presentCount > registration.maximumContacts { return .tooManyContacts }
            if admission != .open { return .deferred(admission) }
        }
        if plan.changesAnything {
            if outbox.isBlocked { return .deferred(.lagging) }
            if isJournaled, registration.removesAll { outbox.removeAll(registration.domain, registration.user) }
            if let slot, let entry, updateInPlace(registration, entry, plan, isJournaled: isJournaled) {
                summarise(slot)
            } else {
                rebuild(registration, slot, tag, plan, isLoading: isLoading, isJournaled: isJournaled)
            }
            spreadGenerations(registration, tag, plan, isJournaled: isJournaled)
        }
        plan.answer.removeAll()
        if let index = plan.changesAnything ? find(tag, registration.domain, registration.user) : slot {
            writeContacts(
                slots[index].entry, registration, number, tag, plan.effect.moment, into: &plan.answer)
        }
        return .accepted(plan.effect)
    }

    /// Refreshes bindings where they lie; false, and nothing is done, when something else is wanted or does not fit.
    private mutating func updateInPlace(
        _ registration: Registration, _ entry: AddressEntry, _ plan: borrowing RegistrationPlan, isJournaled: Bool
    ) -> Bool {
        if registration.removesAll { return false }
        for item in plan.items {
            switch item.fate {
            case .kept, .repeated, .tombstone: continue
            case .replaced:
                guard let old = item.old, let change = item.change,
                    old.canBeUpdated(registration.parts(plan.changes[change]))
                else { return false }
            default: return false
            }
        }
        for item in plan.items {
            guard item.fate == .replaced, let old = item.old, let change = item.change else { continue }
            old.update(registration.parts(plan.changes[change]))
            if isJournaled { outbox.upsert(registration.domain, registration.user, old) }
        }
        return true
    }

    /// Writes the entry anew with what the plan says, and puts it in the place of the old one.
    private mutating func rebuild(
        _ registration: Registration, _ slot: Int?, _ tag: UInt32, _ plan: borrowing RegistrationPlan, isLoading: Bool,
        isJournaled: Bool
    ) {
        var size = 0
        for item in plan.items {
            size += max(item.old?.size ?? 0, item.change.map { registration.parts(plan.changes[$0]).size } ?? 0)
        }
        let old = slot.map { slots[$0].entry }
        let isCleared = isLoading && (registration.removesAll || old?.isCleared == true)
        let entry = AddressEntry(
            domain: registration.domain, user: registration.user, bindingsSize: size, isCleared: isCleared)
        bindingCount -= old?.bindingCount ?? 0
        for item in plan.items {
            write(item, registration, into: entry, plan, isLoading: isLoading, isJournaled: isJournaled)
        }
        bindingCount += entry.bindingCount
        if entry.bindingCount == 0, !isCleared {
            entry.deallocate()
            if let slot { remove(slot) }
        } else if let slot {
            replace(slot, entry)
            summarise(slot)
        } else {
            summarise(insert(entry, tag))
        }
    }

    /// Writes what becomes of one binding into the new entry, and the change for the journal.
    private mutating func write(
        _ item: RegistrationPlan.Item, _ registration: Registration, into entry: AddressEntry,
        _ plan: borrowing RegistrationPlan, isLoading: Bool, isJournaled: Bool
    ) {
        let domain = registration.domain
        let user = registration.user
        switch item.fate {
        case .kept, .repeated:
            if let old = item.old { entry.append(copying: old) }
        case .tombstone:
            if isLoading, let old = item.old { entry.append(copying: old) }
        case .removed, .expired:
            guard let old = item.old else { return }
            if isJournaled, !registration.removesAll || item.fate == .expired {
                old.withKey { outbox.remove(domain, user, key: $0) }
            }
            if isLoading { entry.append(copying: old).expires = WallTime(seconds: 0) }
        case .buried:
            guard let change = item.change else { return }
            var parts = registration.parts(plan.changes[change])
            parts.expires = WallTime(seconds: 0)
            let mark = entry.append(parts)
            if isJournaled { mark.withKey { outbox.remove(domain, user, key: $0) } }
        case .replaced, .added:
            guard let change = item.change else { return }
            let binding = entry.append(registration.parts(plan.changes[change]))
            guard isJournaled else { return }
            if let old = item.old, !old.hasSameKey(as: binding) {
                old.withKey { outbox.remove(domain, user, key: $0) }
            }
            outbox.upsert(domain, user, binding)
        }
    }

    /// Where an instance has begun a new generation, its other bindings follow (RFC 5627 §5.1).
    private mutating func spreadGenerations(
        _ registration: Registration, _ tag: UInt32, _ plan: borrowing RegistrationPlan, isJournaled: Bool
    ) {
        guard plan.changes.contains(where: { $0.generation == registration.freshGeneration && $0.generation != 0 }),
            let slot = find(tag, registration.domain, registration.user)
        else { return }
        for change in plan.changes where change.generation == registration.freshGeneration {
            for binding in slots[slot].entry.bindings
            where binding.isCurrent(registration.now) && binding.generation != change.generation
                && binding.identity.isSameInstance(as: change.identity)
            {
                binding.generation = change.generation
                if isJournaled { outbox.upsert(registration.domain, registration.user, binding) }
            }
        }
    }

    /// Writes all current bindings as Contact fields (RFC 3261 §10.3 step 8).
    ///
    /// - Parameter moment: the moment from which the expirations count; before now for a repeat.
    private func writeContacts(
        _ entry: AddressEntry, _ registration: Registration, _ shard: Int, _ tag: UInt32, _ moment: WallTime,
        into writer: inout ByteWriter
    ) {
        var index: UInt16 = 0
        for binding in entry.bindings where binding.isCurrent(registration.now) {
            writer.append("Contact: <")
            writer.append(binding.contact)
            writer.append(UInt8(ascii: ">"))
            writer.append(binding.parameters)
            registration.gruus?.write(binding, index: index, shard: shard, tag: tag, into: &writer)
            index &+= 1
            if binding.preference != Preference.absent {
                writer.append(";q=")
                Preference.write(binding.preference, into: &writer)
            }
            writer.append(";expires=")
            // No more than was granted, when the answer speaks of a moment before the binding was set.
            let granted = binding.registered.seconds(until: binding.expires)
            writer.append(decimal: UInt64(min(granted, moment.seconds(until: binding.expires))))
            writer.append("\r\n")
        }
    }
}
