import ICE
import Testing

/// RFC 6062 §4, and the ports of RFC 8656 §7.1, with a server that is as simple as can be.
@Suite final class TURNConnectingTests: ConnectingRig {
    // MARK: Ports (RFC 8656 §7.1)

    @Test(
        "Ports are asked for: EVEN-PORT with and without its bit, RESERVATION-TOKEN alone",
        arguments: [
            (TURNClient.Port.any, nil, nil), (.even, [0], nil), (.evenWithNext, [0x80], nil),
            (.reserved(0x0102_0304_0506_0708), nil, [1, 2, 3, 4, 5, 6, 7, 8]),
        ] as [(TURNClient.Port, [UInt8]?, [UInt8]?)])
    func ports(port: TURNClient.Port, even: [UInt8]?, token: [UInt8]?) throws {
        for families in [TURNClient.Families.ip4, .ip6, .both] {
            sent = []
            isDown = true
            var client = client(.datagrams(port), families: families)
            client.start(now)
            settle(&client)
            let bytes = try #require(datagrams.first)
            #expect(octets(.requestedTransport, bytes) == [17, 0, 0, 0])
            #expect(octets(.evenPort, bytes) == even)
            #expect(octets(.reservationToken, bytes) == token)
            #expect(read(bytes).has(.requestedAddressFamily, bytes) == (families == .ip6 && token == nil))
            let isBoth = families == .both && token == nil && port != .evenWithNext
            #expect(read(bytes).has(.additionalAddressFamily, bytes) == isBoth)
        }
    }

