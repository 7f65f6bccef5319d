import ICE

/// The part of an end in ICE, and what the relay has told it: the relay itself is lite (RFC 8445 §2.5).
struct LegICE: Sendable, Hashable {
    /// What the end was told.
    var local: ICEParameters
    /// The fragment that it has told; nil before it has.
    var remoteFragment: [UInt8]?
}
