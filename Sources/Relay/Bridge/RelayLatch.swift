import Reactor

/// Decides where to send the media of an end that may be behind a NAT: where its description says, until datagrams come from elsewhere,
/// then there. The rules against hijack are those of restricted latching (RFC 7362 §5).
///
/// ```
///  signalled ── from a host that the end is known by ──────► confirmed ◄─┐
///      │                                                         ▲       │ from the signalled address; or the same source
///      └── several in a row of one source from a stranger ───────┘       │ from a new address after silence of the old one
///                                                                └───────┘
/// ```
///
/// A host is known by the description or by the signalling. A stranger is believed only when nothing has come from such a host, and
/// never takes over from an end that is being heard: it would have to know the source (SSRC) and wait for silence. The signalled
/// address is always believed. A new description opens the latch again.
///
/// Where the end has a part in ICE its checks say all of that, and neither descriptions nor what it sends say anything.
struct RelayLatch {
    /// How long the confirmed address must have been silent before another may take over, in nanoseconds.
    static let silence: Int64 = 2_000_000_000
    /// Datagrams of one source in a row from one new address that it takes to take over.
    static let patience = 3

    /// Where to send; nil when neither signalling nor the end has said so.
    private(set) var destination: TransportAddress?
    /// Whether a datagram has come from there.
    private(set) var isConfirmed = false

    private var signalled: TransportAddress?
    private var signalling: TransportAddress?
    private var source: UInt32 = 0
    private var lastHeard: Int64 = 0
    private var candidate: TransportAddress?
    private var candidates = 0
    /// Where checks of the end have come from; nil where it has no part in ICE.
    private var proven: [TransportAddress]?

    init() {}

    /// Takes the addresses of a description; the same ones as before change nothing.
    ///
    /// - Parameter signalling: where the end's signalling comes from.
    mutating func signal(_ address: TransportAddress?, signalling: TransportAddress?) {
        self.signalling = signalling
        guard proven == nil, address != signalled else { return }
        signalled = address
        destination = address
        isConfirmed = false
        candidate = nil
        candidates = 0
    }

    /// Judges a datagram.
    ///
    /// - Parameters:
    ///   - address: where it came from.
    ///   - source: its synchronisation source; 0 where the protocol has none.
    ///   - now: the time in nanoseconds.
    /// - Returns: whether it is the end's.
    @inline(__always)
    mutating func admits(_ address: TransportAddress, source: UInt32, now: Int64) -> Bool {
        guard address == destination else { return moves(to: address, source, now) }
        isConfirmed = true
        self.source = source
        lastHeard = now
        candidates = 0
        return true
    }

    /// Judges a datagram that proves nothing by itself, such as one of a handshake: whether it may be the end's. A stranger has to ask
    /// several times, and nothing moves to where it came from.
    mutating func expects(_ address: TransportAddress) -> Bool {
        if let proven { return proven.contains(address) }
        if address == destination || isKnown(address) { return true }
        guard !isConfirmed else { return false }
        return insists(address)
    }

    /// Whether an address is at a host that the end is known by.
    private func isKnown(_ address: TransportAddress) -> Bool {
        signalled.map { $0.hasSameHost(as: address) } ?? false
            || signalling.map { $0.hasSameHost(as: address) } ?? false
    }

    /// Whether datagrams have come from a new address several times in a row.
    private mutating func insists(_ address: TransportAddress) -> Bool {
        candidates = candidate == address ? candidates + 1 : 1
        candidate = address
        return candidates >= Self.patience
    }

    @inline(never)
    private mutating func moves(to address: TransportAddress, _ source: UInt32, _ now: Int64) -> Bool {
        if let proven { return proven.contains(address) }
        if address != signalled {
            if isConfirmed {
                guard source == self.source, now &- lastHeard >= Self.silence else { return false }
            }
            if isConfirmed || !isKnown(address) {
                guard insists(address) else { return false }
            }
        }
        destination = address
        isConfirmed = true
        self.source = source
        lastHeard = now
        candidate = nil
        candidates = 0
        return true
    }

    /// Whether the confirmed address has been heard of lately, and nothing from elsewhere is of interest: checks may come from anywhere.
    func isHeard(at now: Int64) -> Bool { proven == nil && isConfirmed && now &- lastHeard < Self.silence }

    // MARK: Checks

    /// Whether nobody is believed but who was proven.
    var demandsProof: Bool { proven != nil }

    /// Takes what connectivity checks have proven, in place of all else that is known of the end.
    ///
    /// - Parameters:
    ///   - sources: the addresses that it sends from.
    ///   - selected: where it wants to be sent to, one of them; nil while it has not said so.
    mutating func believe(_ sources: [TransportAddress], selected: TransportAddress?) {
        proven = sources
        signalled = nil
        destination = selected
    }

    /// The end has no part in ICE any more.
    mutating func believeAddresses() {
        guard proven != nil else { return }
        self = RelayLatch()
    }
}
