/// A transport address that may be tried, of this side or of the other (RFC 8445 §4, §5.1).
public struct Candidate: Hashable, Sendable {
    /// How it was found.
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        case host, serverReflexive, peerReflexive, relayed

        /// The recommended type preference (RFC 8445 §5.1.2.2).
        public var preference: UInt32 {
            switch self {
            case .host: 126
            case .peerReflexive: 110
            case .serverReflexive: 100
            case .relayed: 0
            }
        }
    }

    /// The longest foundation, octets (RFC 8839 §5.1).
    public static let longestFoundation = 32

    /// The same for candidates that probably work or fail together (RFC 8445 §5.1.1.3): letters, digits, `+` and `/`.
    public var foundation: [UInt8]
    /// 1 to 256: 1 for RTP, 2 for RTCP.
    public var component: Int
    public var kind: Kind
    /// 1 to 2^31 - 1; the higher the sooner.
    public var priority: UInt32
    public var address: STUNAddress
    /// The base of reflexive candidates of this side, the mapped address of relayed ones; for people alone.
    public var related: STUNAddress?

    public init(
        foundation: [UInt8], component: Int, kind: Kind, priority: UInt32, address: STUNAddress,
        related: STUNAddress? = nil
    ) {
        self.foundation = foundation
        self.component = component
        self.kind = kind
        self.priority = priority
        self.address = address
        self.related = related
    }
}

/// The numbers by which candidates and pairs are put into order.
public enum CandidatePriority {
    /// The priority of a candidate (RFC 8445 §5.1.2.1).
    ///
    /// - Parameter localPreference: another one for each candidate of a type and component; 65,535 where there is but one.
    public static func of(_ kind: Candidate.Kind, localPreference: UInt16, component: Int) -> UInt32 {
        (kind.preference << 24) + (UInt32(localPreference) << 8) + UInt32(256 - min(max(component, 1), 256))
    }

    /// The priority of a pair (RFC 8445 §6.1.2.3).
    ///
    /// - Parameters:
    ///   - controlling: of the candidate of the controlling agent.
    ///   - controlled: of the candidate of the other.
    public static func ofPair(controlling: UInt32, controlled: UInt32) -> UInt64 {
        let (least, most) = (UInt64(min(controlling, controlled)), UInt64(max(controlling, controlled)))
        return (least << 32) &+ 2 &* most &+ (controlling > controlled ? 1 : 0)
    }

    /// Local preferences of the addresses of a host, so that the families are tried in turn and IPv6 begins (RFC 8421 §4).
    ///
    /// Before the first of IPv4 there are (N4 + N6) / N4 addresses of IPv6.
    ///
    /// - Parameter addresses: in the order that the host prefers within each family.
    /// - Returns: one for each address, all different.
    public static func localPreferences(_ addresses: [STUNAddress]) -> [UInt16] {
        let sixth = addresses.indices.filter { addresses[$0].isIPv6 }
        let fourth = addresses.indices.filter { !addresses[$0].isIPv6 }
        let headStart = fourth.isEmpty ? sixth.count : (sixth.count + fourth.count) / fourth.count
        var order: [Int] = Array(sixth.prefix(headStart))
        var (nextSixth, nextFourth) = (order.count, 0)
        while nextSixth < sixth.count || nextFourth < fourth.count {
            if nextFourth < fourth.count {
                order.append(fourth[nextFourth])
                nextFourth += 1
            }
            if nextSixth < sixth.count {
                order.append(sixth[nextSixth])
                nextSixth += 1
            }
        }
        var preferences = [UInt16](repeating: 0, count: addresses.count)
        for (place, index) in order.enumerated() {
            preferences[index] = .max - UInt16(truncatingIfNeeded: min(place, Int(UInt16.max)))
        }
        return preferences
    }
}

/// Gives candidates of this side their foundations: the same to those of the same type, base address and server
/// (RFC 8445 §5.1.1.3).
struct Foundations: Sendable {
    private struct Key: Hashable {
        var kind: Candidate.Kind
        var base: STUNAddress
        var server: STUNAddress?
    }

    private var known: [Key: Int] = [:]

    mutating func foundation(_ kind: Candidate.Kind, base: STUNAddress, server: STUNAddress?) -> [UInt8] {
        let key = Key(kind: kind, base: base.with(port: 0), server: server?.with(port: 0))
        let number = known[key] ?? known.count + 1
        known[key] = number
        return [UInt8](String(number).utf8)
    }
}
