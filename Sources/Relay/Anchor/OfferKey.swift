import SDP

/// Names the request of a call by which an offer or its answer came.
struct OfferKey: Hashable {
    /// Whether the caller, who began the call, has sent the request.
    var isFromCaller: Bool
    /// Its CSeq.
    var sequence: UInt32
}

/// An offer on its way, as it came from the end that made it.
struct RelayedOffer {
    /// Who made it.
    var side: RelaySide
    /// What it says of each stream.
    var lines: [MediaLine]
    /// The keys of each stream once it is answered, where the relay secures the legs.
    var keying: [Int: StreamKeying] = [:]
    /// What it comes to of ICE, by stream.
    var ice: [Int: StreamICE] = [:]
    /// Which streams share transports.
    var bundles = OfferedBundles()
    /// The streams that it has brought; they end when it fails.
    var added: [Int]
    /// What a response said that carried it, and what the other end was told; nil where a request did.
    var late: (said: SessionDescription, told: SessionDescription?)?
    /// Whether a response carried it, so that the answer comes in ACK or PRACK (RFC 6337 §2.2).
    var isLate: Bool { late != nil }
    /// Whether an answer has come; a further one repeats it.
    var isAnswered: Bool { !answerers.isEmpty }
    /// The tags of those who have answered it.
    var answerers: Set<[UInt8]> = []
    /// Its number among the offers of the dialog.
    var serial = 0
}
