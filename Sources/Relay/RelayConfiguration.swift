public import Reactor

/// What a relay may be told.
public struct RelayConfiguration: Sendable, Hashable {
    /// The ports for RTP; even ones, with RTCP on the next (RFC 3550 §11).
    public var ports: ClosedRange<UInt16> = 16_384...32_767
    /// How all sockets are set up.
    public var socket = DatagramSocketConfiguration.media
    /// The differentiated services code points of audio and video (RFC 4594 §4: EF, AF41).
    public var audioCodePoint = 46
    public var videoCodePoint = 34
    /// How long all streams of a call must have been silent for the call to be ended.
    public var patience: Duration = .seconds(600)
    /// The same where all streams are on hold, or flow one way at most: such ends may send nothing at all (RFC 3264 §8.4).
    public var heldPatience: Duration = .seconds(3_600)
    /// Streams of one call that are relayed; a description with more is refused.
    public var streamLimit = 16
    /// Calls that are relayed at once, on each signalling lane; further ones are refused.
    public var callLimit = 10_000
    /// How long the branches of a call that did not answer first keep their ports: as long as another 2xx may come
    /// (RFC 3261 §13.2.2.4).
    public var forkTime: Duration = .seconds(32)
    /// The addresses to tell the ends, where those of the sockets lie behind a NAT; nil tells those of the sockets.
    public var advertisedIPv4: TransportAddress?
    public var advertisedIPv6: TransportAddress?

    public init() {}
}
