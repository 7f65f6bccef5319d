import Reactor

/// Where a leg receives: a pair of ports at each address of this host, bound and not open yet.
struct MediaSockets: Sendable {
    /// Ports for RTP and RTCP at one address.
    struct Pair: Sendable {
        let rtp: BoundDatagramSocket
        let rtcp: BoundDatagramSocket

        var place: ICEEnds.Place { ICEEnds.Place(media: rtp.localAddress, control: rtcp.localAddress) }
    }

    /// Most addresses of this host that a call has ports at; further ones are left out. Each is one more candidate for each component.
    static let mostAddresses = 6

    /// At the address that signalling leaves by, which descriptions name.
    let main: Pair
    /// At other addresses, which connectivity checks may find ways from.
    var others: [Pair] = []

    /// Binds ports at an address, and where wanted at those beside it; one that cannot be had is left out.
    ///
    /// - Throws: `SocketError` when there are none at the address itself.
    init(
        near address: TransportAddress, beside: [TransportAddress], _ ports: MediaPorts,
        _ configuration: DatagramSocketConfiguration
    ) throws(SocketError) {
        let pair = try ports.bindPair(on: address, configuration)
        main = Pair(rtp: pair.rtp, rtcp: pair.rtcp)
        for other in beside.prefix(Self.mostAddresses - 1) {
            guard let pair = try? ports.bindPair(on: other, configuration) else { continue }
            others.append(Pair(rtp: pair.rtp, rtcp: pair.rtcp))
        }
    }

    /// Ports at one address.
    init(rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket) { main = Pair(rtp: rtp, rtcp: rtcp) }

    /// The addresses, that of signalling first.
    var places: [ICEEnds.Place] { [main.place] + others.map(\.place) }
}
