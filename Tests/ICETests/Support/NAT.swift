import ICE

/// A translator of addresses between a private network and the public one (RFC 4787 §4, §5; the names are of RFC 3489 §5).
struct NAT {
    enum Kind: Sendable {
        case fullCone, restricted, portRestricted, symmetric
    }

    private struct Mapping {
        var inside: STUNAddress
        /// Of a symmetric one: the only host that it is for.
        var peer: STUNAddress?
        var outside: STUNAddress
        /// Who was sent to.
        var contacted: Set<STUNAddress> = []
    }

    let kind: Kind
    let address: STUNAddress
    private var mappings: [Mapping] = []
    private var nextPort: UInt16 = 20_000

    init(_ kind: Kind, address: STUNAddress) {
        self.kind = kind
        self.address = address
    }

    /// Where a datagram from inside seems to come from.
    mutating func outgoing(_ source: STUNAddress, to destination: STUNAddress) -> STUNAddress {
        let peer = kind == .symmetric ? destination : nil
        let found = mappings.firstIndex { $0.inside == source && $0.peer == peer }
        let index: Int
        if let found {
            index = found
        } else {
            mappings.append(Mapping(inside: source, peer: peer, outside: address.with(port: nextPort)))
            nextPort += 1
            index = mappings.count - 1
        }
        mappings[index].contacted.insert(destination)
        return mappings[index].outside
    }

    /// Where a datagram from outside goes; nil when it is not let in.
    func incoming(_ destination: STUNAddress, from source: STUNAddress) -> STUNAddress? {
        guard let mapping = mappings.first(where: { $0.outside == destination }) else { return nil }
        let isLetIn =
            switch kind {
            case .fullCone: true
            case .restricted: mapping.contacted.contains { $0.isSameHost(as: source) }
            case .portRestricted, .symmetric: mapping.contacted.contains(source)
            }
        return isLetIn ? mapping.inside : nil
    }
}
