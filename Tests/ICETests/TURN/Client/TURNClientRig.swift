import ICE
import Testing

/// A TURN client between servers that are as simple as can be, in virtual time.
class TURNClientRig {
    let own = ip(192, 0, 2, 1, 4_000)
    let server = RelayServer(ip(198, 51, 100, 2, 3_478))
    let other = RelayServer(ip(198, 51, 100, 3, 3_478))
    var now = ContinuousClock.now
    var outputs: [TURNClient.Output] = []
    /// What servers have sent to peers.
    var arrived: [RelayServer.Datagram] = []
    /// What the client has sent, by time.
    var sent: [(at: ContinuousClock.Instant, bytes: [UInt8])] = []
    /// Whether no server hears anything.
    var isDown = false

    /// Carries out what the client wants, until there is nothing more at this time.
    func settle(_ client: inout TURNClient) {
        while true {
            let wanted = client.takeOutputs()
            guard !wanted.isEmpty else { return }
            for output in wanted {
                guard case .send(let destination, let bytes) = output else {
                    outputs.append(output)
                    continue
                }
                sent.append((now, bytes))
                guard !isDown, let server = [server, other].first(where: { $0.address == destination }) else {
                    continue
                }
                for answer in server.receive(bytes, at: destination, from: own, now: now) {
                    if answer.destination == own {
                        _ = client.receive(answer.bytes.span.bytes, now: now)
                    } else {
                        arrived.append(answer)
                    }
                }
            }
        }
    }

    /// Lets time go by.
    func pass(_ duration: Duration, _ client: inout TURNClient) {
        let end = now + duration
        while let deadline = client.deadline, deadline <= end {
            now = max(now, deadline)
            client.fire(now)
            settle(&client)
        }
        now = end
    }

    /// The same client with its allocation.
    func allocated(_ client: TURNClient) throws -> TURNClient {
        var client = client
        client.start(now)
        settle(&client)
        try #require(client.allocation != nil)
        return client
    }
}
