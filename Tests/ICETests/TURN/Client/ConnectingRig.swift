import ICE
import Testing

/// A client that wants TCP relayed, and the server that it asks, in virtual time (RFC 6062).
class ConnectingRig: TURNClientRig {
    let peer = ip(198, 51, 100, 77, 6_000)
    /// What the client has sent.
    var datagrams: [[UInt8]] { sent.map(\.bytes) }

    func client(_ kind: TURNClient.Kind, families: TURNClient.Families? = nil) -> TURNClient {
        let numbers = Numbers(7)
        return TURNClient(
            server: server.address, credentials: server.credentials, families: families, kind: kind, hash: .test,
            random: { numbers.next() })
    }

    /// A client that has a relay for connections.
    func allocated() throws -> TURNClient {
        let client = try allocated(client(.connections))
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
