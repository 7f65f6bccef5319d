import ICE
import Testing

/// A client that wants TCP relayed, and the server that it asks, in virtual time (RFC 6062).
class ConnectingRig {
    let own = ip(192, 0, 2, 1, 4_000)
    let peer = ip(198, 51, 100, 77, 6_000)
    let server = RelayServer(ip(198, 51, 100, 2, 3_478))
    var now = ContinuousClock.now
    var outputs: [TURNClient.Output] = []
    var sent: [[UInt8]] = []
    var isDown = false

    func client(_ kind: TURNClient.Kind, families: TURNClient.Families? = nil) -> TURNClient {
        let numbers = Numbers(7)
        return TURNClient(
            server: server.address, credentials: server.credentials, families: families, kind: kind, hash: .test,
            random: { numbers.next() })
    }

    func settle(_ client: inout TURNClient) {
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

    func pass(_ duration: Duration, _ client: inout TURNClient) {
        let end = now + duration
        while let deadline = client.deadline, deadline <= end {
            now = max(now, deadline)
            client.fire(now)
            settle(&client)
        }
        now = end
    }

    /// A client that has a relay for connections.
    func allocated() throws -> TURNClient {
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
    func connect(
        _ client: inout TURNClient, to peer: STUNAddress? = nil, isAsked: Bool = true,
        at place: SourceLocation = #_sourceLocation
    ) {
        let result = client.connect(to: peer ?? self.peer, now: now)
        #expect(result == isAsked, sourceLocation: place)
        settle(&client)
    }

    func attempt(_ indication: [UInt8], _ client: inout TURNClient) {
        _ = client.receive(indication.span.bytes, now: now)
        settle(&client)
    }

    func octets(_ type: STUNAttribute, _ bytes: [UInt8]) -> [UInt8]? { read(bytes).octets(type, bytes) }
}
