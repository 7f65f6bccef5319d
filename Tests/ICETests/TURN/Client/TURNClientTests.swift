import ICE
import Testing

/// Where the data lies in channel data: spans cannot pass through the macros of the tests.
private func channelData(_ bytes: [UInt8]) -> Range<Int>? { ChannelData(parsing: bytes.span.bytes)?.data }

/// RFC 8656, with a server that is as simple as can be.
@Suite final class TURNClientTests: TURNClientRig {
    private let peer = ip(198, 51, 100, 77, 6_000)

    private func client(
        password: String = "secret", families: TURNClient.Families? = nil, isReliable: Bool = false
    ) -> TURNClient {
        let numbers = Numbers(7)
        return TURNClient(
            server: server.address,
            credentials: LongTermCredentials(username: [UInt8]("alice".utf8), password: [UInt8](password.utf8)),
            families: families, isReliable: isReliable, hash: .test, random: { numbers.next() })
    }

    /// A client that has its allocation.
    private func allocated() throws -> TURNClient { try allocated(client()) }

    /// A peer sends to the relay.
    private func send(_ bytes: [UInt8], to client: inout TURNClient) throws {
        let relayed = try #require(client.allocation?.relayed.first)
        for answer in server.receive(bytes, at: relayed, from: peer, now: now) where answer.destination == own {
            _ = client.receive(answer.bytes.span.bytes, now: now)
        }
        settle(&client)
    }

    private var failures: [TURNClient.Failure] {
        outputs.compactMap { if case .failed(let failure) = $0 { failure } else { nil } }
    }

    private var data: [[UInt8]] {
        outputs.compactMap { if case .data(_, let bytes) = $0 { bytes } else { nil } }
    }

    @Test("§7: an allocation after a challenge; §8: it is refreshed a minute before its end, as long as it is wanted")
    func allocation() throws {
        var client = try allocated()
        #expect(client.allocation?.relayed == [ip(198, 51, 100, 2, 50_000)])
        #expect(client.allocation?.mapped == own)
        let first = sent[0].bytes
        #expect(read(first).octets(.requestedTransport, first) == [17, 0, 0, 0])
        #expect(!read(first).has(.username, first))
        #expect(sent.count == 2)
        let begin = now
        pass(.seconds(3_600), &client)
        #expect(server.counts[.refresh] == 6)
        #expect(sent[2].at - begin == .seconds(540))
        #expect(client.allocation != nil && failures.isEmpty)
    }

    @Test("§8: a short lifetime is refreshed at its half")
    func shortLifetime() throws {
        server.lifetime = 60
        var client = try allocated()
        pass(.seconds(31), &client)
        #expect(server.counts[.refresh] == 1)
    }

    @Test("§9, §11: data waits for the permission, and both ways go by indications; permissions are renewed each 4 min")
    func permissions() throws {
        var client = try allocated()
        try send([1], to: &client)
        #expect(data.isEmpty)
        client.send([2, 3], to: peer, now: now)
        settle(&client)
        #expect(arrived.map(\.bytes) == [[2, 3]])
        #expect(arrived.first?.source == client.allocation?.relayed.first && arrived.first?.destination == peer)
        try send([4], to: &client)
        #expect(data == [[4]])
        let count = sent.count
        client.send([5], to: peer, now: now)
        settle(&client)
        #expect(sent.count == count + 1)
        pass(.seconds(1_000), &client)
        #expect(server.counts[.createPermission] == 5)
        try send([6], to: &client)
        #expect(data == [[4], [6]])
    }

    @Test("§12: a channel: four octets in front of the data, a permission with it, renewed in time")
    func channel() throws {
        var client = try allocated()
        client.bindChannel(to: peer, now: now)
        #expect(client.channel(to: peer) == nil)
        settle(&client)
        let number = try #require(client.channel(to: peer))
        #expect(ChannelData.numbers.contains(number))
        client.send([9, 8, 7], to: peer, now: now)
        settle(&client)
        #expect(sent.last?.bytes == [UInt8(number >> 8), UInt8(number & 255), 0, 3, 9, 8, 7])
        #expect(arrived.last?.bytes == [9, 8, 7])
        try send([1, 2], to: &client)
        #expect(data == [[1, 2]])
        pass(.seconds(2_000), &client)
        client.send([6], to: peer, now: now)
        settle(&client)
        #expect(arrived.last?.bytes == [6])
        try send([3], to: &client)
        #expect(data == [[1, 2], [3]])
        // Another peer has another number.
        client.bindChannel(to: peer.with(port: 1), now: now)
        settle(&client)
        #expect(client.channel(to: peer.with(port: 1)) != number)
    }

