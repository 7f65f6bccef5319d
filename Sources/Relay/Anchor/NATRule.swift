import Glibc
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint

/// Whether the ends of a call could reach each other without the relay, as far as a proxy can tell.
enum NATRule {
    /// Whether an INVITE begins a call whose media has to be relayed: an end is behind a NAT, or one of them speaks IPv4
    /// and the other IPv6.
    ///
    /// Not where the caller is a browser or like one: it finds a way by itself, or not at all, since the relay has no part in ICE.
    static func demandsRelay(_ request: MessageView, _ passage: MediaPassage) -> Bool {
        if request.carriesSDP, findsItsWay(request.bytes(request.body)) { return false }
        let (arrival, departure) = (passage.arrival, passage.departure)
        if arrival.remote.family != departure.remote.family { return true }
        let callerIsBehind = isBehindNAT(request, arrival.remote)
        guard callerIsBehind || passage.leadsBehindNAT else { return false }
        // Behind the same NAT they reach each other by what they say of themselves.
        return !(callerIsBehind && passage.leadsBehindNAT && arrival.remote.hasSameHost(as: departure.remote))
    }

    /// Whether an offer is of an end that wants ICE and a handshake of DTLS, as WebRTC does (RFC 8827 §6.5, RFC 8829 §5.1.1).
    static func findsItsWay(_ body: UnsafeRawBufferPointer) -> Bool {
        var (hasChecks, hasHandshake) = (false, false)
        var lines = DescriptionLines(body)
        while let line = lines.next() {
            if begins(line, "a=ice-ufrag:") { hasChecks = true }
            if begins(line, "a=fingerprint:") { hasHandshake = true }
        }
        return hasChecks && hasHandshake
    }

    /// How the leg of the callee is encrypted, where the domain leaves that to what the ends are: browsers demand a handshake (RFC 8827 §6.5),
    /// and know nothing else.
    static func encryption(_ request: MessageView, _ passage: MediaPassage) -> MediaLegEncryption {
        guard passage.encryption == .auto else { return passage.encryption }
        let callerIsBrowser =
            request.carriesSDP
            ? findsItsWay(request.bytes(request.body)) : passage.arrival.transport.isOfBrowsers
        switch (callerIsBrowser, passage.departure.transport.isOfBrowsers) {
        case (true, true), (false, false): return .pass
        case (true, false): return .off
        case (false, true): return .dtls
        }
    }

    private static func begins(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard let start = line.baseAddress, line.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Whether the description of a request names another host than the request came from; one that came by another proxy says
    /// nothing of that.
    private static func isBehindNAT(_ request: MessageView, _ remote: TransportAddress) -> Bool {
        guard request.fieldCount(of: .via) == 1, let via = try? request.topVia else { return false }
        if let host = TransportAddress(host: request.bytes(via.host), port: 0), !host.hasSameHost(as: remote) {
            return true
        }
        guard request.carriesSDP, let address = ConnectionLine.ofFirstStream(in: request.bytes(request.body)),
            !address.isWildcard
        else { return false }
        return !address.hasSameHost(as: remote)
    }
}

extension TransportName {
    /// Whether who is reached by it is taken for a browser (RFC 7118).
    var isOfBrowsers: Bool { self == .ws || self == .wss }
}

extension MessageView {
    /// Whether the body is a session description.
    var carriesSDP: Bool {
        guard !body.isEmpty, let type = try? contentType else { return false }
        return matches(type, "application", "sdp")
    }

    /// Whether the body has parts, of which one may be a session description.
    var carriesParts: Bool {
        guard !body.isEmpty, let type = try? contentType else { return false }
        return text(type.type).lowercased() == "multipart"
    }

    /// The body where it is a session description that can be read; else nil.
    var description: SessionDescription? {
        carriesSDP ? try? SessionDescription(parsing: array(body)) : nil
    }
}
