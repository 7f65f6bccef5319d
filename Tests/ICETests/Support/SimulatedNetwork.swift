import ICE

/// Agents, translators and a server between which datagrams take their time, are lost and overtake each other, all by one seed.
final class SimulatedNetwork {
    typealias Instant = ContinuousClock.Instant

    /// A datagram that an agent was given and did not take as its own.
    struct Arrival: Equatable {
        var agent: Int
        var socket: Int
        var source: STUNAddress
        var bytes: [UInt8]
    }

    /// What an agent wants but to send.
    struct Event {
        var agent: Int
        var action: ICEAgent.Action
        var at: Duration
    }

    /// A datagram that an agent has sent.
    struct Sending {
        var agent: Int
        var at: Duration
        var from: STUNAddress?
        var destination: STUNAddress
        var bytes: [UInt8]
    }

    private struct Flight {
        var due: Instant
        var number: Int
        var source: STUNAddress
        var destination: STUNAddress
        var bytes: [UInt8]
        /// The translator whose inside it is in; nil in the public network.
        var network: Int?
    }

    private struct Socket {
        var agent: Int
        var number: Int
        var address: STUNAddress
        var network: Int?
    }

    private(set) var now: Instant
    let start: Instant
    var agents: [ICEAgent] = []
    private var configurations: [ICEConfiguration] = []
    var nats: [NAT] = []
    var servers: [RelayServer] = []
    /// The part of datagrams that is lost.
    var loss = 0.0
    /// No datagram arrives.
    var isDown = false
    /// Agents whose network lets no datagram out: they have connections alone.
    var blocked: Set<Int> = []
    /// Whether connections to servers are refused.
    var refusesConnections = false
    var delays: ClosedRange<Double> = 0.005...0.060
    /// All actions but datagrams, with the agents that have them.
    private(set) var events: [Event] = []
    /// Datagrams as they left, for a look at their times.
    private(set) var sent: [Sending] = []
    private(set) var arrivals: [Arrival] = []
    /// Told of each candidate that an agent has gathered: to be trickled.
    var onCandidate: ((_ agent: Int, _ candidate: Candidate) -> Void)?
    private var sockets: [Socket] = []
    /// Connections to servers, by where the server sees them come from.
    private(set) var connections: [STUNAddress: (agent: Int, link: Int, server: STUNAddress)] = [:]
    private var flights: [Flight] = []
    private var nextFlight = 0
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed)
        let origin = ContinuousClock.now
        now = origin
        start = origin
    }

    var elapsed: Duration { now - start }

    /// Adds an agent whose numbers depend on the seed.
    func addAgent(
        _ role: ICERole, isLite: Bool = false, configuration: ICEConfiguration = ICEConfiguration()
    ) -> Int {
        let numbers = Numbers(generator.next())
        configurations.append(configuration)
        agents.append(
            ICEAgent(role, isLite: isLite, configuration: configuration, hash: .test, random: { numbers.next() }))
        return agents.count - 1
    }

    /// Adds a socket of an agent, inside of a translator or in the public network.
    func addSocket(
        _ agent: Int, _ number: Int, _ address: STUNAddress, behind nat: Int? = nil, stream: Int = 0,
        component: Int = 1, localPreference: UInt16 = .max
    ) {
        sockets.append(Socket(agent: agent, number: number, address: address, network: nat))
        agents[agent].addSocket(
            number, stream: stream, component: component, address: address, localPreference: localPreference, now: now)
        collect()
    }

    /// Tells each of two agents all that the other one has.
    func exchange(_ first: Int = 0, _ second: Int = 1, stream: Int = 0, isComplete: Bool = true) {
        for (from, to) in [(first, second), (second, first)] {
            let remote = ICERemote(
                agents[from].localParameters(stream), candidates: agents[from].localCandidates(stream),
                isLite: agents[from].isLite, isComplete: isComplete)
            agents[to].setRemote(remote, stream: stream, now: now)
        }
        collect()
    }

    /// Has agents gather, until they have.
    func gather(_ which: [Int] = [0, 1]) {
        for agent in which { agents[agent].gather(now: now) }
        collect()
        run(for: .seconds(60)) {
            which.allSatisfy { agent in
                self.events.contains { $0.agent == agent && $0.action == .gatheringEnded }
            }
        }
    }

    /// Changes an agent, and does what it then wants.
    func with<Result>(_ agent: Int, _ change: (inout ICEAgent, Instant) -> Result) -> Result {
        let result = change(&agents[agent], now)
        collect()
        return result
    }

    /// Puts a datagram of somebody who is no agent onto the public network.
    func inject(_ bytes: [UInt8], from source: STUNAddress, to destination: STUNAddress) {
        fly(bytes, from: source, to: destination, in: nil)
    }

    /// Lets time pass until a condition holds, or for a while.
    func run(for duration: Duration, until isDone: () -> Bool = { false }) {
        let end = now + duration
        var steps = 0
        while !isDone() {
            steps += 1
            precondition(steps < 1_000_000, "a timer does not move on")
            let timers = agents.compactMap(\.deadline)
            guard let next = (timers + flights.map(\.due)).min(), next <= end else {
                now = end
                return
            }
            now = max(now, next)
            if let index = flights.indices.min(by: { key(flights[$0]) < key(flights[$1]) }), flights[index].due <= now {
                arrive(flights.remove(at: index))
            }
            for agent in agents.indices where agents[agent].deadline.map({ $0 <= now }) ?? false {
                agents[agent].fire(now)
            }
            collect()
        }
    }

    private func key(_ flight: Flight) -> (Instant, Int) { (flight.due, flight.number) }

    private func collect() {
        for agent in agents.indices {
            for action in agents[agent].takeActions() {
                if act(action, of: agent) { continue }
                guard case .send(let number, let destination, let bytes) = action else {
                    events.append(Event(agent: agent, action: action, at: elapsed))
                    if case .gathered(_, let candidate) = action { onCandidate?(agent, candidate) }
                    continue
                }
                let from = sockets.first { $0.agent == agent && $0.number == number }?.address
                sent.append(Sending(agent: agent, at: elapsed, from: from, destination: destination, bytes: bytes))
                guard let socket = sockets.first(where: { $0.agent == agent && $0.number == number }),
                    !blocked.contains(agent)
                else { continue }
                fly(bytes, from: socket.address, to: destination, in: socket.network)
            }
        }
    }

    /// Makes connections and sends by them; true when the action was of that.
    private func act(_ action: ICEAgent.Action, of agent: Int) -> Bool {
        switch action {
        case .connect(let link, let server):
            connections[address(agent, link)] = (agent, link, configurations[agent].servers[server].address)
            if refusesConnections {
                close(agent, link)
            } else {
                agents[agent].opened(link: link, now: now)
                collect()
            }
        case .transmit(let link, let bytes):
            let source = address(agent, link)
            if let connection = connections[source] { fly(bytes, from: source, to: connection.server, in: nil) }
        case .disconnect(let link):
            connections[address(agent, link)] = nil
        default: return false
        }
        return true
    }

    /// Ends the connection of a link.
    func close(_ agent: Int, _ link: Int) {
        connections[address(agent, link)] = nil
        agents[agent].closed(link: link, now: now)
        collect()
    }

    /// Where a server sees a connection come from.
    private func address(_ agent: Int, _ link: Int) -> STUNAddress {
        ip(203, 0, 113, 200 + UInt32(agent), 40_000 + UInt16(link))
    }

    private func fly(_ bytes: [UInt8], from source: STUNAddress, to destination: STUNAddress, in network: Int?) {
        guard !isDown, Double.random(in: 0..<1, using: &generator) >= loss else { return }
        let delay = Duration.seconds(Double.random(in: delays, using: &generator))
        nextFlight += 1
        flights.append(
            Flight(
                due: now + delay, number: nextFlight, source: source, destination: destination, bytes: bytes,
                network: network))
    }

    /// A datagram reaches its host, by way of translators.
    private func arrive(_ flight: Flight) {
        var flight = flight
        if let network = flight.network {
            if deliver(flight, in: network) { return }
            flight.source = nats[network].outgoing(flight.source, to: flight.destination)
        }
        if let index = nats.firstIndex(where: { $0.address.isSameHost(as: flight.destination) }) {
            guard let inside = nats[index].incoming(flight.destination, from: flight.source) else { return }
            flight.destination = inside
            _ = deliver(flight, in: index)
            return
        }
        if let server = servers.first(where: { $0.address.isSameHost(as: flight.destination) }) {
            let answers = server.receive(flight.bytes, at: flight.destination, from: flight.source, now: now)
            for answer in answers { fly(answer.bytes, from: answer.source, to: answer.destination, in: nil) }
            return
        }
        _ = deliver(flight, in: nil)
    }

    private func deliver(_ flight: Flight, in network: Int?) -> Bool {
        if let (agent, link, _) = connections[flight.destination] {
            let receipt = agents[agent].receive(flight.bytes.span.bytes, link: link, now: now)
            if case .data(_, let component, let data) = receipt {
                let socket = sockets.first { $0.agent == agent }?.number ?? 0
                arrivals.append(
                    Arrival(agent: agent, socket: socket + component - 1, source: flight.source, bytes: data))
            }
            return true
        }
        let found = sockets.first { $0.address == flight.destination && $0.network == network }
        guard let socket = found else { return false }
        let receipt = agents[socket.agent].receive(
            flight.bytes.span.bytes, on: socket.number, from: flight.source, now: now)
        switch receipt {
        case .taken: break
        case .foreign:
            arrivals.append(
                Arrival(agent: socket.agent, socket: socket.number, source: flight.source, bytes: flight.bytes))
        case .data(_, _, let data):
            arrivals.append(Arrival(agent: socket.agent, socket: socket.number, source: flight.source, bytes: data))
        }
        return true
    }

    // MARK: What has become of it

    /// Where an agent has sent datagrams to.
    func destinations(of agent: Int) -> Set<STUNAddress> {
        Set(sent.lazy.filter { $0.agent == agent }.map(\.destination))
    }

    func actions(_ agent: Int) -> [ICEAgent.Action] { events.filter { $0.agent == agent }.map(\.action) }
    func isCompleted(_ agent: Int, stream: Int = 0) -> Bool { actions(agent).contains(.completed(stream: stream)) }
    func isFailed(_ agent: Int, stream: Int = 0) -> Bool { actions(agent).contains(.failed(stream: stream)) }
    var isSettled: Bool { agents.indices.allSatisfy { isCompleted($0) || isFailed($0) } }

    /// Whether what each of two agents sends by its pair comes to the other one as by that one's own pair.
    func areConnected(_ first: Int = 0, _ second: Int = 1, stream: Int = 0, component: Int = 1) -> Bool {
        let before = loss
        loss = 0
        defer { loss = before }
        for (from, to) in [(first, second), (second, first)] {
            let data = [0x80, 0x00, UInt8(truncatingIfNeeded: generator.next()), UInt8(from)]
            let count = arrivals.count
            guard with(from, { $0.send(data, stream: stream, component: component, now: $1) }) else { return false }
            run(for: .seconds(5)) { self.arrivals.count > count }
            guard let arrival = arrivals.last, arrivals.count > count, arrival.bytes == data, arrival.agent == to,
                let selected = agents[to].selected(stream: stream, component: component),
                arrival.socket == selected.socket, selected.isRelayed || arrival.source == selected.remote.address
            else { return false }
        }
        return true
    }
}
