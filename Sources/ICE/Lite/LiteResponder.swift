/// One lite end of ICE for a server (RFC 8445 §2.5): it answers connectivity checks, makes none, and says from where they came that
/// proved to be the peer's, and where the peer wants its data.
///
/// It has no sockets: its owner gives it what comes and sends what it gives back. A check proves its source when it is made with the
/// password that the peer was told. One of a USE-CANDIDATE names the pair that is used (RFC 8445 §8.1.1); of several the
/// latest, unless it is of less priority than the one before, as with peers that nominate all pairs (RFC 5245 §8.1.1.2), while
/// that one is still being checked.
public struct LiteResponder: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// Checks that are looked at in a second: a peer makes one each 5 ms at most while it looks for a pair (RFC 8445 §14.2), and few
    /// afterwards. Those of a flood cost no hashing.
    public static let checksPerSecond = 200
    /// Addresses of the peer that are believed at once, of both components. Checks from further ones are not answered.
    public static let mostSources = 16
    /// Checks that are remembered, so that a copy of one from another address proves nothing.
    public static let rememberedChecks = 64
    /// How long an address is believed without a check: that of the consent of the peer (RFC 7675 §5.1).
    public static let consentTime = Duration.seconds(30)
    /// How long a nominated pair holds against one of less priority without being checked: twice what a peer leaves between
    /// two checks of a pair in use (RFC 7675 §5.1), and a little.
    public static let nominationTime = Duration.seconds(13)

    /// What has come of a datagram.
    public struct Outcome: Sendable, Hashable {
        /// What is to be sent back to its source.
        public var answer: [UInt8]?
        /// Why it was dropped, if it was.
        public var drop: Drop?
        /// Whether what is believed, or used, is another from now on.
        public var isChange = false

        public init(answer: [UInt8]? = nil, drop: Drop? = nil, isChange: Bool = false) {
            self.answer = answer
            self.drop = drop
            self.isChange = isChange
        }
    }

    /// Why a datagram was dropped.
    public enum Drop: Sendable, Hashable {
        /// It is no check: a malformed message, a response, another method.
        case foreign
        /// It is not made by the peer, or is a copy.
        case forged
        /// It is over a limit.
        case excess
    }

    /// An address that a check has proven.
    private struct Source: Sendable {
        let address: STUNAddress
        let component: Int
        /// The fragment of whoever made the check.
        let fragment: [UInt8]
        /// Whether the check was made by what was told before a restart.
        var isFormer: Bool
        var priority: UInt32
        var lastCheck: Instant
        /// Counts nominations; 0 for one that was not nominated.
        var nomination = 0
    }

    /// What the peer was told.
    public private(set) var local: ICEParameters
    /// What it was told before the last restart, until it has nominated a pair by the new ones (RFC 8445 §9).
    private var former: ICEParameters?
    /// The fragment of the peer; nil before it has told, and then all who know the password are believed for the time being.
    private var remoteFragment: [UInt8]?
    private var formerFragment: [UInt8]?
    private let hash: STUNHash
    private var sources: [Source] = []
    private var nominations = 0
    /// The checks that came last, in a ring.
    private var checks: [(id: STUNTransactionID, source: STUNAddress)] = []
    private var nextCheck = 0
    private var window: Instant?
    private var count = 0

    /// - Parameters:
    ///   - local: what the peer is told.
    ///   - remoteFragment: what it has told; nil when that is yet to come.
    public init(_ local: ICEParameters, remoteFragment: [UInt8]?, _ hash: STUNHash) {
        self.local = local
        self.remoteFragment = remoteFragment
        self.hash = hash
    }

    /// Goes on with other parameters: the peer has told its own, or ICE begins anew. Where it does, what was proven before holds until
    /// a pair is nominated (RFC 8445 §9).
    ///
    /// - Returns: whether what is believed, or used, is another from now on.
    public mutating func renew(_ local: ICEParameters, remoteFragment: [UInt8]?) -> Bool {
        if local != self.local {
            former = self.local
            formerFragment = self.remoteFragment
            self.local = local
            sources.removeAll(where: \.isFormer)
            for index in sources.indices { sources[index].isFormer = true }
        }
        self.remoteFragment = remoteFragment
        // Those who were heard before the peer had told are strangers, if they are not that.
        let before = sources.count
        if let remoteFragment { sources.removeAll { !$0.isFormer && $0.fragment != remoteFragment } }
        return sources.count != before
    }

    /// The fragments by which checks are for this end: what the peer is told, and was before a restart.
    public var fragments: [[UInt8]] { [local.fragment] + [former?.fragment].compactMap { $0 } }

    /// The fragment of this side in the USERNAME of a check; nil when it has none. Nothing is proven by it.
    public static func fragment(of bytes: RawSpan) -> [UInt8]? {
        guard let message = try? STUNMessage(parsing: bytes), let name = message.octets(.username, in: bytes) else {
            return nil
        }
        return name.firstIndex(of: UInt8(ascii: ":")).map { Array(name[..<$0]) }
    }

    /// Whether the peer has told its parameters.
    public var isAnswered: Bool { remoteFragment != nil }

    /// Whether any address is believed.
    public var hasProof: Bool { !sources.isEmpty }

    /// The addresses of a component that are believed.
    public func proven(_ component: Int) -> [STUNAddress] {
        sources.filter { $0.component == component }.map(\.address)
    }

    /// Where the peer wants its data of a component; nil before it has nominated a pair, and when its consent is over.
    public func selected(_ component: Int) -> STUNAddress? { selection(component).map { sources[$0].address } }

    private func selection(_ component: Int) -> Int? {
        sources.indices.filter { sources[$0].component == component && sources[$0].nomination > 0 }
            .max { sources[$0].nomination < sources[$1].nomination }
    }

    /// Lets go what was not checked for ``consentTime``.
    ///
    /// - Returns: whether what is believed, or used, is another from now on.
    public mutating func expire(_ now: Instant) -> Bool {
        let before = sources.count
        sources.removeAll { now >= $0.lastCheck + Self.consentTime }
        return sources.count != before
    }

    // MARK: Checks

    /// Takes a datagram that may be a check.
    public mutating func receive(
        _ bytes: RawSpan, component: Int, from source: STUNAddress, _ now: Instant
    ) -> Outcome {
        guard let message = try? STUNMessage(parsing: bytes), message.method == .binding else {
            return Outcome(drop: .foreign)
        }
        // Nobody is asked, so that nobody answers; an indication keeps the way open, and proves nothing (RFC 8445 §11).
        guard message.kind == .request else { return Outcome(drop: message.kind == .indication ? nil : .foreign) }
        guard admits(now) else { return Outcome(drop: .excess) }
        guard message.isFingerprintRight(in: bytes), let (key, fragment, isFormer) = prover(message, in: bytes),
            !isCopy(message.transaction, source)
        else { return Outcome(drop: .forged) }
        let unknown = message.unknown(besides: STUNAttribute.ofICE, in: bytes)
        guard unknown.isEmpty else { return Outcome(answer: refusal(of: message, .unknownAttribute, unknown, key)) }
        guard let priority = message.word32(.priority, in: bytes), priority > 0 else {
            return Outcome(answer: refusal(of: message, .badRequest, [], key))
        }
        // A lite end is always controlled by one that makes checks, which takes the other part when it is told so (RFC 8445 §6.1.1, §7.3.1.1).
        guard !message.has(.iceControlled, in: bytes) else {
            return Outcome(answer: refusal(of: message, .roleConflict, [], key))
        }
        let found = sources.firstIndex { $0.address == source && $0.component == component && $0.isFormer == isFormer }
        guard found != nil || sources.count < Self.mostSources else { return Outcome(drop: .excess) }
        var isChange = found == nil
        let index = found ?? sources.count
        if found == nil {
            sources.append(
                Source(
                    address: source, component: component, fragment: fragment, isFormer: isFormer, priority: priority,
                    lastCheck: now))
        }
        sources[index].lastCheck = now
        sources[index].priority = priority
        if message.has(.useCandidate, in: bytes), !isFormer { isChange = nominate(index, now) || isChange }
        let response = Self.response(.success, to: message) { writer, memory in
            try writer.add(.xorMappedAddress, source, into: &memory)
            try writer.addIntegrity(key, hash, into: &memory)
        }
        return Outcome(answer: response, isChange: isChange)
    }

    private mutating func admits(_ now: Instant) -> Bool {
        if window.map({ now >= $0 + .seconds(1) }) ?? true {
            window = now
            count = 0
        }
        count += 1
        return count <= Self.checksPerSecond
    }

    /// Whose password a message is made with (RFC 8445 §7.3): the name is the fragment of this side, a colon, and that of the peer.
    private func prover(
        _ message: STUNMessage, in bytes: RawSpan
    ) -> (key: STUNKey, fragment: [UInt8], isFormer: Bool)? {
        guard let name = message.octets(.username, in: bytes), let colon = name.firstIndex(of: UInt8(ascii: ":")) else {
            return nil
        }
        let (own, other) = (name[..<colon], Array(name[(colon + 1)...]))
        for (parameters, fragment, isFormer) in [(local, remoteFragment, false), (former, formerFragment, true)] {
            guard let parameters, own.elementsEqual(parameters.fragment), fragment.map({ $0 == other }) ?? true else {
                continue
            }
            let key = STUNKey.shortTerm(parameters.password)
            return message.isProven(by: key, hash, in: bytes) ? (key, other, isFormer) : nil
        }
        return nil
    }

    /// Whether a check has come from another address before; remembers it.
    private mutating func isCopy(_ id: STUNTransactionID, _ source: STUNAddress) -> Bool {
        if let known = checks.first(where: { $0.id == id }) { return known.source != source }
        if checks.count < Self.rememberedChecks {
            checks.append((id, source))
        } else {
            checks[nextCheck] = (id, source)
            nextCheck = (nextCheck + 1) % Self.rememberedChecks
        }
        return false
    }

    /// The peer wants its data at a source.
    ///
    /// - Returns: whether it is another than before.
    private mutating func nominate(_ index: Int, _ now: Instant) -> Bool {
        let component = sources[index].component
        let current = selection(component)
        if let current, current != index, !sources[current].isFormer {
            let holds = now < sources[current].lastCheck + Self.nominationTime
            if holds, sources[current].priority > sources[index].priority { return false }
        }
        guard current != index else { return false }
        nominations += 1
        sources[index].nomination = nominations
        // The former session is over when the new one has a pair for each component that the former had.
        let left = sources.contains {
            $0.isFormer && $0.nomination > 0 && selection($0.component).map { sources[$0].isFormer } ?? true
        }
        if !left {
            sources.removeAll(where: \.isFormer)
            (former, formerFragment) = (nil, nil)
        }
        return true
    }

    private func refusal(
        of message: STUNMessage, _ error: STUNErrorCode, _ unknown: [STUNAttribute], _ key: STUNKey
    ) -> [UInt8]? {
        Self.response(.error, to: message) { writer, memory in
            try writer.add(error, into: &memory)
            if !unknown.isEmpty { try writer.add(unknown: unknown, into: &memory) }
            try writer.addIntegrity(key, hash, into: &memory)
        }
    }

    private static func response(
        _ kind: STUNClass, to message: STUNMessage,
        _ attributes: (inout STUNWriter, inout MutableRawSpan) throws -> Void
    ) -> [UInt8]? {
        STUNWriter.message(kind, .binding, message.transaction) { writer, memory in
            try attributes(&writer, &memory)
            try writer.addFingerprint(into: &memory)
        }
    }
}
