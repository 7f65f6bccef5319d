import Glibc
import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneHostingTests {
    /// Runs `body` with a host and its guest.
    private func withGuest(
        _ configuration: Lane.Configuration = Lane.Configuration(),
        _ body: (_ host: Lane, _ guest: Lane) async throws -> Void
    ) async throws {
        let lanes = try LaneGroup(name: "share", count: 2, configuration: configuration)
        let counts = Mailbox<Int>()
        await lanes[0].run { host in host.whenGuestsChange { counts.post($0) } }
        #expect(try await counts.next() == 0)
        lanes[1].share(threadOf: lanes[0])
        #expect(try await counts.next() == 1)
        #expect(lanes[1].isGuest)
        do { try await body(lanes[0], lanes[1]) } catch {
            lanes.stop()
            await lanes.stopped()
            throw error
        }
        lanes.stop()
        await lanes.stopped()
    }

    /// Its own thread may be at work when the guest moves in, or wait for events once more; then it rests.
    @Test func aGuestRunsOnTheThreadOfItsHost() async throws {
        try await withGuest { host, guest in
            let thread = await host.run { _ in pthread_self() }
            var inARow = 0
            while inARow < 50 {
                let (found, isCurrent) = await guest.run { lane in (pthread_self(), lane.isCurrent) }
                #expect(isCurrent)
                inARow = found == thread ? inARow + 1 : 0
            }
            // The last turn is counted at its end.
            #expect(guest.statistics.turnsLent >= 49)
        }
    }

    @Test func timersDatagramsAndMessagesOfAGuestAreServed() async throws {
        final class Client: TimerClient {
            let fired: Mailbox<UInt64>
            init(_ fired: Mailbox<UInt64>) { self.fired = fired }
            func timerFired(_ timer: ExpiredTimer, on lane: Lane) { fired.post(timer.token) }
        }
        try await withGuest { host, guest in
            let fired = Mailbox<UInt64>()
            let client = await guest.run { $0.add(timerClient: Client(fired)) }
            let server = try await Peer(guest, .loopback(), answer: Recorder.echo)
            let phone = try await Peer(host, .loopback())
            let served = Mailbox<UInt64>()
            for number in 0..<100 as Range<UInt64> {
                await guest.run { lane in _ = lane.schedule(after: .milliseconds(1), client, token: number) }
                #expect(try await fired.next() == number)
                try await phone.send("\(number)", to: server.address)
                #expect(try await phone.received.next().text == "\(number)")
                #expect(guest.send(ClosureMessage { _ in served.post(number) }, .reserved))
                #expect(try await served.next() == number)
                await host.run { lane in
                    _ = lane.hand(ClosureMessage { _ in served.post(number) }, .reserved, to: guest)
                }
                #expect(try await served.next() == number)
            }
        }
    }

    /// Within its own turn a host does on a guest what may be done there, and the guest sends it with its turn.
    @Test func aHostWorksOnItsGuest() async throws {
        try await withGuest { host, guest in
            let receiver = try await Peer(host, .loopback())
            let sender = try await Peer(guest, .loopback())
            while await !host.run({ $0.beginsTurn(of: guest) }) {}
            await host.run { lane in
                #expect(lane.beginsTurn(of: guest))
                #expect(guest.isCurrent)
                guest.execute { _ in }
            }
            try await sender.send("from the guest", to: receiver.address)
            #expect(try await receiver.received.next().source == sender.address)
            #expect(await guest.run { $0.beginsTurn(of: host) } == false)
        }
    }

    /// What was handed to a guest is served before what the host could do on it at once, such as the BYE behind an ACK.
    @Test func nothingOvertakesWhatWasHandedOver() async throws {
        try await withGuest { (host, guest) async throws in
            let served = Mailbox<Int>()
            while await !host.run({ $0.beginsTurn(of: guest) }) {}
            await host.run { lane in
                #expect(lane.beginsTurn(of: guest))
                _ = lane.hand(ClosureMessage { _ in served.post(1) }, .reserved, to: guest)
                if lane.beginsTurn(of: guest) {
                    served.post(2)
                } else {
                    _ = lane.hand(ClosureMessage { _ in served.post(2) }, .reserved, to: guest)
                }
            }
            #expect(try await served.next(2) == [1, 2])
            // Once they are served it goes at once again.
            while await !host.run({ $0.beginsTurn(of: guest) }) {}
        }
    }

    /// A thread that has too much to do gives a guest back, and takes it in again when there is little.
    @Test func aGuestMovesOutAndIn() async throws {
        var configuration = Lane.Configuration()
        // Any work is too much, and any is little: the guest moves with each window.
        configuration.hostingLimit = -1
        configuration.hostingPatience = 1
        configuration.sharingLimit = 3
        configuration.loadWindow = .milliseconds(1)
        let lanes = try LaneGroup(name: "move", count: 2, configuration: configuration)
        let counts = Mailbox<Int>()
        await lanes[0].run { host in host.whenGuestsChange { counts.post($0) } }
        lanes[1].share(threadOf: lanes[0])
        // Windows end with turns: both have something to do until the test is over.
        let working = Task { while !Task.isCancelled { for lane in lanes { await lane.run { _ in } } } }
        let seen = try await counts.next(9)
        working.cancel()
        await working.value
        #expect(seen == [0, 1, 0, 1, 0, 1, 0, 1, 0])
        lanes.stop()
        await lanes.stopped()
    }

    /// What lives on a lane is touched by one thread at a time, and nothing is lost or left lying, wherever the lanes live.
    @Test(arguments: [-1, 0.85])
    func lanesThatMoveLoseNothing(hostingLimit: Double) async throws {
        var configuration = Lane.Configuration()
        configuration.hostingLimit = hostingLimit
        configuration.hostingPatience = 1
        configuration.sharingLimit = 3
        configuration.loadWindow = .milliseconds(1)
        let lanes = try LaneGroup(name: "ring", count: 3, configuration: configuration)
        lanes[1].share(threadOf: lanes[0])
        lanes[2].share(threadOf: lanes[0])
        try await LaneRing(lanes: lanes).run { hop, lane, next, arrived in
            if hop % 5 == 0, lane.beginsTurn(of: next) { return arrived(next) }
            let message = ClosureMessage(arrived)
            if next === lane || hop % 3 == 0 {
                next.send(message, .reserved)
            } else {
                #expect(lane.hand(message, .reserved, to: next))
            }
        }
    }

    /// In whichever order they stop: what was handed over is served, and the other one goes on.
    @Test(arguments: [0, 1])
    func eitherMayStopFirst(first: Int) async throws {
        let lanes = try LaneGroup(name: "stop", count: 2)
        lanes[1].share(threadOf: lanes[0])
        while await lanes[0].run({ [other = lanes[1]] in !$0.beginsTurn(of: other) }) {}
        let served = Mailbox<Int>()
        for number in 0..<10 { lanes[first].send(ClosureMessage { _ in served.post(number) }, .reserved) }
        lanes[first].stop()
        await lanes[first].stopped()
        #expect(try await served.next(10) == Array(0..<10))
        let other = lanes[1 - first]
        #expect(await other.run { $0.isCurrent })
        #expect(!lanes[1].isGuest || first == 1)
        lanes.stop()
        await lanes.stopped()
    }

    /// The kernel gives all that comes to a port to the first of the sockets which share it, until it is told otherwise.
    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func oneSocketReceivesForAll(family: TransportAddress.Family) async throws {
        try await withLane { lane async throws in
            let bound = try BoundDatagramSocket.bind(.loopback(family), count: 3)
            var servers: [Peer] = []
            for socket in bound { servers.append(try await Peer(lane, socket)) }
            var phones: [Peer] = []
            for _ in 0..<64 { phones.append(try await Peer(lane, .loopback(family))) }
            let target = servers[0].address
            #expect(try await servers[2].with { $0.receiveAllByFirst(true) })
            for phone in phones { try await phone.send("all", to: target) }
            #expect(try await servers[0].received.next(64).allSatisfy { $0.text == "all" })
            #expect(try await servers[1].with { $0.receiveAllByFirst(false) })
            // By hash each has its share of 64 senders; that one has none happens once in 10^11 runs.
            for phone in phones { try await phone.send("share", to: target) }
            for server in servers { #expect(try await server.received.next().text == "share") }
        }
    }
}
