import ICE
import Testing

/// RFC 6062 §4, and the ports of RFC 8656 §7.1, with a server that is as simple as can be.
@Suite final class TURNConnectingTests {
    private let own = ip(192, 0, 2, 1, 4_000)
    private let peer = ip(198, 51, 100, 77, 6_000)
    private let server = RelayServer(ip(198, 51, 100, 2, 3_478))
    private var now = ContinuousClock.now
    private var outputs: [TURNClient.Output] = []
    private var sent: [[UInt8]] = []
    private var isDown = false

    private func client(_ kind: TURNClient.Kind, families: TURNClient.Families? = nil) -> TURNClient {
        let numbers = Numbers(7)
        return TURNClient(
            server: server.address, credentials: server.credentials, families: families, kind: kind, hash: .test,
            random: { numbers.next() })
    }

    private func settle(_ client: inout TURNClient) {
        while true {
            let wanted = client.takeOutputs()
            guard !wanted.isEmpty else { return }
            for output in wanted {
                guard case .send(let destination, let bytes) = output else {
                    outputs.append(output)
                    continue
                }
                sent.append(bytes)
                guard !isDown else { continue }
                for answer in server.receive(bytes, at: destination, from: own, now: now) {
                    _ = client.receive(answer.bytes.span.bytes, now: now)
                }
            }
        }
    }

    private func pass(_ duration: Duration, _ client: inout TURNClient) {
        let end = now + duration
        while let deadline = client.deadline, deadline <= end {
            now = max(now, deadline)
            client.fire(now)
            settle(&client)
        }
        now = end
    }

    /// A client that has a relay for connections.
    private func allocated() throws -> TURNClient {
        var client = client(.connections)
        client.start(now)
        settle(&client)
        try #require(client.allocation != nil)
        outputs = []
        return client
    }

    /// Has a peer connected to.
    ///
    /// - Parameter isAsked: whether the server must be asked for it.
    private func connect(
        _ client: inout TURNClient, to peer: STUNAddress? = nil, isAsked: Bool = true,
        at place: SourceLocation = #_sourceLocation
    ) {
        let result = client.connect(to: peer ?? self.peer, now: now)
        #expect(result == isAsked, sourceLocation: place)
        settle(&client)
    }

    private func attempt(_ indication: [UInt8], _ client: inout TURNClient) {
        _ = client.receive(indication.span.bytes, now: now)
        settle(&client)
    }

