import Media
import Routing
import SRTP

/// What the relay proves itself by in handshakes, and how it secures legs.
final class RelayCertificates: Sendable {
    /// Encrypts where the end wants it.
    let willing: MediaSecurity
    private let offered: MediaSecurity
    private let described: MediaSecurity
    private let handshaken: MediaSecurity

    /// Makes a certificate, which lasts as long as the relay.
    init() throws(DTLSError) {
        willing = try MediaSecurity(MediaEncryption(.offer, by: .dtls))
        offered = try MediaSecurity(MediaEncryption(.offer, by: .sdes))
        described = try MediaSecurity(MediaEncryption(.require, by: .sdes))
        handshaken = try MediaSecurity(MediaEncryption(.require, by: .dtls))
    }

    /// How the leg of a callee is secured; nil when it is in the clear.
    func security(_ encryption: MediaLegEncryption) -> MediaSecurity? {
        switch encryption {
        case .pass, .off, .auto: nil
        case .offer: offered
        case .sdes: described
        case .dtls: handshaken
        }
    }

    /// The certificate whose fingerprint an end is told; nil for the callee of a leg in the clear.
    func context(_ side: RelaySide, _ encryption: MediaLegEncryption) -> DTLSContext? {
        side == .caller ? willing.context : security(encryption)?.context
    }
}
