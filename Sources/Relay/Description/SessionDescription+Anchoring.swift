import Reactor
import SDP

// Putting the relay's addresses where those of an end stood. Lines that say nothing of addresses stay as they came.
extension SessionDescription {
    /// Attributes that name ways to the end which go past the relay, or prove them (RFC 8839, RFC 8840, RFC 3605, RFC 9143).
    private static let ways: [ByteString] = [
        "candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite",
        "ice-mismatch", "ice-pacing", "rtcp",
    ]

    /// Has the reader of the description send a stream to the relay.
    ///
    /// A description that wants nothing, by an unspecified address, goes on saying so (RFC 3264 §8.4). With ICE it means that there was none
    /// yet (RFC 8840 §4.1.1).
    ///
    /// - Parameter hasChecks: whether its writer has a part in ICE.
    mutating func anchor(_ index: Int, at address: ConnectionAddress, port: UInt16, hasChecks: Bool) {
        let isHeld = !hasChecks && connection(of: media[index])?.address.isUnspecified ?? false
        if !isHeld { media[index].connection = Connection(address) }
        media[index].port = port
        hideWays(index)
    }

    /// Takes away what a stream says of ways to its end.
    mutating func hideWays(_ index: Int) {
        for name in Self.ways { media[index].removeAttributes(named: name) }
    }

    /// The description with all streams refused (RFC 3264 §6).
    var withoutStreams: SessionDescription {
        var result = self
        for index in media.indices { result.media[index].port = 0 }
        return result
    }

    /// Takes away what the session level says of ways to the end: its address, and its part in ICE.
    ///
    /// - Parameter hasChecks: whether its writer has a part in ICE, so that an unspecified address does not hold.
    mutating func anchorSession(at address: ConnectionAddress, hasChecks: Bool) {
        if let connection, hasChecks || !connection.address.isUnspecified, !connection.address.isMulticast {
            self.connection = Connection(address)
        }
        for name in Self.ways { removeAttributes(named: name) }
    }
}
