/// A side of a relayed call.
enum RelaySide: Int, Sendable, Hashable, CaseIterable {
    /// Whoever sent the INVITE that began the call.
    case caller
    /// Whoever answered it.
    case callee

    /// The side across.
    var other: RelaySide { self == .caller ? .callee : .caller }
}
