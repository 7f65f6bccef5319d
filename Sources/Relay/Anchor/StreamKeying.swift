import Media
import Routing
import SDP

/// The keys of a stream whose legs the relay secures: with each end it agrees by itself (RFC 4568, RFC 5763).
///
/// A value: what an offer comes to is kept with the offer, and becomes what is agreed when an answer has come. So an offer that fails
/// changes nothing, and one that several answer, or whose answer comes again, has each of them in place of the other.
struct StreamKeying {
    /// What a description to an end says of keys, and the transport of its `m=` line.
    struct Words {
        var attributes: [Attribute] = []
        let transport: ByteString
        /// Whether RTCP may share the port of RTP for their sake.
        var multiplexes = false
    }

    /// The only one that browsers know (RFC 8829 §5.1.2).
    private static let transportOfBrowsers: ByteString = "UDP/TLS/RTP/SAVPF"

    /// What is agreed with each end.
    private var negotiations: [RelaySide: KeyNegotiation]
    /// The transport that stands in the descriptions of each end; nil before it has offered or answered.
    private var transports: [RelaySide: ByteString] = [:]
    /// Whether the last offer to an end said nothing of keys, as that end has never done.
    private var isPlain = false
    /// What the end that made the offer is answered.
    private(set) var answer: Words?

    /// - Parameters:
    ///   - encryption: how the leg of the callee is encrypted; the caller's is as the caller wants it.
    ///   - certificates: prove the relay in handshakes.
    init(_ encryption: MediaLegEncryption, _ certificates: RelayCertificates) {
        negotiations = [
            .caller: KeyNegotiation(certificates.willing), .callee: KeyNegotiation(certificates.security(encryption)),
        ]
        // The relay faces ends behind NATs, which nothing reaches before they have sent something.
        for side in RelaySide.allCases { negotiations[side]?.preferredRole = .server }
    }

    /// The keys of an end.
    func keys(_ side: RelaySide) -> MediaKeys { negotiations[side]?.keys ?? .none }

    /// Takes an offer: what its maker will be answered is ``answer`` from then on.
    ///
    /// - Parameters:
    ///   - side: who makes it.
    ///   - place: where the relay receives what that end sends.
    ///   - otherPlace: where it receives what the other end sends.
    ///   - checks: whether the other end is offered ICE, as browsers want it, and with it the profile that they want (RFC 8829 §5.1.2).
    /// - Returns: what the other end is offered.
    /// - Throws: why the offer cannot be answered as it must be, so that it need not go on.
    mutating func take(
        offer: SessionDescription, _ index: Int, from side: RelaySide, at place: ByteString, and otherPlace: ByteString,
        checks: Bool
    ) throws(MediaSecurityError) -> Words {
        let transport = offer.media[index].field.transport
        guard let negotiation = negotiations[side], negotiation.isSecured || !KeyNegotiation.isSecure(transport) else {
            throw .unsupported
        }
        let terms = try negotiations[side]?.answer(offer, index: index, at: place) ?? KeyNegotiation.Terms()
        answer = Words(attributes: terms.attributes, transport: transport)
        transports[side] = transport
        return try makeOffer(to: side.other, like: transport, at: otherPlace, checks: checks)
    }

    private mutating func makeOffer(
        to side: RelaySide, like offered: ByteString, at place: ByteString, checks: Bool
    ) throws(MediaSecurityError) -> Words {
        // A caller's leg is as the caller wants it: one that came in the clear is offered nothing else.
        isPlain = side == .caller && transports[side] != nil && keys(side) == .none
        let terms =
            isPlain
            ? KeyNegotiation.Terms()
            : try negotiations[side]?.makeOffer(at: place, checksConnectivity: checks) ?? KeyNegotiation.Terms()
        var known = terms.transports ?? KeyNegotiation.plain
        if checks, let ofBrowsers = known.firstIndex(of: Self.transportOfBrowsers) {
            known.insert(known.remove(at: ofBrowsers), at: 0)
        }
        let used = transports[side]
        let transport =
            known.first { name in used?.equalsIgnoringCase(name) ?? false }
            // Those who know the profile with feedback (RFC 4585, RFC 5124) know that without, too.
            ?? known.prefix(2).first { $0.equalsIgnoringCase(offered) } ?? known.first ?? "RTP/AVP"
        transports[side] = transport
        return Words(attributes: terms.attributes, transport: transport, multiplexes: terms.multiplexes)
    }

    /// Takes the answer to the offer.
    ///
    /// - Parameter side: who gives it.
    /// - Throws: why the stream would not be encrypted as it must be.
    mutating func take(
        answer: SessionDescription, _ index: Int, from side: RelaySide
    ) throws(MediaSecurityError) {
        let media = answer.media[index]
        guard !isPlain, let negotiation = negotiations[side], negotiation.isSecured else {
            guard !KeyNegotiation.isSecure(media.field.transport) else { throw .mismatch }
            return
        }
        try negotiations[side]?.take(answer, of: media)
    }
}

extension SessionDescription {
    /// Attributes by which an end and the relay agree on keys; those of the ends between them do not pass (RFC 4568, RFC 8122,
    /// RFC 4145, RFC 8842, RFC 4567).
    private static let keying: [ByteString] = ["crypto", "fingerprint", "setup", "tls-id", "key-mgmt"]

    /// Takes away what is said of the keys of some streams. What the session level says of them holds for the others still, and is said
    /// there from now on.
    mutating func stripKeying(of streams: Set<Int>) {
        let ofSession = Self.keying.flatMap { attributes(named: $0) }
        for index in media.indices {
            if streams.contains(index) {
                for name in Self.keying { media[index].removeAttributes(named: name) }
            } else {
                let own = Self.keying.filter { media[index].attribute(named: $0) != nil }
                for attribute in ofSession where !own.contains(attribute.name) { media[index].append(attribute) }
            }
        }
        for name in Self.keying { removeAttributes(named: name) }
    }

    /// Has a stream say what the relay says of keys.
    mutating func key(_ index: Int, _ words: StreamKeying.Words) {
        carry(index, over: words.transport)
        for attribute in words.attributes { media[index].append(attribute) }
    }

    /// Has a stream go over a transport. What it says of feedback goes with a profile that has none (RFC 4585 §4.2), and reports of
    /// reduced size with it (RFC 5506 §5).
    mutating func carry(_ index: Int, over transport: ByteString) {
        if transport.bytes.last != UInt8(ascii: "F") {
            for name in ["rtcp-fb", "rtcp-rsize"] as [ByteString] { media[index].removeAttributes(named: name) }
        }
        if let field = media[index].field.withTransport(transport) { media[index].field = field }
    }

    /// Has a stream share a port for RTP and RTCP, or not (RFC 5761, RFC 8858).
    mutating func share(_ index: Int, _ isShared: Bool) {
        for name in ["rtcp-mux", "rtcp-mux-only"] as [ByteString] { media[index].removeAttributes(named: name) }
        if isShared, let attribute = Attribute("rtcp-mux") { media[index].append(attribute) }
    }
}
