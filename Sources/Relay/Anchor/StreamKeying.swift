import Media
import Routing
import SDP

/// The keys of a stream whose legs the relay secures: with each end it negotiates by itself (RFC 4568, RFC 5763).
struct StreamKeying {
    /// What is agreed with each end.
    private var negotiations: [RelaySide: KeyNegotiation]

    /// - Parameters:
    ///   - encryption: how the leg of the callee is encrypted; the caller's is as the caller wants it.
    ///   - certificate: proves the relay in handshakes.
    init(_ encryption: MediaLegEncryption, _ certificates: RelayCertificates) {
        negotiations = [
            .caller: KeyNegotiation(certificates.willing), .callee: KeyNegotiation(certificates.security(encryption)),
        ]
    }

    /// The keys of both ends, once offer and answer have gone each way.
    var keys: [RelaySide: MediaKeys] { negotiations.mapValues(\.keys) }

    /// What an offer to an end says.
    mutating func offer(to side: RelaySide, at place: ByteString) throws(MediaSecurityError) -> KeyNegotiation.Terms {
        guard var negotiation = negotiations[side] else { return KeyNegotiation.Terms() }
        defer { negotiations[side] = negotiation }
        return try negotiation.makeOffer(at: place)
    }

    /// Takes the answer of the end that was offered to, and says what the other is answered.
    ///
    /// - Parameters:
    ///   - side: whose answer it is.
    ///   - offer: what the other end has offered.
    ///   - place: where the relay receives what the other end sends.
    mutating func answer(
        _ answer: SessionDescription, from side: RelaySide, to offer: SessionDescription, _ index: Int,
        at place: ByteString
    ) throws(MediaSecurityError) -> KeyNegotiation.Terms {
        guard var one = negotiations[side], var other = negotiations[side.other] else { return KeyNegotiation.Terms() }
        try one.take(answer, of: answer.media[index])
        let terms = try other.answer(offer, index: index, at: place)
        negotiations[side] = one
        negotiations[side.other] = other
        return terms
    }

    /// The offer has failed.
    mutating func rollBack() { for side in RelaySide.allCases { negotiations[side]?.rollBack() } }
}

extension SessionDescription {
    /// Attributes by which an end and the relay agree on keys; those of the ends between them do not pass.
    private static let keying: [ByteString] = ["crypto", "fingerprint", "setup", "tls-id"]

    /// Takes away what the session level says of keys.
    mutating func stripKeying() {
        for name in Self.keying { removeAttributes(named: name) }
    }

    /// Has a stream say what the relay says of keys.
    ///
    /// - Parameter transport: that of the `m=` line; nil for the first of the terms, or that of plain media.
    mutating func key(_ index: Int, _ terms: KeyNegotiation.Terms, transport: ByteString? = nil) {
        let feedback = media[index].field.transport.description.hasSuffix("F")
        let wanted = transport ?? terms.transports?.first(where: { $0.description.hasSuffix("F") == feedback })
            ?? terms.transports?.first ?? (feedback ? "RTP/AVPF" : "RTP/AVP")
        if let field = media[index].field.withTransport(wanted) { media[index].field = field }
        for name in Self.keying { media[index].removeAttributes(named: name) }
        for attribute in terms.attributes { media[index].append(attribute) }
    }

    /// Has a stream share a port for RTP and RTCP, or not (RFC 5761).
    mutating func share(_ index: Int, _ isShared: Bool) {
        for name in ["rtcp-mux", "rtcp-mux-only"] as [ByteString] { media[index].removeAttributes(named: name) }
        if isShared, let attribute = Attribute("rtcp-mux") { media[index].append(attribute) }
    }
}
