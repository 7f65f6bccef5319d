public import Reactor
import SIP
import SIPEndpoint

/// A network in virtual time: nodes with the real SIP layers, links with seeded loss, delay, duplication and reordering.
///
/// Nothing sleeps: `run` takes event after event from a queue and sets the clock to each. Two runs with the same seed are
/// the same to the byte.
public final class SimulatedNetwork {
    /// What a link does to datagrams. Streams are delayed and never lose.
    public struct Conditions: Sendable {
        /// The probability that a datagram is lost, 0 to 1.
        public var loss = 0.0
        /// The probability that a datagram comes twice, 0 to 1.
        public var duplication = 0.0
        /// The time on the way.
        public var delay = Duration.milliseconds(5)
        /// The most that is added to the delay at random; datagrams overtake one another when it is there.
        public var jitter = Duration.zero

        public init() {}
    }

    /// The conditions of all links.
    public var conditions: Conditions
    /// Host names that can be looked up; ports are the asker's.
    public var hosts: [String: [TransportAddress]] = [:]
    /// What else can be looked up, and what was.
    public var names = SimulatedNames()
    /// Loses messages by choice, beside those that the conditions lose by chance; streams too.
    public var loses: (Passage) -> Bool = { _ in false }
    /// The virtual time.
    public private(set) var now = ContinuousClock.now
    /// Every datagram and stream message that was sent, lost ones too.
    public private(set) var trace: [Passage] = []
    private var nodes: [TransportAddress: SimulatedNode] = [:]
    var addresses: [TransportAddress] { Array(nodes.keys) }
    private var events: [Event] = []
    private var sequence: UInt64 = 0
    private var state: UInt64

    /// One message on its way.
    public struct Passage: Sendable {
        /// Sender and receiver.
        public var source: TransportAddress
        public var destination: TransportAddress
        /// The bytes.
        public var bytes: [UInt8]
        /// Whether the network lost it.
        public var isLost: Bool

        /// The first line.
        public var startLine: String {
            String(decoding: bytes.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
        }
    }

    struct Event {
        var at: ContinuousClock.Instant
        var order: UInt64
        var action: () -> Void
    }

    /// Makes a network whose chances are drawn from `seed`.
    public init(seed: UInt64, conditions: Conditions = Conditions()) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        self.conditions = conditions
    }

    /// Adds a node with one listener for UDP and one for TCP at an address.
    public func node(_ address: String) -> SimulatedNode {
        // A test names its addresses itself; a wrong one is its own fault.
        guard let parsed = TransportAddress(address) else { preconditionFailure("\(address) is no address") }
        let node = SimulatedNode(network: self, address: parsed)
        nodes[parsed] = node
        return node
    }

    /// Takes a node away: what is sent to it is lost, as behind a host that died.
    public func remove(_ node: SimulatedNode) { nodes[node.address] = nil }

    func move(_ node: SimulatedNode, to address: TransportAddress) {
        nodes[node.address] = nil
        nodes[address] = node
    }

    /// A number between 0 and 1.
    func chance() -> Double { Double(random() >> 11) / Double(1 << 53) }

    func random() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    func after(_ delay: Duration, _ action: @escaping () -> Void) {
        sequence += 1
        let event = Event(at: now + delay, order: sequence, action: action)
        var i = events.count
        events.append(event)
        // A binary heap, earliest first; equal times in the order of their making.
        while i > 0 {
            let parent = (i - 1) / 2
            guard isEarlier(events[i], events[parent]) else { break }
            events.swapAt(i, parent)
            i = parent
        }
    }

    private func isEarlier(_ a: Event, _ b: Event) -> Bool { (a.at, a.order) < (b.at, b.order) }

    private func next() -> Event? {
        guard let first = events.first else { return nil }
        let last = events.removeLast()
        guard !events.isEmpty else { return first }
        events[0] = last
        var i = 0
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2] where child < events.count && isEarlier(events[child], events[least]) {
                least = child
            }
            guard least != i else { return first }
            events.swapAt(i, least)
            i = least
        }
    }

    /// Runs until nothing is left to happen, `limit` of virtual time has passed, or `condition` holds.
    ///
    /// - Returns: whether the condition holds.
    @discardableResult
    public func run(for limit: Duration = .seconds(600), until condition: () -> Bool = { false }) -> Bool {
        let end = now + limit
        while !condition() {
            guard let first = events.first, first.at <= end else {
                now = max(now, end)
                return condition()
            }
            guard let event = next() else { return condition() }
            now = event.at
            event.action()
        }
        return true
    }

    func deliver(_ bytes: [UInt8], from source: TransportAddress, to destination: TransportAddress, connection: UInt64)
    {
        let isStream = connection != 0
        var passage = Passage(source: source, destination: destination, bytes: bytes, isLost: false)
        passage.isLost = !isStream && chance() < conditions.loss || loses(passage)
        trace.append(passage)
        guard !passage.isLost else { return }
        let copies = !isStream && chance() < conditions.duplication ? 2 : 1
        for _ in 0..<copies {
            var delay = conditions.delay
            if !isStream { delay += conditions.jitter * chance() }
            after(delay) { [weak self] in
                guard let node = self?.nodes[destination] else { return }
                node.receive(bytes, from: source, connection: connection)
            }
        }
    }
}
