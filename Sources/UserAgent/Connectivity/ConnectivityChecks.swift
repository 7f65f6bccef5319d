import ICE
import Reactor

/// The connectivity checks of a call's audio: an `ICEAgent` that is given its datagrams and its time on the media lane.
///
/// It has no socket: its owner gives it the STUN datagrams of both ports and does what events say. It belongs to its lane.
final class ConnectivityChecks: TimerClient {
    /// What is to be done, or has come out.
    enum Event {
        /// Send a datagram from the socket of a tag.
        case send(UInt64, TransportAddress, [UInt8])
        /// ``destinations`` or ``sources`` are others.
        case changed
        /// There is no way, or none any more.
        case failed(MediaWayError)
    }

    /// Where each socket sends to, by its tag: 0 for RTP, 1 for RTCP.
    private(set) var destinations: [UInt64: TransportAddress] = [:]
    /// Where the far side has shown itself to each socket, by its tag; bounded by `ICEConfiguration.mostSources`.
    private(set) var sources: [UInt64: [TransportAddress]] = [:]
    /// The way of RTP.
    private(set) var way: MediaWay?

    private let lane: Lane
    private let happened: (Event) -> Void
    private var agent: ICEAgent
    private var terms: ICETerms
    private let stream: Int
    private let components: Int
    private var client: TimerClientID?
    private var timer: TimerHandle?
    private var isClosed = false

    /// Checks that ``start()`` begins.
    ///
    /// - Parameters:
    ///   - sockets: the addresses of the sockets: that of RTP, and that of RTCP where it does not share the port.
    ///   - happened: told on the lane, until ``close()``.
    init(
        _ terms: ICETerms, isLite: Bool, _ sockets: [TransportAddress], on lane: Lane,
        happened: @escaping (Event) -> Void
    ) {
        self.lane = lane
        self.terms = terms
        self.happened = happened
        components = sockets.count
        var agent = ICEAgent(terms.isControlling ? .controlling : .controlled, isLite: isLite, hash: .media)
        stream = agent.addStream(components: sockets.count, parameters: terms.local)
        for (index, address) in sockets.enumerated() {
            agent.addSocket(index, stream: stream, component: index + 1, address: STUNAddress(address), now: lane.now)
        }
        agent.gather(now: lane.now)
        self.agent = agent
    }

    func start() {
        client = lane.add(timerClient: self)
        agent.setRemote(terms.remote, stream: stream, now: lane.now)
        perform()
    }

    /// Whether these checks can go on with terms: another far side under the same credentials of this one, as of another early
    /// dialog, and another number of components want checks of their own.
    func takes(_ terms: ICETerms, isMultiplexed: Bool) -> Bool {
        guard components == (isMultiplexed ? 1 : 2) else { return false }
        return terms.local != self.terms.local || terms.remote.parameters == self.terms.remote.parameters
    }

    /// Goes on with what another offer and answer have said; other credentials begin anew (RFC 8445 §9), and what is in use is used until
    /// something new is found.
    func apply(_ terms: ICETerms) {
        guard terms != self.terms else { return }
        if terms.local != self.terms.local {
            agent.restart(stream: stream, parameters: terms.local)
            sources = [:]
        }
        self.terms = terms
        agent.setRemote(terms.remote, stream: stream, now: lane.now)
        perform()
    }

    /// Takes a STUN datagram of the socket of a tag.
    func receive(_ datagram: UnsafeRawBufferPointer, on tag: UInt64, from source: TransportAddress) {
        guard !isClosed else { return }
        _ = agent.receive(
            RawSpan(_unsafeBytes: datagram), on: Int(tag), from: STUNAddress(source), now: lane.now)
        perform()
    }

    func timerFired(_ timer: ExpiredTimer, on lane: Lane) {
        self.timer = nil
        guard !isClosed else { return }
        agent.fire(lane.now)
        perform()
    }

    /// Ends the checks; nothing is told any more.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let timer { lane.cancel(timer) }
        timer = nil
        if let client { lane.remove(timerClient: client) }
        client = nil
    }

    private func perform() {
        var failure: MediaWayError?
        var hasChanged = false
        for action in agent.takeActions() {
            switch action {
            case .send(let socket, let address, let bytes):
                happened(.send(UInt64(socket), TransportAddress(address), bytes))
            case .selected(_, let component, let pair):
                destinations[UInt64(component - 1)] = TransportAddress(pair.remote.address)
                if component == 1 {
                    way = MediaWay(
                        local: TransportAddress(pair.local.address), remote: TransportAddress(pair.remote.address))
                }
                hasChanged = true
            case .heard(_, let component, let address):
                sources[UInt64(component - 1), default: []].append(TransportAddress(address))
                hasChanged = true
            case .failed: failure = .notFound
            case .consentLost(_, let component):
                // Nothing may be sent (RFC 7675 §5.1).
                destinations[UInt64(component - 1)] = nil
                if component == 1 { way = nil }
                hasChanged = true
                failure = .lost
            case .gathered, .gatheringEnded, .roleChanged, .completed: break
            }
        }
        if hasChanged { happened(.changed) }
        if let failure { happened(.failed(failure)) }
        schedule()
    }

    private func schedule() {
        if let timer { lane.cancel(timer) }
        timer = nil
        guard !isClosed, let client, let deadline = agent.deadline else { return }
        timer = lane.schedule(at: deadline, client, token: 0)
    }
}
