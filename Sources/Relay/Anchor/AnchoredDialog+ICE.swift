import ICE
import Routing
import SDP

// The part of the ends in ICE, the ports that they share for it, and the names of their streams.
extension AnchoredDialog {
    /// The identification tag of a stream in what an end is told: its own, so that it stays the same (RFC 8829 §5.3.1).
    func name(_ index: Int, _ side: RelaySide) -> ByteString {
        for side in [side, side.other] {
            if let names = names[side], names.indices.contains(index), let name = names[index] { return name }
        }
        return ByteString(UInt(index))
    }

    /// Has an end that bundles be told a group of what it bundles, and of one stream where that is but one.
    ///
    /// - Parameter split: the streams that go by the transport of another.
    func bundle(_ result: inout SessionDescription?, _ tagged: Int, _ split: [Int: Int], facing side: RelaySide) {
        let members = [tagged] + split.filter { $0.value == tagged }.keys.sorted()
        result?.bundle(members, as: members.map { name($0, side) })
    }

    /// What an offer comes to of ICE. Who is to be secured is offered it where it is a browser, and speaks ICE or nothing; where the ends
    /// secure themselves, whoever speaks with one that has a part in it.
    func offeredICE(_ lines: [MediaLine], from side: RelaySide) -> [Int: StreamICE] {
        var offered: [Int: StreamICE] = [:]
        for (index, line) in lines.enumerated() {
            guard case .relayed = line.use else { continue }
            var stream = ice[index] ?? StreamICE()
            let offers = isSecured ? encryption == .dtls && browsers[side.other] ?? false : line.ice != nil
            stream.take(offer: line.ice, from: side, offers: offers)
            offered[index] = stream
        }
        return offered
    }

    /// The ends of a new stream that are known to have a part in ICE, and to have one port for all: they share that of the relay.
    func sharing(_ line: MediaLine, _ stream: StreamICE?, from side: RelaySide) -> Set<RelaySide> {
        var shared: Set<RelaySide> = []
        let isOne = line.remote.isMultiplexed || line.use == .relayed(.datagrams)
        if line.ice != nil, isOne { shared.insert(side) }
        // Whoever is to be secured is offered one port for all.
        let isOffered = stream?.terms(side.other) != nil && (isSecured || isOne)
        if isOffered, browsers[side.other] ?? false { shared.insert(side.other) }
        return shared
    }

    /// What an answer makes of it.
    func answeredICE(_ lines: [MediaLine], to offer: RelayedOffer) -> [Int: StreamICE] {
        var answered = offer.ice
        for (index, line) in lines.enumerated() { answered[index]?.take(answer: line.ice, from: offer.side.other) }
        return answered
    }

    /// Has an end be told what the relay says of ICE.
    func check(
        _ result: inout SessionDescription?, _ ice: [Int: StreamICE], facing side: RelaySide, _ riders: [Int: Int]
    ) {
        guard let address = told[side], let media = result?.media else { return }
        for index in media.indices where media[index].port != 0 {
            let place = riders[index] ?? index
            guard let stream = ice[place], let ports = ports[place], ports[side] == media[index].port else { continue }
            let hasControl =
                ports.kind == .rtp && !media[index].isRTCPMultiplexed && !ports.shared.contains(side)
            let components = hasControl ? [ports[side], ports[side] + 1] : [ports[side]]
            result?.check(index, stream.attributes(side, at: address, components))
        }
    }

    /// Whether a description names ports of this dialog: it has been here already, on a way that leads through this server twice.
    func isOurs(_ description: SessionDescription) -> Bool {
        description.media.contains { media in
            guard let address = description.connection(of: media)?.address else { return false }
            return RelaySide.allCases.contains { side in
                guard told[side] == address else { return false }
                return ports.contains { index, ports in
                    guard ports[side] == media.port else { return false }
                    // Others share the port, and not what was told of ICE.
                    let fragment = description.iceCredentials(of: media).map { Array($0.fragment.bytes) }
                    let told = [ice[index]] + offers.values.map { $0.ice[index] }
                    return !ports.shared.contains(side)
                        || told.contains { $0?.terms(side).map { $0.local.fragment == fragment } ?? false }
                }
            }
        }
    }
}

extension LegRemote {
    /// The same end with a part in ICE, or none.
    func with(_ ice: LegICE?) -> LegRemote {
        var remote = self
        remote.ice = ice
        return remote
    }
}
