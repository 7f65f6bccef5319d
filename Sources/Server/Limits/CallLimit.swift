import SIP
import Synchronization

/// Counts the calls in progress of each user, over all lanes.
final class CallLimit: Sendable {
    private let counts: [Part]

    /// A part of the counts.
    private final class Part: Sendable {
        let users = Mutex<[UInt64: Int]>([:])
    }

    init() { counts = (0..<16).map { _ in Part() } }

    private func part(_ user: UInt64) -> Part { counts[Int(user >> 60)] }

    /// A call begins; false when the user has as many as are allowed.
    func begin(_ user: UInt64, limit: Int) -> Bool {
        part(user).users.withLock { users in
            let count = users[user] ?? 0
            guard count < limit else { return false }
            users[user] = count + 1
            return true
        }
    }

    /// A call has ended.
    func end(_ user: UInt64) {
        part(user).users.withLock { users in
            guard let count = users[user] else { return }
            users[user] = count > 1 ? count - 1 : nil
        }
    }

    /// Calls in progress of all users.
    var total: Int { counts.reduce(0) { $0 + $1.users.withLock { $0.values.reduce(0, +) } } }
}

/// The calls in progress that a lane has let through, and whose they are.
///
/// A call is an INVITE of a user: it is told from others by Call-ID, the caller's tag and the number of the INVITE, and once it is
/// answered by the callee's tag too, so that no request of another call ends it. It ends with a refusal, or when a BYE of its dialog
/// has been answered so that the dialog is over (RFC 3261 §15, RFC 5057 §5.1). One that ends unseen, since its phones are gone or talk
/// past this server, is forgotten when nothing was heard of it for its lifetime.
struct CallLedger {
    private struct Call {
        let user: UInt64
        /// The number of the INVITE.
        let cSeq: UInt32
        /// The hash of the callee's tag; nil while it rings.
        var callee: UInt64?
        var heard: ContinuousClock.Instant
        /// When a BYE was refused in a way that leaves the dialog as it was.
        var dismissed: ContinuousClock.Instant?
    }

    /// Nearly always one: who sends several INVITEs of one Call-ID and tag at once has them counted one by one.
    private enum Calls {
        case one(Call)
        case many([Call])

        var all: [Call] {
            switch self {
            case .one(let call): [call]
            case .many(let calls): calls
            }
        }
    }

    /// The calls that a lane keeps; further ones are let through uncounted.
    static let capacity = 100_000
    /// How long a call is counted behind a BYE that was refused, such as by 500, when nothing else is heard of it: the phone that sent
    /// it takes the call for ended (RFC 3261 §15.1.1), and a BYE alone proves nothing.
    static let dismissalTime: Duration = .seconds(300)

    private let limit: CallLimit
    private var calls: [UInt64: Calls] = [:]
    private let hash = SipHash.random()
    /// Calls that are counted.
    private(set) var count = 0

    init(_ limit: CallLimit) { self.limit = limit }

    // MARK: What names a call

    /// The key of the calls of a caller's tag.
    private func key(_ view: MessageView, callerTag: ByteRange) -> UInt64? {
        guard let callID = try? view.callID else { return nil }
        return hash(view.bytes(callID)).0 ^ hash(view.bytes(callerTag)).1
    }

    private func tag(_ view: MessageView, _ tag: ByteRange) -> UInt64 { hash(view.bytes(tag)).0 }

    /// Which call a request in a dialog is of, and the callee's tag, when one of both sends it; nil outside of dialogs.
    private func place(_ view: MessageView, isOfCaller: Bool) -> (key: UInt64, callee: UInt64)? {
        guard let from = try? view.from, let to = try? view.to, !to.tag.isEmpty,
            let key = key(view, callerTag: isOfCaller ? from.tag : to.tag)
        else { return nil }
        return (key, tag(view, isOfCaller ? to.tag : from.tag))
    }

    // MARK: Counting

    /// An INVITE of a user, who has proven to be that; false when the user has as many calls as are allowed. Each counts, also where
    /// several have one Call-ID: each may be answered.
    mutating func begin(_ view: MessageView, user: UInt64, limit most: Int, now: ContinuousClock.Instant) -> Bool {
        guard most > 0, count < Self.capacity, let from = try? view.from, let cSeq = try? view.cSeq.number,
            let key = key(view, callerTag: from.tag)
        else { return true }
        guard limit.begin(user, limit: most) else { return false }
        add(Call(user: user, cSeq: cSeq, heard: now), key)
        return true
    }

