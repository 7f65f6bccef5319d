import SIP

/// A REGISTER that was checked as far as it can be without the bindings: what it asks for. It borrows from the message.
struct Registration {
    /// The index of the domain.
    var domain: Int
    /// The user of the address of record, unescaped.
    var user: UnsafeRawBufferPointer
    var callID: UnsafeRawBufferPointer
    var sequenceNumber: UInt32
    /// The way the request came, as `FlowCode` writes it.
    var flow: UnsafeRawBufferPointer
    /// The proxies that the request came through and that want to be passed again (RFC 3327).
    var path = UnsafeRawBufferPointer(start: nil, count: 0)
    var now: WallTime
    /// Whether the one contact is "*": all bindings go.
    var removesAll = false
    /// Whether the answer says that flows are kept.
    var confirmsOutbound = false
    /// A number that no generation of temporary GRUUs is likely to have had; 0 when none can begin.
    var freshGeneration: UInt32 = 0
    /// Writes GRUUs into the answer; nil when they are not asked for.
    var gruus: GRUUWriter?
    /// Bindings that the address of record may have.
    var maximumContacts: Int
    /// Seconds within which a repeated request is answered as at first.
    var repeatWindow: UInt32

    /// What a contact wants.
    struct Change {
        var contact: UnsafeRawBufferPointer
        /// Its parameters but for `q` and `expires`, each with its ";".
        var parameters: UnsafeRawBufferPointer
        /// The `q` in thousandths, or `Preference.absent`.
        var preference: UInt16
        /// The expiration that is granted in seconds; 0 removes the binding.
        var expires: UInt32
        /// The instance and the number of the flow, as the request states them.
        var identity = FlowIdentity.none
        /// The generation of the temporary GRUUs of its instance; 0 when it has none.
        var generation: UInt32 = 0
        /// Whether it makes a flow of an instance, told by these and not by the contact (RFC 5626 §6).
        var isFlow = false
        var isBehindNAT: Bool
        /// What it says of push notifications.
        var push: PushContact?
        /// Whether the user agent can be woken.
        var wakesByPush = false
        /// Whether the flow leads to the contact: it is a SIP URI.
        var hasFlow: Bool

        var flags: StoredBinding.Flags {
            var flags: StoredBinding.Flags = isBehindNAT ? .behindNAT : []
            if isFlow { flags.insert(.outbound) }
            if wakesByPush { flags.insert(.push) }
            return flags
        }
    }

    /// The binding that a change makes.
    func parts(_ change: Change) -> StoredBinding.Parts {
        StoredBinding.Parts(
            contact: change.contact, parameters: change.parameters, callID: callID,
            flow: change.hasFlow ? flow : UnsafeRawBufferPointer(start: nil, count: 0), path: path,
            sequenceNumber: sequenceNumber, preference: change.preference, expires: now.adding(seconds: change.expires),
            registered: now, flags: change.flags, generation: change.generation)
    }
}

/// Whether new bindings may be made.
enum Admission {
    case open
    /// The journal is behind: refreshes only.
    case lagging
    /// The table holds all that it may: refreshes only.
    case full
}

/// What became of a registration.
enum RegistrationVerdict: Equatable {
    case accepted(RegistrationEffect)
    /// A binding of the same Call-ID was set by this CSeq or a later one (RFC 3261 §10.3 step 7).
    case outOfOrder
    /// One contact is there twice and wants different things.
    case contradiction
    /// There would be more bindings than allowed.
    case tooManyContacts
    /// Not now: the journal is behind, or the table full.
    case deferred(Admission)
}

/// What an accepted registration did.
struct RegistrationEffect: Equatable {
    var added = 0
    var refreshed = 0
    var removed = 0
    /// The moment that the answer speaks of: now, or for a repeat the one of the first answer.
    var moment: WallTime
    /// Whether all of it had been done before.
    var isRepeat = false
}
