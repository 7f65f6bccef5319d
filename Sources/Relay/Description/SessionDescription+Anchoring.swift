import Reactor
import SDP

// Putting the relay's addresses where those of an end stood. Lines that say nothing of addresses stay as they came.
extension SessionDescription {
    /// Attributes that name ways to the end which go past the relay, or prove them (RFC 8839, RFC 8840, RFC 3605, RFC 9143).
    private static let ways: [ByteString] = [
        "candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite",
        "ice-mismatch", "ice-pacing", "rtcp", "bundle-only",
    ]

    /// Has the reader of the description send a stream to the relay.
    ///
    /// A description that wants nothing, by an unspecified address, goes on saying so (RFC 3264 §8.4).
    mutating func anchor(_ index: Int, at address: ConnectionAddress, port: UInt16) {
        let isHeld = connection(of: media[index])?.address.isUnspecified ?? false
        if !isHeld { media[index].connection = Connection(address) }
        media[index].port = port
        for name in Self.ways { media[index].removeAttributes(named: name) }
    }

    /// The description with all streams refused (RFC 3264 §6).
    var withoutStreams: SessionDescription {
        var result = self
        for index in media.indices { result.media[index].port = 0 }
        return result
    }

    /// Takes away what the session level says of ways to the end: its address, its part in ICE, and that streams share a port, since
    /// the relay has one for each.
    mutating func anchorSession(at address: ConnectionAddress) {
        if let connection, !connection.address.isUnspecified, !connection.address.isMulticast {
            self.connection = Connection(address)
        }
        for name in Self.ways { removeAttributes(named: name) }
        let groups = attributes(named: "group")
        guard groups.contains(where: { $0.isBundle }) else { return }
        attributes = attributes.filter { $0.name != "group" || !$0.isBundle }
    }
}

extension Attribute {
    /// Whether it is a group of streams that share a port (RFC 9143 §5).
    fileprivate var isBundle: Bool { value.flatMap(MediaGroup.init)?.isBundle ?? false }
}