    @Test("Data that overtakes the answer to ChannelBind is taken; data of a channel that nobody asked for is not")
    func overtaken() throws {
        var client = try allocated()
        client.bindChannel(to: peer, now: now)
        let number = ChannelData.numbers.lowerBound
        for channel in [number, number + 1] {
            let bytes = try #require(ChannelData.bytes(channel, [5]))
            _ = client.receive(bytes.span.bytes, now: now)
        }
        settle(&client)
        #expect(data == [[5]])
    }

    @Test("RFC 8489 §9.2.5: a stale nonce is replaced, also under several requests at once")
    func staleNonce() throws {
        var client = try allocated()
        for port in 1...8 as ClosedRange<UInt32> { client.permit(ip(203, 0, 113, port, 9), now: now) }
        settle(&client)
        server.nonce = [UInt8]("second".utf8)
        pass(.seconds(250), &client)
        #expect(server.counts[.createPermission] == 16)
        server.nonce = [UInt8]("third".utf8)
        pass(.seconds(600), &client)
        #expect(failures.isEmpty)
        #expect((server.counts[.refresh] ?? 0) >= 1)
    }

    @Test(
        "§7.4: refusals",
        arguments: [
            (STUNErrorCode.allocationMismatch, TURNClient.Failure.refused(.allocationMismatch)),
            (.wrongCredentials, .credentials), (.allocationQuotaReached, .refused(.allocationQuotaReached)),
            (.insufficientCapacity, .refused(.insufficientCapacity)), (.forbidden, .refused(.forbidden)),
            (.addressFamilyNotSupported, .refused(.addressFamilyNotSupported)),
        ])
    func refusals(error: STUNErrorCode, expected: TURNClient.Failure) {
        server.refusals = [.allocate: [error]]
        var client = client()
        client.start(now)
        settle(&client)
        #expect(failures == [expected])
        #expect(client.deadline == nil)
    }

    @Test("A wrong password is refused once, not tried again for ever")
    func wrongPassword() {
        var client = client(password: "wrong")
        client.start(now)
        settle(&client)
        #expect(failures == [.credentials])
        #expect(sent.count == 2)
    }

    @Test("Silence: seven requests, and the end after 39.5 s; by a connection one")
    func silence() {
        isDown = true
        for isReliable in [false, true] {
            sent = []
            outputs = []
            var client = client(isReliable: isReliable)
            let begin = now
            client.start(now)
            settle(&client)
            pass(.milliseconds(39_499), &client)
            #expect(failures.isEmpty)
            pass(.milliseconds(1), &client)
            #expect(failures == [.timeout])
            #expect(sent.count == (isReliable ? 1 : 7))
            #expect(now - begin == .milliseconds(39_500))
        }
    }

    @Test("RFC 8489 §10: 300 leads to the other server with the same credentials; a circle ends")
    func redirection() {
        server.refusals = [.allocate: [.tryAlternate]]
        server.alternate = other.address
        var client = client()
        client.start(now)
        settle(&client)
        #expect(client.server == other.address)
        #expect(client.allocation?.relayed == [ip(198, 51, 100, 3, 50_000)])
        outputs = []
        server.refusals = [.allocate: [.tryAlternate]]
        other.refusals = [.allocate: [.tryAlternate]]
        other.alternate = server.address
        var circling = self.client()
        circling.start(now)
        settle(&circling)
        #expect(failures == [.refused(.tryAlternate)])
    }

    @Test("§8.2: 437 to a refresh: the allocation is gone")
    func lost() throws {
        var client = try allocated()
        server.refusals = [.refresh: [.allocationMismatch]]
        pass(.seconds(541), &client)
        #expect(failures == [.refused(.allocationMismatch)])
        #expect(client.allocation == nil && client.deadline == nil)
    }

    @Test("§9.3: a peer that is forbidden is not asked for again, and what waits for it is dropped")
    func forbiddenPeer() throws {
        var client = try allocated()
        server.refusals = [.createPermission: [.forbidden]]
        for number in 0..<10 as Range<UInt8> { client.send([number], to: peer, now: now) }
        settle(&client)
        client.send([11], to: peer, now: now)
        settle(&client)
        #expect(arrived.isEmpty && failures.isEmpty)
        #expect(sent.count == 3)
    }

    @Test("Data that waits for a permission is bounded, and so are peers")
    func bounds() throws {
        var client = try allocated()
        for number in 0..<10 as Range<UInt8> { client.send([number], to: peer, now: now) }
        settle(&client)
        #expect(arrived.map(\.bytes) == [[0], [1], [2], [3]])
        let count = sent.count
        for number in 0..<200 as Range<UInt32> { client.permit(ip(10, 0, 0, number, 1), now: now) }
        settle(&client)
        #expect(sent.count - count == TURNClient.mostPeers - 1)
    }

