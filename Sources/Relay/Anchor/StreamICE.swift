import ICE
import SDP

/// What the ends of a stream and the relay have told each other of ICE (RFC 8839 §4): towards each end that knows it, the relay is a
/// lite end of its own (RFC 8445 §2.5), so that no way leads past it and nobody is believed who proves nothing.
///
/// A value, as ``StreamKeying`` is: what an offer comes to is kept with the offer until it is answered.
struct StreamICE: Sendable {
    private struct Leg: Sendable {
        /// What the end is told.
        var local: ICEParameters
        /// What it has told; nil while it is yet to answer.
        var remote: ICECredentials?
    }

    private var legs: [RelaySide: Leg] = [:]

    /// Takes an offer.
    ///
    /// - Parameters:
    ///   - credentials: those of its maker; nil when it has no part in ICE.
    ///   - side: who makes it.
    ///   - offers: whether the other end is offered ICE even if it was not before.
    mutating func take(offer credentials: ICECredentials?, from side: RelaySide, offers: Bool) {
        if let credentials {
            // Others than before begin ICE anew, and want others back (RFC 8445 §9).
            let isKept = legs[side].map { $0.remote == nil || $0.remote == credentials } ?? false
            let local = isKept ? legs[side]?.local : nil
            legs[side] = Leg(local: local ?? Self.newParameters(), remote: credentials)
        } else {
            legs[side] = nil
        }
        let other = side.other
        guard offers || legs[other]?.remote != nil else { return legs[other] = nil }
        if legs[other] == nil { legs[other] = Leg(local: Self.newParameters()) }
    }

    /// Takes the answer to the offer.
    mutating func take(answer credentials: ICECredentials?, from side: RelaySide) {
        guard let credentials else { return legs[side] = nil }
        legs[side]?.remote = credentials
    }

    /// What the leg of an end goes by; nil where it has no part in ICE.
    func terms(_ side: RelaySide) -> LegICE? {
        legs[side].map { LegICE(local: $0.local, remoteFragment: $0.remote.map { Array($0.fragment.bytes) }) }
    }

    /// What a description to an end says of the stream.
    ///
    /// - Parameters:
    ///   - address: where the relay is.
    ///   - ports: those of the components, from the first on.
    func attributes(_ side: RelaySide, at address: ConnectionAddress, _ ports: [UInt16]) -> [Attribute] {
        guard let local = legs[side]?.local, let fragment = ByteString(local.fragment),
            let password = ByteString(local.password),
            let credentials = ICECredentials(fragment: fragment, password: password)
        else { return [] }
        let candidates = ports.enumerated().compactMap { index, port in
            CandidateAttribute(
                foundation: "1", component: UInt16(index + 1), priority: Self.priority - UInt32(index),
                address: address, port: port, kind: .host)
        }
        // There are no others (RFC 8840 §4.1).
        return credentials.attributes + candidates.map(\.attribute)
            + [Attribute("end-of-candidates")].compactMap { $0 }
    }

    /// That of the first component of a host candidate, of the only address that there is (RFC 8445 §5.1.2.1).
    private static let priority: UInt32 = 126 << 24 | 65_535 << 8 | 255

    private static func newParameters() -> ICEParameters {
        var generator = SystemRandomNumberGenerator()
        return ICEParameters.random { generator.next() }
    }
}

extension SessionDescription {
    /// Has a stream say what the relay says of ICE. The relay is lite, and knows RFC 8445 (RFC 8839 §5.3, §5.6).
    mutating func check(_ index: Int, _ attributes: [Attribute]) {
        guard !attributes.isEmpty else { return }
        for attribute in attributes { media[index].append(attribute) }
        setICELite(true)
        setICEOptions(["ice2"])
    }
}