    @Test("The token of a port that is kept is told, and asked for by another client")
    func token() throws {
        server.token = 77
        var first = client(.datagrams(.evenWithNext))
        first.start(now)
        settle(&first)
        #expect(first.allocation?.token == 77)
        server.token = nil
        let token = try #require(first.allocation?.token)
        var second = client(.datagrams(.reserved(token)))
        second.start(now)
        let wanted = second.takeOutputs()
        guard case .send(_, let bytes)? = wanted.first else { return #expect(Bool(false), "nothing was sent") }
        #expect(read(bytes).word64(.reservationToken, bytes) == 77)
    }

    // MARK: Allocations (RFC 6062 §4.1, §4.2)

    @Test("§4.1: REQUESTED-TRANSPORT is 6, and nothing that is of UDP alone; sent once; §4.2: refreshed")
    func allocation() throws {
        var client = try allocated()
        #expect(sent.count == 2)
        for bytes in datagrams {
            #expect(octets(.requestedTransport, bytes) == [6, 0, 0, 0])
            #expect(octets(.lifetime, bytes) == [0, 0, 2, 0x58])
            for type in [STUNAttribute.dontFragment, .reservationToken, .evenPort] {
                #expect(!read(bytes).has(type, bytes))
            }
        }
        pass(.seconds(1_800), &client)
        #expect(server.counts[.refresh] == 3)
        // What is for datagrams does nothing.
        let count = sent.count
        client.send([1], to: peer, now: now)
        client.bindChannel(to: peer, now: now)
        settle(&client)
        #expect(sent.count == count)
        client.close(now)
        settle(&client)
        #expect(outputs == [.ended] && server.relayedAddresses.isEmpty)
        connect(&client, isAsked: false)
    }

    @Test("A relay for connections is asked for once, as by a connection, even if its owner forgets to say so")
    func reliable() {
        isDown = true
        var client = client(.connections)
        client.start(now)
        settle(&client)
        pass(.seconds(40), &client)
        #expect(sent.count == 1 && outputs == [.failed(.timeout)])
    }

    @Test(
        "Servers that have no relays for connections say so",
        arguments: [STUNErrorCode.unsupportedTransport, .forbidden, .badRequest])
    func refusedAllocation(error: STUNErrorCode) {
        server.refusals = [.allocate: [error]]
        var client = client(.connections)
        client.start(now)
        settle(&client)
        #expect(outputs == [.failed(.refused(error))])
    }

    // MARK: Connections of the server to peers (RFC 6062 §4.3)

    @Test("A peer is connected to, and its number told")
    func connecting() throws {
        var client = try allocated()
        connect(&client)
        #expect(outputs == [.connected(to: peer, id: 101)])
        let bytes = try #require(datagrams.last)
        #expect(read(bytes).method == .connect && read(bytes).address(.xorPeerAddress, bytes) == peer)
        connect(&client, to: peer.with(port: 6_001))
        #expect(outputs.last == .connected(to: peer.with(port: 6_001), id: 102))
    }

    @Test("There are several at once, but never two for one peer")
    func simultaneous() throws {
        var client = try allocated()
        isDown = true
        connect(&client)
        connect(&client, isAsked: false)
        connect(&client, to: peer.with(port: 6_001))
        let asked = datagrams.suffix(2)
        isDown = false
        for bytes in asked.reversed() {
            for answer in server.receive(bytes, at: server.address, from: own, now: now) {
                _ = client.receive(answer.bytes.span.bytes, now: now)
            }
        }
        settle(&client)
        #expect(outputs == [.connected(to: peer.with(port: 6_001), id: 101), .connected(to: peer, id: 102)])
    }

    @Test(
        "Refusals are told as they are",
        arguments: [
            STUNErrorCode.connectionAlreadyExists, .connectionFailure, .forbidden, .badRequest,
            .peerAddressFamilyMismatch, .insufficientCapacity,
        ])
    func refusals(error: STUNErrorCode) throws {
        var client = try allocated()
        server.refusals = [.connect: [error]]
        connect(&client)
        #expect(outputs == [.notConnected(to: peer, .refused(error))])
        outputs = []
        // After 447 ten seconds pass before it is asked again, and after others none.
        guard error == .connectionFailure else { return connect(&client) }
        connect(&client, isAsked: false)
        connect(&client, to: peer.with(port: 1))
        pass(.milliseconds(9_999), &client)
        connect(&client, isAsked: false)
        pass(.milliseconds(1), &client)
        connect(&client)
        #expect(outputs.last == .connected(to: peer, id: 102))
    }

    @Test("An answer without a number is none; and none at all is not awaited for ever")
    func malformed() throws {
        var client = try allocated()
        isDown = true
        connect(&client)
        let request = try #require(datagrams.last)
        let answer = stun(.success, .connect, read(request).transaction) {
            try $0.addIntegrity(server.key, .test, into: &$1)
        }
        _ = client.receive(answer.span.bytes, now: now)
        settle(&client)
        #expect(outputs == [.notConnected(to: peer, .malformed)])
        connect(&client)
        pass(.milliseconds(39_500), &client)
        #expect(outputs.last == .notConnected(to: peer, .timeout))
        connect(&client)
    }

    @Test("437 to Connect: there is no allocation any more")
    func lost() throws {
        var client = try allocated()
        server.refusals = [.connect: [.allocationMismatch]]
        connect(&client)
        #expect(outputs == [.failed(.refused(.allocationMismatch))])
        #expect(client.allocation == nil && client.deadline == nil)
    }

    @Test("No more is asked for at once than may be; IPv6 not at all without a relay of it")
    func bounds() throws {
        var client = try allocated()
        isDown = true
        for number in 0..<TURNClient.mostConnecting {
            connect(&client, to: peer.with(port: UInt16(1 + number)))
        }
        connect(&client, isAsked: false)
        connect(&client, to: STUNAddress(ip6: 1, port: 1), isAsked: false)
        var datagrams = self.client(.datagrams())
        isDown = false
        datagrams.start(now)
        settle(&datagrams)
        connect(&datagrams, isAsked: false)
    }

    // MARK: Connections of peers (RFC 6062 §4.4)

    @Test("Those of hosts that may send are told of, others not")
    func attempts() throws {
        var client = try allocated()
        attempt(server.attempt(by: peer, to: own).bytes, &client)
        #expect(outputs.isEmpty)
        client.permit(peer, now: now)
        settle(&client)
        #expect(client.permission(of: peer) == .given)
        let (id, bytes) = server.attempt(by: peer.with(port: 9), to: own)
        attempt(bytes, &client)
        #expect(outputs == [.attempted(by: peer.with(port: 9), id: id)])
        // What lacks something, or has something that nobody knows, is none.
        let name = STUNTransactionID(upper: 0, lower: 2)
        attempt(stun(.indication, .connectionAttempt, name) { try $0.add(.xorPeerAddress, peer, into: &$1) }, &client)
        attempt(
            stun(.indication, .connectionAttempt, name) { try $0.add(.connectionID, 5 as UInt32, into: &$1) }, &client)
        attempt(
            stun(.indication, .connectionAttempt, name) {
                try $0.add(.xorPeerAddress, peer, into: &$1)
                try $0.add(.connectionID, 5 as UInt32, into: &$1)
                try $0.add(STUNAttribute(rawValue: 0x7FFF), [1], into: &$1)
            }, &client)
        #expect(outputs.count == 1)
        server.refusals = [.createPermission: [.forbidden]]
        let other = ip(10, 0, 0, 1, 1)
        #expect(client.permission(of: other) == nil)
        client.permit(other, now: now)
        #expect(client.permission(of: other) == .asked)
        settle(&client)
        #expect(client.permission(of: other) == .refused)
    }
}
