/// One side of a media description as the other needs it.
struct RemoteMedia {
    let description: SessionDescription
    let media: MediaDescription
    let connection: Connection

    var address: ConnectionAddress { connection.address }

    /// The `m=` line at an index; fails with the reason for which nothing can be sent there.
    static func find(_ index: Int, in description: SessionDescription) -> Result<RemoteMedia, RefusalFailure> {
        let media = description.media[index]
        guard let connection = description.connection(of: media) else { return .failure(.init(.missingConnection)) }
        if case .other = connection.address { return .failure(.init(.unsupportedAddress)) }
        guard !connection.address.isMulticast else { return .failure(.init(.unsupportedAddress)) }
        return .success(RemoteMedia(description: description, media: media, connection: connection))
    }

    /// Direction as the peer states it.
    var direction: Direction { description.direction(of: media) }

    /// Whether the peer wants nothing to be sent: by direction, by address, or by a bandwidth of zero (RFC 3264 §5.1). One that speaks
    /// of ICE has no address yet, or hides it (RFC 8840 §4.1.1): its candidates say where media goes.
    var isHolding: Bool { !direction.receives || address.isUnspecified && !isWithICE || isWithoutBandwidth }

    private var isWithICE: Bool { description.iceCredentials(of: media) != nil }

    private var isWithoutBandwidth: Bool {
        let amounts = media.bandwidths + description.bandwidths
        return amounts.contains { ($0.type == "AS" || $0.type == "TIAS" || $0.type == "CT") && $0.amount == 0 }
    }

    /// Where the peer receives RTCP.
    func rtcp(isMultiplexed: Bool) -> RTCPDestination {
        if isMultiplexed, isWithICE, !isWithoutBandwidth { return .multiplexed }
        guard !address.isUnspecified, !isWithoutBandwidth else { return .none }
        if isMultiplexed { return .multiplexed }
        guard let stated = media.rtcp else {
            return media.port < .max ? .separate(address, media.port + 1) : .none
        }
        let target = stated.connection?.address ?? address
        return stated.port == 0 || target.isUnspecified || target.isMulticast ? .none : .separate(target, stated.port)
    }

    /// What to send per packet: the peer's wish, or else ours, within all bounds.
    func packetTime(local: Duration?) -> Duration {
        let range = NegotiatedStream.packetTimes
        let wish = media.packetTime ?? local ?? NegotiatedStream.defaultPacketTime
        return max(range.lowerBound, min(wish, maximumPacketTime))
    }

    /// The most that the peer takes, within bounds.
    var maximumPacketTime: Duration {
        let range = NegotiatedStream.packetTimes
        return max(range.lowerBound, min(media.maximumPacketTime ?? range.upperBound, range.upperBound))
    }
}

/// A refusal as the failure of a result.
struct RefusalFailure: Error {
    let reason: RefusalReason

    init(_ reason: RefusalReason) {
        self.reason = reason
    }
}
