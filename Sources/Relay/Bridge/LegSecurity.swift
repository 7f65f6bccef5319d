import Media

/// How what an end sends, and is sent, is secured.
enum LegSecurity {
    /// The ends have seen to that between them: everything passes as it is.
    case passed
    /// Not at all, while the other leg may be.
    case clear
    /// It is to be, and there are no keys yet: nothing passes.
    case pending
    /// By keys, those of RTCP apart where it has a handshake of its own.
    case secured(media: StreamProtection, control: StreamProtection)

    /// Whether packets of the end are what the other end may be sent, as far as this leg goes.
    var isTransparent: Bool {
        switch self {
        case .passed, .clear: true
        case .pending, .secured: false
        }
    }
}
