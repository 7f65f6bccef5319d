/// What is sent to the server, and what becomes of a request that has failed (RFC 8656 §7.1, §8.1, §9.1, §12.1, RFC 6062 §4).
extension TURNClient {
    func newTransaction() -> STUNTransactionID {
        STUNTransactionID(upper: UInt32(truncatingIfNeeded: random()), lower: random())
    }

    /// IPv6, of the families of addresses (RFC 8656 §18.6).
    private static let ip6: UInt32 = 2 << 24

    /// Sends a request as a new transaction.
    mutating func ask(_ purpose: Request.Purpose, now: Instant) {
        let id = newTransaction()
        guard let bytes = request(purpose, id) else { return fail(purpose, .malformed) }
        requests.append(
            Request(
                purpose: purpose,
                transaction: STUNClientTransaction(id, isReliable: isReliable, timing: timing, now: now), bytes: bytes,
                proof: credentials.key == nil ? nil : credentials.nonce))
        put(.send(to: server, bytes))
    }

    private func request(_ purpose: Request.Purpose, _ id: STUNTransactionID) -> [UInt8]? {
        let method: STUNMethod =
            switch purpose {
            case .allocate: .allocate
            case .refresh: .refresh
            case .permit: .createPermission
            case .bind: .channelBind
            case .connect: .connect
            }
        // Realm, nonce and the list of algorithms are the server's: as long as they are taken.
        let room = 3 * LongTermCredentials.longestText
        return STUNWriter.message(.request, method, id, room: room) { writer, bytes in
            switch purpose {
            case .allocate:
                try writer.add(.requestedTransport, kind.protocolNumber << 24, into: &bytes)
                try writer.add(.lifetime, Self.lifetime, into: &bytes)
                try writePort(&writer, into: &bytes)
            case .refresh(let lifetime): try writer.add(.lifetime, lifetime, into: &bytes)
            case .permit(let host): try writer.add(.xorPeerAddress, host, into: &bytes)
            case .bind(let peer):
                let number = UInt32(channels[peer]?.number ?? 0)
                try writer.add(.channelNumber, number << 16, into: &bytes)
                try writer.add(.xorPeerAddress, peer, into: &bytes)
            case .connect(let peer): try writer.add(.xorPeerAddress, peer, into: &bytes)
            }
            try credentials.prove(&writer, hash, into: &bytes)
            try writer.addFingerprint(into: &bytes)
        }
    }

    /// Which port and family are wanted (RFC 8656 §7.1): without a family it is IPv4.
    private func writePort(_ writer: inout STUNWriter, into bytes: inout MutableRawSpan) throws(STUNDefect) {
        switch kind {
        // What was kept has its family already, and nothing else may stand beside the token.
        case .datagrams(.reserved(let token)): return try writer.add(.reservationToken, token, into: &bytes)
        case .datagrams(.evenWithNext):
            try writer.add(.evenPort, [0x80], into: &bytes)
            // Of both families there would be two tokens.
            if families == .both { return }
        case .datagrams(.even): try writer.add(.evenPort, [0], into: &bytes)
        case .datagrams(.any), .connections: break
        }
        if families == .ip6 { try writer.add(.requestedAddressFamily, Self.ip6, into: &bytes) }
        if families == .both { try writer.add(.additionalAddressFamily, Self.ip6, into: &bytes) }
    }

    /// What a request was for is not to be had.
    mutating func fail(_ purpose: Request.Purpose, _ failure: Failure) {
        switch purpose {
        case .allocate: end(failure)
        case .refresh(0):
            state = .ended
            put(.ended)
        case .refresh: end(failure)
        case .permit(let host):
            peers[host] = Peer(isRefused: true)
            waiting.removeAll { $0.peer.isSameHost(as: host) }
        case .bind(let peer):
            // The number stays with the peer (RFC 8656 §12): data goes on by indications.
            channels[peer]?.isBound = false
            channels[peer]?.isAsked = false
        case .connect(let peer):
            connecting.remove(peer)
            put(.notConnected(to: peer, failure))
        }
    }

    /// The allocation is gone, or will not be.
    mutating func end(_ failure: Failure) {
        forget()
        allocation = nil
        state = .ended
        put(.failed(failure))
    }
}