    private func octets(_ type: STUNAttribute, _ bytes: [UInt8]) -> [UInt8]? { read(bytes).octets(type, bytes) }

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
            let bytes = try #require(sent.first)
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
        for bytes in sent {
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
        let bytes = try #require(sent.last)
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
        let asked = sent.suffix(2)
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
        let request = try #require(sent.last)
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

    // MARK: Connections for data (RFC 6062 §4.3, §4.5)

    private let dataPort = ip(192, 0, 2, 1, 4_001)
    private var told: [TURNDataConnection.Output] = []
    private var requests: [[UInt8]] = []

    private func connection(
        _ id: UInt32, _ credentials: LongTermCredentials? = nil
    ) -> TURNDataConnection {
        let numbers = Numbers(11)
        return TURNDataConnection(
            id, told: now, credentials: credentials ?? server.credentials, hash: .test, random: { numbers.next() })
    }

    /// Answers what the connection asks.
    ///
    /// - Parameter rest: what the server sends behind each answer, in the same octets.
    private func settle(_ connection: inout TURNDataConnection, rest: [UInt8] = [], cut: Int? = nil) {
        while true {
            let wanted = connection.takeOutputs()
            guard !wanted.isEmpty else { return }
            for output in wanted {
                guard case .send(let bytes) = output, !connection.isBound, isSTUN(bytes) else {
                    told.append(output)
                    continue
                }
                requests.append(bytes)
                guard !isDown else { continue }
                for answer in server.receive(bytes, at: server.address, from: dataPort, now: now) {
                    let isSuccess = read(answer.bytes).kind == .success
                    let stream = answer.bytes + (isSuccess ? rest : [])
                    let middle = min(cut ?? stream.count, stream.count)
                    connection.receive([UInt8](stream[..<middle]), now: now)
                    connection.receive([UInt8](stream[middle...]), now: now)
                }
            }
        }
    }

    @Test("§4.3: ConnectionBind with the number and the credentials of the client; then data as it is")
    func binding() throws {
        var client = try allocated()
        connect(&client)
        var connection = connection(101, client.credentials)
        var isSent = connection.send([1])
        #expect(!isSent)
        connection.start(now)
        settle(&connection)
        #expect(told == [.bound] && connection.isBound && connection.deadline == nil)
        #expect(requests.count == 1)
        let request = try #require(requests.first)
        #expect(read(request).method == .connectionBind && read(request).word32(.connectionID, request) == 101)
        #expect(read(request).isProven(by: server.key, request))
        isSent = connection.send([1, 2, 3])
        #expect(isSent)
        // Even what looks like a message is data now.
        connection.receive(request, now: now)
        connection.receive([], now: now)
        connection.receive([9], now: now)
        settle(&connection)
        #expect(told == [.bound, .send([1, 2, 3]), .data(request), .data([9])])
    }

    @Test("Data that comes with the answer is the peer's, wherever the stream is cut")
    func cuts() throws {
        var client = try allocated()
        // Data that looks like messages and channel data, and like neither.
        let rest: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0x40, 0, 0xFF, 0xFF, 0x80]
        for cut in stride(from: 0, through: 140, by: 7) {
            told = []
            connect(&client, to: peer.with(port: UInt16(100 + cut)))
            guard case .connected(_, let id)? = outputs.last else { return #expect(Bool(false), "not connected") }
            var connection = connection(id, client.credentials)
            connection.start(now)
            settle(&connection, rest: rest, cut: cut)
            let data = told.flatMap { if case .data(let bytes) = $0 { bytes } else { [UInt8]() } }
            #expect(told.first == .bound && data == rest, "cut at \(cut)")
        }
    }

    @Test("A nonce that was not made for this connection is replaced (438), and without one it is asked for (401)")
    func challenges() throws {
        var client = try allocated()
        connect(&client)
        connect(&client, to: peer.with(port: 1))
        server.nonce = [UInt8]("other".utf8)
        var stale = connection(101, client.credentials)
        stale.start(now)
        settle(&stale)
        #expect(told == [.bound] && requests.count == 2)
        var fresh = connection(102)
        fresh.start(now)
        settle(&fresh)
        #expect(told == [.bound, .bound] && requests.count == 4)
    }

    @Test("Who is refused has nothing: wrong password, a number that is none, another's")
    func refusedBinding() throws {
        var wrong = connection(
            101, LongTermCredentials(username: server.username, password: [UInt8]("wrong".utf8)))
        wrong.start(now)
        settle(&wrong)
        #expect(told == [.failed(.credentials)] && requests.count == 2)
        for (error, failure) in [
            (STUNErrorCode.wrongCredentials, TURNClient.Failure.credentials), (.badRequest, .refused(.badRequest)),
        ] {
            told = []
            server.refusals = [.connectionBind: [error]]
            var connection = connection(999)
            connection.start(now)
            settle(&connection)
            #expect(told == [.failed(failure)])
            let isSent = connection.send([1])
            #expect(!isSent && connection.deadline == nil)
        }
    }

    @Test("The server waits 30 s from when it has told the number, so the connection does")
    func bindingLimit() {
        isDown = true
        var connection = connection(101)
        now += .seconds(20)
        connection.start(now)
        settle(&connection)
        #expect(connection.deadline == now + .seconds(10))
        connection.fire(now + .milliseconds(9_999))
        settle(&connection)
        #expect(told.isEmpty)
        connection.fire(now + .seconds(10))
        settle(&connection)
        #expect(told == [.failed(.timeout)])
        // One that could not be made is over then too.
        var unmade = self.connection(102)
        unmade.fire(now + TURNDataConnection.bindingLimit)
        settle(&unmade)
        #expect(told.count == 2)
    }

    @Test("What is no answer ends it: no message, one too long, one that is not proven")
    func strange() throws {
        var client = try allocated()
        isDown = true
        let long: [UInt8] = [1, 0x0B, 0x10, 0, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 0, count: 12)
        for (bytes, failure) in [
            ([UInt8]("HTTP/1.1 400 Bad Request".utf8), TURNClient.Failure.malformed), (long, .malformed),
        ] {
            told = []
            var connection = connection(101)
            connection.start(now)
            settle(&connection)
            connection.receive(bytes, now: now)
            settle(&connection)
            #expect(told == [.failed(failure)])
        }
        connect(&client)
        told = []
        requests = []
        var connection = connection(101, client.credentials)
        connection.start(now)
        settle(&connection)
        let request = try #require(requests.last)
        // Another's answer is passed over; one that is not proven is not believed.
        connection.receive(stun(.success, .connectionBind, STUNTransactionID(upper: 9, lower: 9)), now: now)
        settle(&connection)
        #expect(told.isEmpty)
        connection.receive(stun(.success, .connectionBind, read(request).transaction), now: now)
        settle(&connection)
        #expect(told == [.failed(.integrity)])
    }
}
