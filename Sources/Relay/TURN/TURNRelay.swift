import Glibc
public import ICE
import Media
public import Reactor

/// A STUN and TURN server (RFC 8489, RFC 8656, RFC 6062) on lanes.
///
/// Clients come by UDP, TCP and TLS; the kernel spreads those of UDP over the lanes by their addresses, and each client's allocation
/// lives on the lane that its datagrams come to.
public final class TURNRelay: Sendable {
    /// Where clients come to, with the ports that the system has chosen.
    public let listeners: [TURNRelayConfiguration.Listener]
    private let lanes: LaneGroup
    private let owners: [LaneBound<TURNLane>]
    private let threads: StreamThreads?
    private let streams: TURNStreams
    private let accepting: [StreamListener]

    private init(
        _ listeners: [TURNRelayConfiguration.Listener], _ lanes: LaneGroup, _ owners: [LaneBound<TURNLane>],
        _ threads: StreamThreads?, _ streams: TURNStreams, _ accepting: [StreamListener]
    ) {
        self.listeners = listeners
        self.lanes = lanes
        self.owners = owners
        self.threads = threads
        self.streams = streams
        self.accepting = accepting
    }

    /// Starts a server. Throws `SocketError` when an address cannot be bound, or there is no certificate for TLS.
    public static func start(
        _ configuration: TURNRelayConfiguration, accounts: TURNAccounts
    ) async throws(SocketError) -> TURNRelay {
        let count = max(1, configuration.laneCount)
        var listeners = configuration.listeners
        // All is bound before anything runs.
        var bound: [(link: Int, sockets: [BoundDatagramSocket])] = []
        for (link, listener) in listeners.enumerated() where listener.transport == .udp {
            let sockets = try BoundDatagramSocket.bind(listener.address, count: count)
            if let first = sockets.first { listeners[link].address = first.localAddress }
            bound.append((link, sockets))
        }
        let lanes = try LaneGroup(name: "relay", count: count, configuration: configuration.lane)
        let streams = TURNStreams()
        var started: TURNRelay?
        var failure: SocketError?
        do throws(SocketError) {
            let owners = try await open(configuration, accounts, listeners, bound, on: lanes)
            streams.attach(owners)
            let (threads, accepting) = try await listen(configuration, &listeners, streams, owners)
            started = TURNRelay(listeners, lanes, owners, threads, streams, accepting)
        } catch {
            failure = error
        }
        guard let started else {
            lanes.stop()
            throw failure ?? SocketError(EINVAL, "start a relay")
        }
        return started
    }

    /// Makes the machines on their lanes.
    private static func open(
        _ configuration: TURNRelayConfiguration, _ accounts: TURNAccounts,
        _ listeners: [TURNRelayConfiguration.Listener],
        _ bound: [(link: Int, sockets: [BoundDatagramSocket])], on lanes: LaneGroup
    ) async throws(SocketError) -> [LaneBound<TURNLane>] {
        let ports = TURNPorts(configuration.addresses, configuration.ports)
        let quota = TURNQuota(total: configuration.mostAllocations, perUser: configuration.mostAllocationsPerUser)
        let origin = ContinuousClock.now
        let key = Lane.randomNumbers(4).flatMap { number in
            (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
        let nonces = TURNNonces(key: key, origin: origin, hash: .crypto)
        var settings = configuration.server
        settings.families = Set(configuration.addresses.map { STUNAddress($0.bound).family })
        settings.peers.relayPorts = configuration.ports
        settings.peers.own +=
            (configuration.addresses.flatMap { [$0.bound, $0.advertised] } + listeners.map(\.address))
            .map { STUNAddress($0.with(port: 0)) }
        let (machine, addresses, patience) = (settings, configuration.addresses, configuration.strangerTime)
        let count = lanes.count
        var owners: [LaneBound<TURNLane>] = []
        for (index, lane) in lanes.enumerated() {
            let sockets = bound.map { (link: $0.link, socket: $0.sockets[index]) }
            owners.append(
                try await lane.run { lane throws(SocketError) in
                    let server = TURNServer(
                        machine, accounts: accounts, quota: quota, nonces: nonces,
                        part: TURNServerPart(index, of: count),
                        hash: .crypto, now: lane.now, random: { UInt64.random(in: .min ... .max) },
                        wallClock: { Int64(time(nil)) })
                    let owner = TURNLane(lane, server, ports, addresses, strangerTime: patience)
                    for (link, socket) in sockets { try owner.listen(socket, link: link) }
                    return LaneBound(owner, on: lane)
                })
        }
        return owners
    }

    /// Accepts connections.
    private static func listen(
        _ configuration: TURNRelayConfiguration, _ listeners: inout [TURNRelayConfiguration.Listener],
        _ streams: TURNStreams, _ owners: [LaneBound<TURNLane>]
    ) async throws(SocketError) -> (StreamThreads?, [StreamListener]) {
        guard listeners.contains(where: { $0.transport != .udp }) else { return (nil, []) }
        let threads = StreamThreads(count: max(1, configuration.laneCount))
        let admission = StreamAdmission(
            limit: configuration.connectionLimit, limitPerSource: configuration.connectionLimitPerSource)
        let ofPeers = StreamAdmission(
            limit: configuration.connectionLimit, limitPerSource: configuration.connectionLimitPerSource)
        for owner in owners {
            let peers = TURNPeers(owner, threads, configuration.stream, ofPeers)
            await owner.lane.run { _ in owner.value.enable(peers, streams) }
        }
        var accepting: [StreamListener] = []
        for (link, listener) in listeners.enumerated() where listener.transport != .udp {
            do throws(SocketError) {
                let security = listener.transport == .tls ? configuration.security : nil
                if listener.transport == .tls, security?.hasIdentity != true {
                    throw SocketError(ENOKEY, "listen for TLS without a certificate", listener.address)
                }
                let opened = try await StreamListener.bind(
                    listener.address, on: threads, configuration.stream, tag: UInt64(link), admission: admission,
                    security: security, framer: { TURNConnectionFramer() }, handler: streams)
                listeners[link].address = opened.localAddress
                accepting.append(opened)
            } catch {
                await threads.shutdown()
                throw error
            }
        }
        return (threads, accepting)
    }

    /// Lets others have allocations from now on; those that there are stay, until they are refreshed by who may not have them.
    public func adopt(_ accounts: TURNAccounts) async {
        for owner in owners { await owner.lane.run { _ in owner.value.adopt(accounts) } }
    }

    /// What all lanes have counted.
    public var statistics: TURNStatistics {
        get async {
            var sum = TURNStatistics()
            for owner in owners { sum = sum + (await owner.lane.run { _ in owner.value.statistics }) }
            return sum
        }
    }

    /// Ends all allocations and closes all sockets.
    public func stop() async {
        for listener in accepting { await listener.close() }
        for owner in owners { await owner.lane.run { _ in owner.value.stop() } }
        await threads?.shutdown()
        streams.attach([])
        lanes.stop()
        await lanes.stopped()
    }
}
