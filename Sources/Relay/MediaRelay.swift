import Glibc
public import Reactor
import Synchronization

/// The relay of a server: its media lanes and its ports, shared by the anchors of all signalling lanes.
public final class MediaRelay: Sendable {
    /// What is counted of all calls.
    public struct Counters: Sendable, Hashable {
        /// Calls whose media is relayed now.
        public var calls = 0
        /// Calls whose media was relayed since start.
        public var anchored = 0
        /// Messages refused for want of ports, or since a description could not be carried.
        public var refused = 0
        /// Calls given up since nothing was heard of either end.
        public var silent = 0
        /// Dialogs that this server has ended by BYE, since nothing was heard of either end or there are no keys.
        public var ended = 0
        /// Streams for which there are no keys, since a handshake has failed or what it gave cannot be used, so that nothing passes.
        public var insecure = 0
    }

    let lanes: [RelayLane]
    private let next = Atomic<Int>(0)
    private let counts = Mutex(Counters())
    private let ports: MediaPorts?
    private let current: Mutex<RelayConfiguration>
    /// Told of each call that is over, on its media lane; must not block.
    let report: @Sendable (RelayedCall) -> Void
    /// Nil when OpenSSL cannot make them: calls whose legs are to be secured are refused then.
    let certificates: RelayCertificates?

    /// What the next calls begin with.
    public var configuration: RelayConfiguration {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// What was counted.
    public var counters: Counters { counts.withLock { $0 } }

    /// Makes a relay.
    ///
    /// - Parameters:
    ///   - lanes: the media lanes; at least one.
    ///   - ports: the range that ports are taken from; that of the configuration when nil.
    ///   - report: told of each call that was answered and is over; called on a media lane, and must not block.
    public convenience init(
        lanes: [Lane], ports: MediaPorts? = nil, _ configuration: RelayConfiguration,
        report: @escaping @Sendable (RelayedCall) -> Void = { _ in }
    ) {
        self.init(lanes: lanes, ports: ports, configuration, certificates: try? RelayCertificates(), report: report)
    }

    init(
        lanes: [Lane], ports: MediaPorts? = nil, _ configuration: RelayConfiguration,
        certificates: RelayCertificates?, report: @escaping @Sendable (RelayedCall) -> Void = { _ in }
    ) {
        precondition(!lanes.isEmpty, "a relay has at least one lane")
        self.lanes = lanes.map(RelayLane.init)
        self.ports = ports ?? MediaPorts(configuration.ports)
        current = Mutex(configuration)
        self.report = report
        self.certificates = certificates
    }

    /// The lane for the next call.
    func nextLane() -> RelayLane {
        lanes[Int(UInt(bitPattern: next.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(lanes.count))]
    }

    /// Binds the sockets of a leg. Throws `addressInUse` when no ports are free.
    func bind(
        _ kind: RelayedKind, near address: TransportAddress, isVideo: Bool
    ) throws(SocketError) -> RelaySockets {
        let configuration = configuration
        guard let ports else { throw SocketError(EINVAL, "find a pair of RTP ports in a range without one", address) }
        var socket = configuration.socket
        socket.codePoint = isVideo ? configuration.videoCodePoint : configuration.audioCodePoint
        switch kind {
        case .rtp:
            let pair = try ports.bindPair(on: address, socket)
            return .own(media: pair.rtp, control: pair.rtcp)
        case .datagrams: return .own(media: try ports.bindOne(on: address, socket), control: nil)
        }
    }

    /// The port of a lane that ends with a part in ICE share; bound when it is needed first. Its packets are marked as those of audio
    /// are, since one socket carries both. Throws `addressInUse` when no ports are free.
    func door(of lane: RelayLane, near address: TransportAddress) throws(SocketError) -> RelayDoor {
        let configuration = configuration
        guard let ports else { throw SocketError(EINVAL, "find a port in an empty range", address) }
        return try lane.door(near: address, codePoint: configuration.audioCodePoint) { () throws(SocketError) in
            let shared = DatagramSocketConfiguration()
            var socket = configuration.socket
            socket.receiveBuffer = max(socket.receiveBuffer, shared.receiveBuffer)
            socket.sendBuffer = max(socket.sendBuffer, shared.sendBuffer)
            socket.codePoint = configuration.audioCodePoint
            // All calls of the lane come by it: many datagrams may wait.
            socket.receiveBatch = shared.receiveBatch
            return try ports.bindOne(on: address, socket)
        }
    }

    func count(_ change: (inout Counters) -> Void) { counts.withLock { change(&$0) } }
}