    @Test("§8: the end gives the allocation back")
    func close() throws {
        var client = try allocated()
        client.close(now)
        settle(&client)
        #expect(outputs.last == .ended)
        #expect(server.relayedAddresses.isEmpty)
        client.send([1], to: peer, now: now)
        settle(&client)
        #expect(arrived.isEmpty && client.deadline == nil)
    }

    @Test("§7.1: families are asked for")
    func families() throws {
        for (families, attribute) in [
            (.ip4, nil), (.ip6, .requestedAddressFamily), (.both, .additionalAddressFamily),
        ] as [(TURNClient.Families, STUNAttribute?)] {
            sent = []
            isDown = true
            var client = client(families: families)
            client.start(now)
            settle(&client)
            let bytes = try #require(sent.first?.bytes)
            for name in [STUNAttribute.requestedAddressFamily, .additionalAddressFamily] {
                #expect(read(bytes).octets(name, bytes) == (name == attribute ? [2, 0, 0, 0] : nil))
            }
        }
    }

    @Test("RFC 8489 §9.2.5: answers that are not proven count as none; by a connection they end the request")
    func integrity() {
        for isReliable in [false, true] {
            outputs = []
            var client = client(isReliable: isReliable)
            isDown = false
            client.start(now)
            // The challenge is answered, and what follows is forged.
            guard case .send(_, let first)? = client.takeOutputs().first else {
                Issue.record("nothing was sent")
                return
            }
            for answer in server.receive(first, at: server.address, from: own, now: now) {
                _ = client.receive(answer.bytes.span.bytes, now: now)
            }
            guard case .send(_, let second)? = client.takeOutputs().first else {
                Issue.record("nothing was sent")
                return
            }
            let forged = stun(.success, .allocate, read(second).transaction) { writer, memory in
                try writer.add(.xorRelayedAddress, peer, into: &memory)
                try writer.add(.xorMappedAddress, own, into: &memory)
                try writer.add(.lifetime, 600 as UInt32, into: &memory)
            }
            _ = client.receive(forged.span.bytes, now: now)
            isDown = true
            settle(&client)
            pass(.seconds(40), &client)
            #expect(failures == [.integrity])
        }
    }

    // MARK: Frames

    @Test("§12.4: channel data, read and written")
    func channelDataOfDatagrams() {
        #expect(ChannelData.bytes(0x4001, [1, 2, 3]) == [0x40, 1, 0, 3, 1, 2, 3])
        #expect(ChannelData.bytes(0x4001, [1, 2, 3], isPadded: true) == [0x40, 1, 0, 3, 1, 2, 3, 0])
        #expect(ChannelData.bytes(0x4001, [], isPadded: true) == [0x40, 1, 0, 0])
        #expect(ChannelData.bytes(0x4001, [UInt8](repeating: 0, count: 65_536)) == nil)
        for (octets, data) in [
            ([0x40, 1, 0, 3, 1, 2, 3], 4..<7), ([0x4F, 0xFF, 0, 1, 1, 0, 0, 0], 4..<5), ([0x40, 0, 0, 0], 4..<4),
            ([0x7F, 0xFF, 0, 0], 4..<4), ([0x3F, 0xFF, 0, 0], nil), ([0x80, 0, 0, 0], nil), ([0x40, 0, 0, 1], nil),
            ([0x40, 0, 0], nil),
        ] as [([UInt8], Range<Int>?)] {
            #expect(channelData(octets) == data)
        }
    }

    @Test("§12.5: a stream is parted wherever it was cut; what is neither ends it")
    func framer() throws {
        let message = VectorTests.request
        let padded = try #require(ChannelData.bytes(0x4001, [1, 2, 3], isPadded: true))
        let stream = padded + message + padded
        for cut in 0...stream.count {
            var framer = TURNFramer()
            let frames = try framer.receive(Array(stream[..<cut])) + framer.receive(Array(stream[cut...]))
            #expect(frames == [Array(padded.dropLast()), message, Array(padded.dropLast())])
        }
        var single = TURNFramer()
        var frames: [[UInt8]] = []
        for octet in stream { frames += try single.receive([octet]) }
        #expect(frames.count == 3)
        // A stream that is something else behind a frame is given back from there.
        var changing = TURNFramer()
        (message + [0x80, 1, 2, 3, 4]).withUnsafeBytes { changing.append($0) }
        let first = try changing.next()
        let rest = changing.takeRest()
        #expect(first == message && rest == [0x80, 1, 2, 3, 4] && !changing.isPartial)
        for wrong in [[0x80, 0, 0, 0], [0x00, 1, 0, 3]] as [[UInt8]] {
            var framer = TURNFramer()
            var isDefect = false
            do { _ = try framer.receive(wrong) } catch { isDefect = true }
            #expect(isDefect)
        }
    }
}
