/// An allocation (RFC 8656 §6): what a client has at a server.
struct TURNAllocation: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A relayed transport address.
    struct Relay: Hashable, Sendable {
        var address: STUNAddress
        var expires: Instant
    }

    /// A host that may send to the client (RFC 8656 §9).
    struct Permission: Hashable, Sendable {
        var isIPv6: Bool
        var upper: UInt64
        var lower: UInt64
        var expires: Instant

        func isFor(_ host: STUNAddress) -> Bool {
            lower == host.lower && upper == host.upper && isIPv6 == host.isIPv6
        }
    }

    /// A number that stands for a peer (RFC 8656 §12).
    struct Channel: Hashable, Sendable {
        var number: UInt16
        var peer: STUNAddress
        var expires: Instant
    }

    let path: TURNPath
    /// Who has made it: no one else may change it (RFC 8656 §5).
    let user: [UInt8]
    /// Whom it is counted for.
    let account: [UInt8]
    /// The request that has made it: who sends it again is answered again (RFC 8656 §7.2).
    let transaction: STUNTransactionID
    /// The port beside its own that is kept for another allocation.
    let token: UInt64?
    let generation: UInt32
    /// What peers send to it.
    let transport: TURNTransport
    var ip4: Relay?
    var ip6: Relay?
    /// When it is looked at next, to see whether it has ended.
    var noted: Instant
    /// In the order in which they were made; those that are over are taken out when others need their room.
    var permissions: [Permission] = []
    var channels: [Channel] = []
    /// Connections with peers (RFC 6062).
    var connections: [TURNPeerConnection] = []

    subscript(family: TURNFamily) -> Relay? {
        get { family == .ip4 ? ip4 : ip6 }
        set { if family == .ip4 { ip4 = newValue } else { ip6 = newValue } }
    }

    /// The families that it has relays of.
    var families: [TURNFamily] { TURNFamily.allCases.filter { self[$0] != nil } }

    /// When the first of its relays ends.
    var expires: Instant? {
        guard let first = ip4?.expires else { return ip6?.expires }
        return min(first, ip6?.expires ?? first)
    }

    /// Whether it has a relay of a family.
    func isOpen(_ family: TURNFamily, now: Instant) -> Bool {
        guard let expires = family == .ip4 ? ip4?.expires : ip6?.expires else { return false }
        return expires > now
    }

    /// Whether a host may send.
    func permits(_ host: STUNAddress, now: Instant) -> Bool {
        // By places, as elsewhere on the way of data: an iterator would count a reference for each datagram.
        for place in permissions.indices where permissions[place].isFor(host) {
            return permissions[place].expires > now
        }
        return false
    }

    /// The peer of a channel.
    func peer(ofChannel number: UInt16, now: Instant) -> STUNAddress? {
        for place in channels.indices where channels[place].number == number {
            return channels[place].expires > now ? channels[place].peer : nil
        }
        return nil
    }

    /// The channel of a peer.
    func channel(of peer: STUNAddress, now: Instant) -> UInt16? {
        for place in channels.indices where channels[place].peer == peer {
            return channels[place].expires > now ? channels[place].number : nil
        }
        return nil
    }

    /// Lets hosts send, or renews that; false when there is no room for them all, and then none is let.
    mutating func permit(_ hosts: [STUNAddress], most: Int, now: Instant) -> Bool {
        permissions.removeAll { $0.expires <= now }
        let new = Set(hosts.map { $0.with(port: 0) }).filter { host in !permissions.contains { $0.isFor(host) } }
        guard permissions.count + new.count <= most else { return false }
        let expires = now + TURNServerConfiguration.permissionLifetime
        for index in permissions.indices where hosts.contains(where: { permissions[index].isFor($0) }) {
            permissions[index].expires = expires
        }
        for host in new {
            permissions.append(
                Permission(isIPv6: host.isIPv6, upper: host.upper, lower: host.lower, expires: expires))
        }
        return true
    }

    /// Takes a relay away with all that belongs to its family (RFC 8656 §8.1).
    mutating func close(_ family: TURNFamily) {
        self[family] = nil
        permissions.removeAll { $0.isIPv6 == (family == .ip6) }
        channels.removeAll { $0.peer.family == family }
    }
}

/// When allocations are to be looked at: one list for each second.
struct ExpiryRing: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Seconds ahead that can be told apart; what is later is looked at sooner, and noted again.
    static let span = 4_096

    struct Entry: Hashable, Sendable {
        var slot: Int
        var generation: UInt32
    }

    private let origin: Instant
    private var lists: [[Entry]] = Array(repeating: [], count: span)
    /// The second up to which all was looked at.
    private var second: Int64 = 0
    private(set) var count = 0

    init(origin: Instant) { self.origin = origin }

    /// The second behind an instant, since the origin.
    private func second(behind instant: Instant) -> Int64 {
        let (seconds, fraction) = (instant - origin).components
        return seconds + (fraction > 0 ? 1 : 0)
    }

    /// Notes an allocation for an instant, and returns the one at which it will be looked at.
    mutating func insert(_ entry: Entry, at instant: Instant) -> Instant {
        let due = min(max(second(behind: instant), second + 1), second + Int64(Self.span) - 1)
        lists[Int(due) % Self.span].append(entry)
        count += 1
        return origin + .seconds(due)
    }

    /// The next second of which there may be something; nil when there is nothing at all.
    var deadline: Instant? { count == 0 ? nil : origin + .seconds(second + 1) }

    /// Takes out what is due.
    mutating func takeDue(_ now: Instant) -> [Entry] {
        let reached = (now - origin).components.seconds
        guard count > 0 else {
            second = max(second, reached)
            return []
        }
        var due: [Entry] = []
        var steps = 0
        while second < reached, steps < Self.span {
            second += 1
            steps += 1
            let index = Int(second) % Self.span
            due += lists[index]
            lists[index] = []
        }
        second = max(second, reached)
        count -= due.count
        return due
    }
}
