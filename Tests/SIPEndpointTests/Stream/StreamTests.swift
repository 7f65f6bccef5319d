import Dispatch
import ICE
import Reactor
import SIP
import SIPEndpoint
import Synchronization
import Testing

/// Answers every request with 200, and tells of responses and failures to its own.
private final class Answerer: RequestHandler, ClientTransactionUser, @unchecked Sendable {
    // Proof of Sendable: used on its lane, but for the stream, which is Sendable.
    let events: AsyncStream<String>
    private let said: AsyncStream<String>.Continuation
    /// Whether it sends a request of its own back by the flow of each that comes.
    private let asksBack: Bool
    /// Whether it tells of its connections too.
    private let tellsConnections: Bool

    init(asksBack: Bool = false, tellsConnections: Bool = false) {
        self.asksBack = asksBack
        self.tellsConnections = tellsConnections
        (events, said) = AsyncStream.makeStream()
    }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        said.yield("\(request.view.method) over \(request.flow.transport), listener \(request.flow.listener)")
        layer.respondStatelessly(to: request, 200)
        if asksBack { options(to: Target(request.flow), in: layer) }
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        let view = response.view
        let pause = view.value(of: .retryAfter).map { ", after \(view.text($0)) s" } ?? ""
        said.yield("\(view.statusCode.rawValue)" + pause)
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        if case .transport(let reason) = failure { said.yield(reason) } else { said.yield("timeout") }
    }

    func pongReceived(_ connection: UInt64, in layer: TransactionLayer) {
        if tellsConnections { said.yield("pong on \(connection)") }
    }

    func connectionClosed(_ connection: UInt64, in layer: TransactionLayer) {
        if tellsConnections { said.yield("closed \(connection)") }
    }

    func options(to target: TransportAddress, in layer: TransactionLayer) {
        options(to: Target(.tcp, target), in: layer)
    }

    private func options(to target: Target, in layer: TransactionLayer) {
        _ = layer.send(.options, to: target, user: self) { writer, via, _ in
            writer.append("OPTIONS sip:\(target.address) SIP/2.0\r\n")
            writer.append(via)
            writer.append(
                "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: stream\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
        }
    }
}

@Suite struct StreamTests {
    private func endpoint(_ handler: Answerer) async throws -> SIPEndpoint {
        var configuration = SIPEndpoint.Configuration()
        configuration.listeners = [.init(.tcp, .loopback())]
        return try await SIPEndpoint(configuration) { _ in handler }
    }

    @Test func requestsGoAndAreAnsweredOverTCP() async throws {
        let (server, client) = (Answerer(), Answerer())
        let (serving, calling) = (try await endpoint(server), try await endpoint(client))
        let target = serving.listeners[0].address
        #expect(target.port != 0)
        for _ in 0..<2 {
            await calling.lanes[0].lane.run { _ in client.options(to: target, in: calling.lanes[0].layer) }
            #expect(await server.events.first { _ in true } == "OPTIONS over tcp, listener 0")
            #expect(await client.events.first { _ in true } == "200")
        }
        await calling.stop()
        await serving.stop()
    }

    /// RFC 5626 §4.4.1: a ping on a connection of ours is answered; one that has failed is left at once, and another one made.
    @Test func aPingIsAnswered() async throws {
        let client = Answerer(tellsConnections: true)
        let (serving, calling) = (try await endpoint(Answerer()), try await endpoint(client))
        let target = Target(.tcp, serving.listeners[0].address)
        let lane = calling.lanes[0]
        let flow = try #require(await lane.lane.run { _ in lane.layer.route(target) })
        let none = STUNTransactionID(upper: 0, lower: 0)
        for _ in 0..<2 {
            #expect(await lane.lane.run { _ in lane.layer.keepAlive(flow, none) })
            #expect(await client.events.first { _ in true } == "pong on \(flow.connection)")
        }
        let next = await lane.lane.run { _ in
            lane.layer.abandon(flow)
            return lane.layer.route(target)
        }
        #expect(next?.connection != flow.connection)
        #expect(await client.events.first { _ in true } == "closed \(flow.connection)")
        #expect(await lane.lane.run { _ in !lane.layer.keepAlive(flow, none) })
        await calling.stop()
        await serving.stop()
    }

    /// What comes by a connection that we have opened belongs to the listener of its address family, whose name goes into
    /// Via and Record-Route.
    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func connectionsOfOursBelongToTheListenerOfTheirFamily(family: TransportAddress.Family) async throws {
        let (server, client) = (Answerer(asksBack: true), Answerer())
        var configuration = SIPEndpoint.Configuration()
        configuration.listeners = [.init(.tcp, .loopback(family))]
        let serving = try await SIPEndpoint(configuration) { _ in server }
        configuration.listeners = [.init(.tcp, .loopback(.ipv4)), .init(.tcp, .loopback(.ipv6))]
        let calling = try await SIPEndpoint(configuration) { _ in client }
        let target = serving.listeners[0].address
        await calling.lanes[0].lane.run { _ in client.options(to: target, in: calling.lanes[0].layer) }
        #expect(await client.events.first { $0 != "200" } == "OPTIONS over tcp, listener \(family == .ipv4 ? 0 : 1)")
        await calling.stop()
        await serving.stop()
    }

