import ICE

/// A STUN and TURN server as far as tests need one (RFC 8656 §7.2, §8.1, §9.2, §10 to §12), written without the client.
final class RelayServer {
    typealias Instant = ContinuousClock.Instant

    struct Datagram {
        var source: STUNAddress
        var destination: STUNAddress
        var bytes: [UInt8]
    }

    private struct Allocation {
        var relayed: STUNAddress
        var expires: Instant
        var permissions: [STUNAddress: Instant] = [:]
        var channels: [UInt16: (peer: STUNAddress, expires: Instant)] = [:]
        /// The request that made it: who sends it again is answered again.
        var transaction: STUNTransactionID
        /// Peers that it is connected with, and has told of.
        var connections: [UInt32: STUNAddress] = [:]
    }

    let address: STUNAddress
    let username = [UInt8]("alice".utf8)
    let password = [UInt8]("secret".utf8)
    let realm = [UInt8]("example.org".utf8)
    /// Requests with another nonce are refused as stale.
    var nonce = [UInt8]("first".utf8)
    /// What the next requests of a method are refused with, before anything else is looked at.
    var refusals: [STUNMethod: [STUNErrorCode]] = [:]
    /// Where to send those who are refused by 300.
    var alternate: STUNAddress?
    var lifetime: UInt32 = 600
    /// What is told of a port that is kept.
    var token: UInt64?
    private var nextConnection: UInt32 = 100
    private var allocations: [STUNAddress: Allocation] = [:]
    private var nextPort: UInt16 = 50_000
    /// Requests that were taken, by method.
    private(set) var counts: [STUNMethod: Int] = [:]

    init(_ address: STUNAddress) { self.address = address }

    var key: STUNKey { .longTerm(username: username, realm: realm, password: password, .md5, .test) }
    var relayedAddresses: [STUNAddress] { allocations.values.map(\.relayed) }
    var credentials: LongTermCredentials { LongTermCredentials(username: username, password: password) }

    func receive(_ bytes: [UInt8], at destination: STUNAddress, from source: STUNAddress, now: Instant) -> [Datagram] {
        allocations = allocations.filter { $0.value.expires > now }
        if destination == address { return serve(bytes, source, now) }
        guard let (client, allocation) = allocations.first(where: { $0.value.relayed == destination }),
            allocation.permissions[source.with(port: 0)].map({ $0 > now }) ?? false
        else { return [] }
        if let channel = allocation.channels.first(where: { $0.value.peer == source && $0.value.expires > now }) {
            let data = ChannelData.bytes(channel.key, bytes) ?? []
            return [Datagram(source: address, destination: client, bytes: data)]
        }
        let indication = stun(.indication, .data, STUNTransactionID(upper: 0, lower: 0)) { writer, memory in
            try writer.add(.xorPeerAddress, source, into: &memory)
            try writer.add(.data, bytes, into: &memory)
        }
        return [Datagram(source: address, destination: client, bytes: indication)]
    }

    private func serve(_ bytes: [UInt8], _ client: STUNAddress, _ now: Instant) -> [Datagram] {
        if let data = ChannelData(parsing: bytes.span.bytes) {
            guard let allocation = allocations[client], let channel = allocation.channels[data.channel],
                channel.expires > now
            else { return [] }
            return [
                Datagram(
                    source: allocation.relayed, destination: channel.peer, bytes: [UInt8](bytes[data.data]))
            ]
        }
        guard let message = try? STUNMessage(parsing: bytes.span.bytes) else { return [] }
        if message.kind == .indication, message.method == .send {
            guard let allocation = allocations[client], let peer = message.address(.xorPeerAddress, bytes),
                let data = message.octets(.data, bytes),
                allocation.permissions[peer.with(port: 0)].map({ $0 > now }) ?? false
            else { return [] }
            return [Datagram(source: allocation.relayed, destination: peer, bytes: data)]
        }
        guard message.kind == .request else { return [] }
        let answer =
            message.method == .binding
            ? stun(.success, .binding, message.transaction) {
                try $0.add(.xorMappedAddress, client, into: &$1)
            } : answer(message, bytes, client, now)
        return [Datagram(source: address, destination: client, bytes: answer)]
    }

