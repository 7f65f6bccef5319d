/// What comes from the server (RFC 8656 §7.3, §8.3, §9.3, §11.4, §12.3, §12.6).
extension TURNClient {
    /// Takes a datagram of the server, or a frame of its stream.
    ///
    /// - Returns: whether it was for the client: answers to others' requests are not.
    public mutating func receive(_ bytes: RawSpan, now: Instant) -> Bool {
        if let data = ChannelData(parsing: bytes) {
            // Data may overtake the answer that the channel is bound.
            let peer = channels.first { $0.value.number == data.channel && $0.value.isOpen }?.key
            if let peer { put(.data(from: peer, bytes.array(data.data))) }
            return true
        }
        guard let message = try? STUNMessage(parsing: bytes) else { return false }
        switch message.kind {
        case .request: return false
        case .indication:
            switch message.method {
            case .data: takeData(message, in: bytes)
            case .connectionAttempt: takeAttempt(message, in: bytes)
            default: return false
            }
            return true
        case .success, .error:
            guard let index = requests.firstIndex(where: { $0.transaction.id == message.transaction }) else {
                return false
            }
            take(message, index, now: now, in: bytes)
            return true
        }
    }

    /// A Data indication (RFC 8656 §11.4); from those without permission there should be none. One with ICMP tells of an error.
    private mutating func takeData(_ message: STUNMessage, in bytes: RawSpan) {
        guard message.unknown(besides: STUNAttribute.ofTURN, in: bytes).isEmpty,
            let peer = message.address(.xorPeerAddress, in: bytes), let data = message.octets(.data, in: bytes),
            peers[peer.with(port: 0)]?.isOpen == true || channels[peer]?.isOpen == true
        else { return }
        put(.data(from: peer, data))
    }

    private mutating func take(_ message: STUNMessage, _ index: Int, now: Instant, in bytes: RawSpan) {
        let verdict = credentials.judge(message, provenWith: requests[index].proof, hash, in: bytes)
        let purpose = requests[index].purpose
        switch verdict {
        case .discarded:
            // Silence is then a violation; a connection does not bring another answer (RFC 8489 §9.2.5).
            requests[index].isViolated = true
            guard isReliable else { return }
            requests.remove(at: index)
            fail(purpose, .integrity)
        case .refused:
            requests.remove(at: index)
            fail(purpose, .credentials)
        case .retry:
            requests.remove(at: index)
            ask(purpose, now: now)
        case .accepted:
            requests.remove(at: index)
            guard message.unknown(besides: STUNAttribute.ofTURN, in: bytes).isEmpty else {
                return fail(purpose, .malformed)
            }
            if message.kind == .success {
                succeed(purpose, message, now: now, in: bytes)
            } else {
                refuse(purpose, message, now: now, in: bytes)
            }
        }
    }

    private mutating func succeed(_ purpose: Request.Purpose, _ message: STUNMessage, now: Instant, in bytes: RawSpan) {
        switch purpose {
        case .allocate:
            let relayed = message.addresses(.xorRelayedAddress, in: bytes)
            guard let mapped = message.address(.xorMappedAddress, in: bytes), (1...2).contains(relayed.count),
                let lifetime = message.word32(.lifetime, in: bytes)
            else { return fail(.allocate, .malformed) }
            let allocation = Allocation(
                relayed: relayed, mapped: mapped, token: message.word64(.reservationToken, in: bytes))
            self.allocation = allocation
            state = .allocated
            setRefresh(lifetime, now: now)
            put(.allocated(allocation))
        case .refresh(0):
            state = .ended
            put(.ended)
        case .refresh:
            guard let lifetime = message.word32(.lifetime, in: bytes), lifetime > 0 else {
                return fail(purpose, .malformed)
            }
            setRefresh(lifetime, now: now)
        case .permit(let host):
            peers[host] = Peer(isPermitted: true, refresh: now + Self.permissionRefresh)
            flush(host)
        case .bind(let peer):
            channels[peer]?.isBound = true
            channels[peer]?.isAsked = false
            channels[peer]?.refresh = now + Self.permissionRefresh
            // A channel is a permission too (RFC 8656 §12.2).
            let host = peer.with(port: 0)
            if peers[host] != nil || peers.count < Self.mostPeers {
                peers[host] = Peer(isPermitted: true, refresh: now + Self.permissionRefresh)
            }
            flush(host)
        case .connect(let peer):
            guard let id = message.word32(.connectionID, in: bytes) else { return fail(purpose, .malformed) }
            connecting.remove(peer)
            put(.connected(to: peer, id: id))
        }
    }

    /// A minute before the end, or when half of a short time has passed.
    private mutating func setRefresh(_ lifetime: UInt32, now: Instant) {
        let range = Self.believedLifetimes
        let believed = Duration.seconds(Int64(min(max(lifetime, range.lowerBound), range.upperBound)))
        refresh = now + max(believed - Self.refreshMargin, believed / 2)
    }

    /// Sends what has waited for a permission.
    private mutating func flush(_ host: STUNAddress) {
        let ready = waiting.filter { $0.peer.isSameHost(as: host) }
        waiting.removeAll { $0.peer.isSameHost(as: host) }
        for entry in ready { indicate(entry.data, to: entry.peer) }
    }

    private mutating func refuse(_ purpose: Request.Purpose, _ message: STUNMessage, now: Instant, in bytes: RawSpan) {
        let error = message.error(in: bytes) ?? .serverError
        switch (purpose, error) {
        case (.allocate, .tryAlternate):
            guard let other = message.address(.alternateServer, in: bytes), other.isIPv6 == server.isIPv6,
                !tried.contains(other), tried.count <= Self.mostRedirections
            else { return fail(purpose, .refused(error)) }
            // RFC 8489 §10: the same credentials, by the same transport.
            tried.append(other)
            server = other
            ask(.allocate, now: now)
        case (.refresh(0), _): fail(purpose, .refused(error))
        case (_, .allocationMismatch) where purpose != .allocate:
            // The server knows nothing of the allocation (RFC 8656 §8.2).
            end(.refused(error))
        case (_, .wrongCredentials): fail(purpose, .credentials)
        case (.connect(let peer), .connectionFailure):
            unreachable[peer] = now + Self.connectPause
            fail(purpose, .refused(error))
        default: fail(purpose, .refused(error))
        }
    }
}
