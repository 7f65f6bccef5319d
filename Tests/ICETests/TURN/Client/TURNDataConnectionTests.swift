import ICE
import Testing

/// Connections for data, which the server gives by their numbers (RFC 6062 §4.3, §4.5).
@Suite final class TURNDataConnectionTests: ConnectingRig {
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
