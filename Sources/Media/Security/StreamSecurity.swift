/// Whether the packets of a stream are protected.
public enum StreamSecurity {
    /// They go in the clear.
    case none
    /// They are to be protected, and there are no keys yet: nothing is sent, and nothing is taken.
    case pending
    /// They are protected: RTP by one set of keys, and RTCP by the same, or by its own where it has a handshake of its own
    /// (RFC 5764 §4.2 without RFC 5761).
    case secured(media: StreamProtection, control: StreamProtection)
}
