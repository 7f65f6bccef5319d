public import Media
public import Reactor
public import SIP

/// Why the media of a call cannot start, or go on.
public enum MediaFailure: Error, Sendable, Hashable {
    /// No socket.
    case socket(SocketError)
    /// No encryption.
    case security(MediaSecurityError)
}

extension SessionRefusal {
    /// A refusal for the sake of security.
    init(_ error: MediaSecurityError) {
        self.init(error == .keys(.cryptography) ? 500 : 488, error.description, error)
    }
}