    /// The INVITE was answered 2xx: who sends such a response is the callee. Another than the first makes another call of it, as
    /// when a fork has two answers: that is counted, over the limit if need be.
    mutating func answered(_ view: MessageView, now: ContinuousClock.Instant) {
        guard count > 0, let from = try? view.from, let to = try? view.to, let cSeq = try? view.cSeq.number,
            let key = key(view, callerTag: from.tag), let first = calls[key]?.all.first(where: { $0.cSeq == cSeq })
        else { return }
        let callee = tag(view, to.tag)
        // One that comes again is known.
        guard !change(key, { $0.cSeq == cSeq && $0.callee == callee }) else { return }
        let isPending = change(key) { call in
            guard call.cSeq == cSeq, call.callee == nil else { return false }
            call.callee = callee
            call.heard = now
            return true
        }
        guard !isPending, count < Self.capacity else { return }
        _ = limit.begin(first.user, limit: .max)
        add(Call(user: first.user, cSeq: cSeq, callee: callee, heard: now), key)
    }

    /// A request of a call that is there.
    mutating func hear(_ view: MessageView, now: ContinuousClock.Instant) {
        guard count > 0, view.method != .bye else { return }
        if !hear(view, isOfCaller: true, now) { _ = hear(view, isOfCaller: false, now) }
    }

    private mutating func hear(_ view: MessageView, isOfCaller: Bool, _ now: ContinuousClock.Instant) -> Bool {
        guard let place = place(view, isOfCaller: isOfCaller) else { return false }
        return change(place.key) { call in
            guard call.callee == nil || call.callee == place.callee else { return false }
            call.heard = now
            call.dismissed = nil
            return true
        }
    }

    /// The INVITE was refused, or could not be forwarded.
    mutating func end(_ view: MessageView) {
        guard count > 0, let from = try? view.from, let cSeq = try? view.cSeq.number,
            let key = key(view, callerTag: from.tag)
        else { return }
        remove(key) { $0.cSeq == cSeq && $0.callee == nil }
    }

    /// A BYE has its final response: the call is over, unless that says otherwise (RFC 5057 §5.1).
    mutating func ended(_ view: MessageView, by status: StatusCode, now: ContinuousClock.Instant) {
        // With credentials it comes again.
        guard count > 0, status != 401, status != 407 else { return }
        if !ended(view, isOfCaller: true, status, now) { _ = ended(view, isOfCaller: false, status, now) }
    }

    private mutating func ended(
        _ view: MessageView, isOfCaller: Bool, _ status: StatusCode, _ now: ContinuousClock.Instant
    ) -> Bool {
        guard let place = place(view, isOfCaller: isOfCaller) else { return false }
        if status.isSuccess || RefusalEffect(status) != .transaction {
            return remove(place.key) { $0.callee == place.callee }
        }
        return change(place.key) { call in
            guard call.callee == place.callee else { return false }
            call.dismissed = now
            return true
        }
    }

    /// Forgets the calls of which nothing was heard for a time.
    mutating func sweep(olderThan lifetime: Duration, now: ContinuousClock.Instant) {
        for (key, found) in calls {
            for _ in found.all {
                remove(key) { call in
                    now - call.heard > lifetime || call.dismissed.map { now - $0 > Self.dismissalTime } == true
                }
            }
        }
    }

    // MARK: Keeping

    private mutating func add(_ call: Call, _ key: UInt64) {
        count += 1
        switch calls[key] {
        case nil: calls[key] = .one(call)
        case let found?: calls[key] = .many(found.all + [call])
        }
    }

    /// Changes the first call of a key for which `body` says true; whether there was one.
    private mutating func change(_ key: UInt64, _ body: (inout Call) -> Bool) -> Bool {
        switch calls[key] {
        case nil: return false
        case .one(var call)?:
            guard body(&call) else { return false }
            calls[key] = .one(call)
            return true
        case .many(var all)?:
            for index in all.indices where body(&all[index]) {
                calls[key] = .many(all)
                return true
            }
            return false
        }
    }

    /// Takes the first call of a key out that fits; whether there was one.
    @discardableResult
    private mutating func remove(_ key: UInt64, where fits: (Call) -> Bool) -> Bool {
        guard var all = calls[key]?.all, let index = all.firstIndex(where: fits) else { return false }
        limit.end(all.remove(at: index).user)
        count -= 1
        switch all.count {
        case 0: calls[key] = nil
        case 1: calls[key] = .one(all[0])
        default: calls[key] = .many(all)
        }
        return true
    }
}
