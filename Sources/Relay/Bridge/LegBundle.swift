import Media

/// The streams that an end sends by the transport of one of them (RFC 9143), where the other end has a transport for each: whose a packet
/// is says its payload type, which is different for each stream (RFC 9143 §10.1.2), and for RTCP its source, once it was heard.
///
/// What is of none of them is of the stream whose transport it is.
struct LegBundle {
    /// Sources that are remembered; RTCP of further ones is taken for that of the first stream.
    static let sourceLimit = 64

    /// The legs of the end without a transport, by payload type.
    private var legs = [RelayLeg?](repeating: nil, count: 128)
    private var sources: [UInt32: RelayLeg] = [:]

    /// Sources that are known.
    var count: Int { sources.count }

    /// Has a leg take some payload types, and no others.
    mutating func add(_ leg: RelayLeg, _ payloadTypes: [UInt8]) {
        remove(leg)
        for type in payloadTypes { legs[Int(type & 0x7F)] = leg }
    }

    mutating func remove(_ leg: RelayLeg) {
        for type in legs.indices where legs[type] === leg { legs[type] = nil }
        sources = sources.filter { $0.value !== leg }
    }

    /// The leg that a packet is for; nil for that whose transport it is.
    mutating func leg(_ type: UInt8, source: UInt32, isControl: Bool) -> RelayLeg? {
        if isControl { return sources[source] }
        guard let leg = legs[Int(type & 0x7F)] else { return nil }
        if sources[source] == nil, sources.count < Self.sourceLimit { sources[source] = leg }
        return leg
    }

    /// All legs, each once.
    var all: [RelayLeg] {
        var found: [RelayLeg] = []
        for case .some(let leg) in legs where !found.contains(where: { $0 === leg }) { found.append(leg) }
        return found
    }
}

extension RelayLeg {
    /// Goes by the transport of another leg of the same end.
    ///
    /// - Parameter payloadTypes: those of this leg's stream.
    func ride(on other: RelayLeg, _ payloadTypes: [UInt8]) {
        transport = other
        if other.bundle == nil { other.bundle = LegBundle() }
        other.bundle?.add(self, payloadTypes)
    }

    /// Parts from the legs that it shares a transport with.
    func unbundle() {
        for leg in bundle?.all ?? [] { leg.transport = nil }
        bundle = nil
        transport?.bundle?.remove(self)
        transport = nil
    }
}
