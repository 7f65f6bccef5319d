public import Media
public import Reactor
import SIP
import SRTP

/// Why the media of a call cannot start, or go on.
public enum MediaFailure: Error, Sendable, Hashable {
    /// No socket.
    case socket(SocketError)
    /// No encryption.
    case security(MediaSecurityError)
    /// No way: there is none, and the call ends, or it is lost, and another one is looked for.
    case way(MediaWayError)
}

extension SessionRefusal {
    /// A refusal for the sake of security.
    init(_ error: MediaSecurityError) {
        self.init(error == .keys(.cryptography) ? 500 : 488, error.description, error)
    }
}
