import Reactor

/// The sockets that face one end of a stream.
enum RelaySockets: Sendable {
    /// Of the stream alone, bound and not open yet: for RTP, or for whatever it carries, and for RTCP on a port of its own.
    case own(media: BoundDatagramSocket, control: BoundDatagramSocket?)
    /// That which all ends with a part in ICE share.
    case shared(RelayDoor)
    /// None: the stream goes by those of another one of its end, which has that port.
    case riding(port: UInt16)

    /// The port that the end is told.
    var port: UInt16 {
        switch self {
        case .own(let media, _): media.localAddress.port
        case .shared(let door): door.localAddress.port
        case .riding(let port): port
        }
    }
}