    /// A peer connects to the relay of a client: a ConnectionAttempt indication (RFC 6062 §5.3), also when nobody lets it.
    func attempt(by peer: STUNAddress, to client: STUNAddress) -> (id: UInt32, bytes: [UInt8]) {
        nextConnection += 1
        allocations[client]?.connections[nextConnection] = peer
        let indication = stun(.indication, .connectionAttempt, STUNTransactionID(upper: 0, lower: 1)) {
            try $0.add(.xorPeerAddress, peer, into: &$1)
            try $0.add(.connectionID, nextConnection, into: &$1)
        }
        return (nextConnection, indication)
    }

    private func refuse(_ message: STUNMessage, _ error: STUNErrorCode, isProven: Bool) -> [UInt8] {
        stun(.error, message.method, message.transaction) { writer, memory in
            try writer.add(error, into: &memory)
            if error == .unauthenticated || error == .staleNonce {
                try writer.add(.realm, realm, into: &memory)
                try writer.add(.nonce, nonce, into: &memory)
            }
            if error == .tryAlternate, let alternate { try writer.add(.alternateServer, alternate, into: &memory) }
            if isProven { try writer.addIntegrity(key, .test, into: &memory) }
        }
    }

    private func answer(_ message: STUNMessage, _ bytes: [UInt8], _ client: STUNAddress, _ now: Instant) -> [UInt8] {
        guard message.integrity != nil else { return refuse(message, .unauthenticated, isProven: false) }
        guard message.octets(.username, bytes) == username, message.isProven(by: key, .test, in: bytes.span.bytes)
        else {
            return refuse(message, .unauthenticated, isProven: false)
        }
        guard message.octets(.nonce, bytes) == nonce else { return refuse(message, .staleNonce, isProven: false) }
        if let error = refusals[message.method]?.first {
            refusals[message.method]?.removeFirst()
            return refuse(message, error, isProven: true)
        }
        counts[message.method, default: 0] += 1
        let peers = message.addresses(.xorPeerAddress, in: bytes.span.bytes)
        switch message.method {
        case .allocate:
            if let known = allocations[client] {
                guard known.transaction == message.transaction else {
                    return refuse(message, .allocationMismatch, isProven: true)
                }
            } else {
                allocations[client] = Allocation(
                    relayed: address.with(port: nextPort), expires: now + .seconds(Int64(lifetime)),
                    transaction: message.transaction)
                nextPort += 1
            }
        case .refresh:
            guard allocations[client] != nil else { return refuse(message, .allocationMismatch, isProven: true) }
            let wanted = message.word32(.lifetime, bytes) ?? lifetime
            allocations[client]?.expires = now + .seconds(Int64(wanted))
            if wanted == 0 { allocations[client] = nil }
        case .createPermission:
            for peer in peers { allocations[client]?.permissions[peer.with(port: 0)] = now + .seconds(300) }
        case .channelBind:
            guard let peer = peers.first, let number = message.word32(.channelNumber, bytes) else {
                return refuse(message, .badRequest, isProven: true)
            }
            allocations[client]?.permissions[peer.with(port: 0)] = now + .seconds(300)
            allocations[client]?.channels[UInt16(number >> 16)] = (peer, now + .seconds(600))
        case .connect:
            guard let peer = peers.first, allocations[client] != nil else {
                return refuse(message, .badRequest, isProven: true)
            }
            nextConnection += 1
            allocations[client]?.connections[nextConnection] = peer
        case .connectionBind:
            let id = message.word32(.connectionID, bytes) ?? 0
            guard let owner = allocations.first(where: { $0.value.connections[id] != nil })?.key else {
                return refuse(message, .badRequest, isProven: true)
            }
            allocations[owner]?.connections[id] = nil
        default: return refuse(message, .badRequest, isProven: true)
        }
        let relayed = allocations[client]?.relayed
        return stun(.success, message.method, message.transaction) { writer, memory in
            if message.method == .allocate, let relayed {
                try writer.add(.xorRelayedAddress, relayed, into: &memory)
                try writer.add(.xorMappedAddress, client, into: &memory)
                try writer.add(.lifetime, lifetime, into: &memory)
                if let token { try writer.add(.reservationToken, token, into: &memory) }
            }
            if message.method == .connect { try writer.add(.connectionID, nextConnection, into: &memory) }
            if message.method == .refresh {
                try writer.add(.lifetime, message.word32(.lifetime, bytes) ?? lifetime, into: &memory)
            }
            try writer.addIntegrity(key, .test, into: &memory)
        }
    }
}
