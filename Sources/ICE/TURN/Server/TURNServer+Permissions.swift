/// Permissions and channels (RFC 8656 §9, §10, §12).
extension TURNServer {
    /// Takes a CreatePermission request (RFC 8656 §10.2): all of it, or nothing.
    mutating func permit(
        _ message: STUNMessage, _ bytes: RawSpan, _ slot: Int, _ proof: Proof, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        var hosts: [STUNAddress] = []
        var walk = message.attributes
        while let attribute = walk.next(in: bytes) {
            guard attribute.type == .xorPeerAddress else { continue }
            guard let host = message.address(.xorPeerAddress, at: attribute.value, in: bytes) else {
                return refuse(message, .badRequest, proof, into: &memory)
            }
            hosts.append(host)
        }
        guard !hosts.isEmpty else { return refuse(message, .badRequest, proof, into: &memory) }
        for host in hosts {
            if let error = objection(to: host, slot) { return refuse(message, error, proof, into: &memory) }
        }
        guard slots[slot].permit(hosts, most: configuration.mostPermissions, now: now) else {
            statistics.capacityRefusals += 1
            return refuse(message, .insufficientCapacity, proof, into: &memory)
        }
        return write(.success, message.method, message.transaction, proof, into: &memory)
    }

    /// Why there may be no permission for a host.
    mutating func objection(to host: STUNAddress, _ slot: Int) -> STUNErrorCode? {
        guard slots[slot][host.family] != nil else { return .peerAddressFamilyMismatch }
        guard configuration.peers.allows(host) else {
            statistics.forbidden += 1
            return .forbidden
        }
        return nil
    }

    /// Takes a ChannelBind request (RFC 8656 §12.2).
    mutating func bind(
        _ message: STUNMessage, _ bytes: RawSpan, _ slot: Int, _ proof: Proof, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        guard slots[slot].transport == .udp, let number = message.word16(.channelNumber, in: bytes),
            configuration.channels.contains(number),
            let peer = message.address(.xorPeerAddress, in: bytes)
        else { return refuse(message, .badRequest, proof, into: &memory) }
        if let error = objection(to: peer, slot) { return refuse(message, error, proof, into: &memory) }
        guard configuration.peers.reaches(peer) else {
            statistics.forbidden += 1
            return refuse(message, .forbidden, proof, into: &memory)
        }
        slots[slot].channels.removeAll { $0.expires <= now }
        let ofNumber = slots[slot].channels.firstIndex { $0.number == number }
        let ofPeer = slots[slot].channels.firstIndex { $0.peer == peer }
        guard ofNumber == ofPeer else { return refuse(message, .badRequest, proof, into: &memory) }
        guard ofNumber != nil || slots[slot].channels.count < configuration.mostChannels,
            slots[slot].permit([peer], most: configuration.mostPermissions, now: now)
        else {
            statistics.capacityRefusals += 1
            return refuse(message, .insufficientCapacity, proof, into: &memory)
        }
        let expires = now + TURNServerConfiguration.channelLifetime
        if let ofNumber {
            slots[slot].channels[ofNumber].expires = expires
        } else {
            slots[slot].channels.append(TURNAllocation.Channel(number: number, peer: peer, expires: expires))
        }
        return write(.success, message.method, message.transaction, proof, into: &memory)
    }
}
