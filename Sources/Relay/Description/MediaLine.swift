import Media
import Reactor
import SDP

/// What the relay has to know of a media description: whether it carries the stream, and where the writer wants it.
struct MediaLine: Sendable, Hashable {
    /// What becomes of the stream.
    enum Use: Sendable, Hashable {
        /// The relay carries it.
        case relayed(RelayedKind)
        /// It is refused, or over (RFC 3264 §6, §8.2).
        case disabled
        /// It runs over something that the relay does not carry, such as TCP, another network or a group: it is left alone.
        case foreign
    }

    /// What becomes of the stream.
    let use: Use
    /// Where the writer wants it; without addresses where it names none, or wants nothing (RFC 3264 §8.4).
    let remote: LegRemote
    /// Whether the stream is RTP that the relay does not carry, such as RTP over TCP or to a group.
    let isForeignRTP: Bool
    /// Whether the writer does not both send and want to hear: an end on hold may send nothing at all (RFC 3264 §5.1, §8.4).
    let isHeld: Bool
    /// The writer's part in ICE; nil where it has none, or is lite itself, so that nobody would check the way.
    let ice: ICECredentials?
    /// Whether the stream has no port since it wants none but that of its group (RFC 9143 §6).
    let isBundleOnly: Bool

    /// Reads the media description at a place.
    ///
    /// - Parameter signalling: where the signalling of its writer comes from.
    init(_ description: SessionDescription, _ index: Int, signalling: TransportAddress?) {
        let media = description.media[index]
        var remote = LegRemote()
        remote.signalling = signalling
        remote.isMultiplexed = media.isRTCPMultiplexed
        isHeld =
            description.direction(of: media) != .sendrecv
            || description.connection(of: media)?.address.isUnspecified == true && media.port != Self.discardPort
        ice =
            description.isICELite || media.hasICEMismatch || media.port == 0
            ? nil : description.iceCredentials(of: media)
        isBundleOnly = media.port == 0 && media.attribute(named: "bundle-only") != nil
        guard media.port != 0 else {
            use = .disabled
            self.remote = remote
            isForeignRTP = false
            return
        }
        guard let kind = Self.kind(media.field.transport), let connection = description.connection(of: media),
            connection.family != nil, !connection.address.isMulticast
        else {
            use = .foreign
            self.remote = remote
            isForeignRTP = media.field.transport.description.uppercased().contains("RTP/")
            return
        }
        isForeignRTP = false
        use = .relayed(kind)
        if !connection.address.isUnspecified {
            remote.media = connection.address.transportAddress(port: media.port)
            if !remote.isMultiplexed || media.rtcp != nil {
                let stated = media.rtcp
                let address = stated?.connection?.address ?? connection.address
                let port = stated?.port ?? (media.port == .max ? 0 : media.port + 1)
                if port != 0 { remote.control = address.transportAddress(port: port) }
            }
        }
        self.remote = remote
    }

    /// The port of an end without a default candidate, whose address says nothing (RFC 8838 §4.1.1).
    private static let discardPort: UInt16 = 9
    /// The line as that of a stream that the relay carries, where it has no port but that of its group; the same line where it has none
    /// for another reason.
    func carried(_ transport: ByteString) -> MediaLine {
        guard isBundleOnly, Self.kind(transport) == .rtp else { return self }
        return MediaLine(bundled: self)
    }

    private init(bundled line: MediaLine) {
        use = .relayed(.rtp)
        remote = line.remote
        isForeignRTP = false
        isHeld = line.isHeld
        ice = nil
        isBundleOnly = true
    }

    /// What a transport of the `m=` line carries; nil when the relay does not.
    private static func kind(_ transport: ByteString) -> RelayedKind? {
        let name = transport.description.uppercased()
        if name.hasPrefix("RTP/") || name.hasPrefix("UDP/TLS/RTP/") { return .rtp }
        if name == "UDP" || name == "UDPTL" || name.hasPrefix("UDP/") { return .datagrams }
        return nil
    }

    /// The address that RTCP would have if the far side does not agree to share a port.
    var separateControl: TransportAddress? { remote.control ?? remote.media.map { $0.with(port: $0.port &+ 1) } }
}
