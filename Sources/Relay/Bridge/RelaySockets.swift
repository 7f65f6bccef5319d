import Reactor

/// The sockets that face one end of a stream, bound and not open yet.
struct RelaySockets: Sendable {
    /// For RTP, or for whatever the stream carries.
    let media: BoundDatagramSocket
    /// For RTCP on a port of its own.
    let control: BoundDatagramSocket?

    /// The port that the end is told.
    var port: UInt16 { media.localAddress.port }
}
