public import Reactor

/// Whether and how the calls of an account find their way for media (ICE, RFC 8445).
///
/// With it both sides tell each other their addresses, try which of them work, and go on asking whether the other side still wants
/// what it gets (RFC 7675). A far side that does not know it is talked to without.
public struct ICEPolicy: Sendable, Hashable {
    /// What part this side takes.
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// None: media goes where descriptions say, and follows the far side.
        case off
        /// It answers checks only (RFC 8445 §2.5): for hosts that everybody reaches at their own address.
        case lite
        /// It checks.
        case full
    }

    /// What part this side takes.
    public var mode: Mode

    /// Media goes where descriptions say.
    public static let off = ICEPolicy(.off)

    /// Makes a policy.
    public init(_ mode: Mode) { self.mode = mode }
}

/// The way that connectivity checks have found for the audio of a call.
public struct MediaWay: Sendable, Hashable {
    /// The address of this side as the far side sees it.
    public let local: TransportAddress
    /// Where audio goes.
    public let remote: TransportAddress
}

/// Why connectivity checks leave a call without a way.
@frozen
public enum MediaWayError: Error, Sendable, Hashable {
    /// None of the addresses of both sides reach each other.
    case notFound
    /// The far side does not answer any more, or does not want what it gets (RFC 7675 §5.1).
    case lost
}