    @Test func whereNobodyListensTheTransactionFailsWithTheReason() async throws {
        let client = Answerer()
        let gone = try await endpoint(Answerer())
        let target = gone.listeners[0].address
        await gone.stop()
        let calling = try await endpoint(client)
        await calling.lanes[0].lane.run { _ in client.options(to: target, in: calling.lanes[0].layer) }
        let reason = try #require(await client.events.first { _ in true })
        #expect(reason.contains("refused"))
        await calling.stop()
    }

    /// Requests of one turn go in one write, and more than a lane takes on the connection's thread come all the same.
    @Test(arguments: [2, 100])
    func manyRequestsInATurnAreAnswered(count: Int) async throws {
        let (server, client) = (Answerer(), Answerer())
        let (serving, calling) = (try await endpoint(server), try await endpoint(client))
        let target = serving.listeners[0].address
        for _ in 0..<3 {
            await calling.lanes[0].lane.run { _ in
                for _ in 0..<count { client.options(to: target, in: calling.lanes[0].layer) }
            }
            var answers = 0
            for await answer in client.events {
                #expect(answer == "200")
                answers += 1
                if answers == count { break }
            }
        }
        #expect(serving.streamStatistics?.counters.framesReceived == UInt64(3 * count))
        await calling.stop()
        await serving.stop()
    }

    /// Over a stream nobody repeats what is shed: where no more may wait, a full queue is answered (RFC 3261 §21.5.4), and what
    /// had room is served.
    @Test func whereNothingMayWaitAFullQueueIsAnswered503() async throws {
        let client = Answerer()
        let count = 20
        let (serving, calling, release) = try await crowd(count, of: client, waitingLimit: 0)
        var answers: [String] = []
        for await answer in client.events {
            answers.append(answer)
            // All that is shed has been answered when nothing but the queue's room is missing.
            if answers.count == count - 4 { release.signal() }
            if answers.count == count { break }
        }
        #expect(answers.count { $0 == "503, after 5 s" } == count - 4)
        #expect(answers.count { $0 == "200" } == 4)
        #expect(serving.lanes[0].lane.statistics.messagesShed == UInt64(count - 4))
        await calling.stop()
        await serving.stop()
    }

    /// Over a stream nothing is shed when the queue of its lane is full: the connection is not read on until there is room.
    @Test func aFullQueueHoldsConnectionsBack() async throws {
        let client = Answerer()
        let count = 200
        let (serving, calling, release) = try await crowd(count, of: client)
        // Frames that were read and have found no room.
        while serving.streamStatistics?.counters.framesReceived == 0 { await Task.yield() }
        release.signal()
        var answers: [String] = []
        for await answer in client.events {
            answers.append(answer)
            if answers.count == count { break }
        }
        #expect(answers.allSatisfy { $0 == "200" })
        #expect(serving.lanes[0].lane.statistics.messagesShed == 0)
        #expect(serving.streamStatistics?.counters.framesReceived == UInt64(count))
        await calling.stop()
        await serving.stop()
    }

    /// Sends requests by TCP to a server with one lane that is kept busy and has room for four of them, until the semaphore that is
    /// returned is signalled.
    private func crowd(
        _ count: Int, of client: Answerer, waitingLimit: Int? = nil
    ) async throws -> (serving: SIPEndpoint, calling: SIPEndpoint, release: DispatchSemaphore) {
        let server = Answerer()
        var configuration = SIPEndpoint.Configuration()
        configuration.laneCount = 1
        configuration.listeners = [.init(.tcp, .loopback())]
        configuration.lane.queueCapacity = 8
        configuration.lane.queueReserve = 4
        if let waitingLimit { configuration.stream.waitingLimit = waitingLimit }
        let serving = try await SIPEndpoint(configuration) { _ in server }
        let calling = try await endpoint(client)
        let target = serving.listeners[0].address
        let release = await hold(serving.lanes[0].lane)
        await calling.lanes[0].lane.run { _ in
            for _ in 0..<count { client.options(to: target, in: calling.lanes[0].layer) }
        }
        return (serving, calling, release)
    }

    /// Keeps a lane busy until the semaphore that is returned is signalled.
    private func hold(_ lane: Lane) async -> DispatchSemaphore {
        let (held, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        lane.execute { _ in
            held.signal()
            release.wait()
        }
        await onThread { held.wait() }
        return release
    }

    private func onThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                body()
                continuation.resume()
            }
        }
    }
}
