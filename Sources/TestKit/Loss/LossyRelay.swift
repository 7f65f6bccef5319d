public import Reactor

/// A network of real UDP sockets that loses datagrams by chance, from a seed.
///
/// Each element has a *door*, the address by which all others reach it: what comes to Bob's door from Alice goes on to Bob
/// from Alice's door, or is lost. Elements that name their doors in Via, Contact and Record-Route meet nobody but the relay.
///
/// ```
///          ┌ Alice's door ┐    ┌ Bob's door ┐
///  Alice ──┼──────────────┼────┼► ······▸ ──┼──► Bob        from Alice's door to Bob
///          └──────────────┘    └────────────┘
/// ```
///
/// The chances of each way, from one element to another, are a sequence of their own: what one way loses does not depend on
/// how fast the others are. Ends with `stop`.
public final class LossyRelay: Sendable {
    /// What passed between two elements in one direction.
    public struct Passage: Hashable, Sendable {
        /// Datagrams that went on.
        public var forwarded = 0
        /// Datagrams that were lost.
        public var lost = 0
    }

    /// The way of a datagram, by the doors' addresses.
    public struct Way: Hashable, Sendable {
        /// The door of the sender.
        public var source: TransportAddress
        /// The door of the receiver.
        public var destination: TransportAddress

        public init(from source: TransportAddress, to destination: TransportAddress) {
            self.source = source
            self.destination = destination
        }
    }

    private let lane: Lane
    private let doors: RelayDoors

    /// A relay that loses `loss` of all datagrams, 0 to 1.
    ///
    /// - Throws: `SocketError` when its thread cannot start.
    public init(loss: Double, seed: UInt64) throws(SocketError) {
        lane = try Lane(name: "relay")
        doors = RelayDoors(loss: loss, seed: seed)
    }

    /// Opens a door on a free port of 127.0.0.1, for an element that may be bound later.
    ///
    /// - Throws: `SocketError` when there is no port.
    public func openDoor() async throws(SocketError) -> TransportAddress {
        let bound = try BoundDatagramSocket.bind(.loopback())
        let doors = doors
        return try await lane.run { (lane) throws(SocketError) in try doors.open(bound, on: lane) }
    }

    /// Says where the element behind a door is; what comes before that is lost.
    public func connect(_ door: TransportAddress, to element: TransportAddress) async {
        let doors = doors
        await lane.run { _ in doors.connect(door, to: element) }
    }

    /// What passed so far, by its way.
    public func passages() async -> [Way: Passage] {
        let doors = doors
        return await lane.run { _ in doors.passages }
    }

    /// Datagrams that came from elements without a door, or to a door without an element.
    public func strays() async -> Int {
        let doors = doors
        return await lane.run { _ in doors.strays }
    }

    /// Closes all doors.
    public func stop() async {
        lane.stop()
        await lane.stopped()
    }
}

/// The doors of a relay and what passes through them.
private final class RelayDoors: DatagramHandler, @unchecked Sendable {
    // Proof of Sendable: touched on the relay's lane only.
    private let loss: Double
    private let seed: UInt64
    private var sockets: [DatagramSocket] = []
    private var elements: [TransportAddress?] = []
    private var doorsByElement: [TransportAddress: Int] = [:]
    private var chances: [LossyRelay.Way: SeededGenerator] = [:]
    private(set) var passages: [LossyRelay.Way: LossyRelay.Passage] = [:]
    private(set) var strays = 0

    init(loss: Double, seed: UInt64) {
        self.loss = loss
        self.seed = seed
    }

    func open(_ bound: BoundDatagramSocket, on lane: Lane) throws(SocketError) -> TransportAddress {
        sockets.append(try lane.open(bound, tag: UInt64(sockets.count), handler: self))
        elements.append(nil)
        return bound.localAddress
    }

    func connect(_ door: TransportAddress, to element: TransportAddress) {
        guard let number = sockets.firstIndex(where: { $0.localAddress == door }) else { return }
        elements[number] = element
        doorsByElement[element] = number
    }

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let receiver = Int(socket.tag)
        for i in 0..<batch.count {
            guard let datagram = batch[i] else { continue }
            guard let sender = doorsByElement[datagram.source], let element = elements[receiver] else {
                strays += 1
                continue
            }
            let way = LossyRelay.Way(from: sockets[sender].localAddress, to: socket.localAddress)
            // Numbered by doors, not by ports, which differ from run to run.
            var chance = chances[way] ?? SeededGenerator(seed: seed &+ UInt64(sender << 16 | receiver))
            let isLost = Double.random(in: 0..<1, using: &chance) < loss
            chances[way] = chance
            if isLost {
                passages[way, default: .init()].lost += 1
            } else {
                passages[way, default: .init()].forwarded += 1
                sockets[sender].send(datagram.bytes, to: element)
            }
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}
}
