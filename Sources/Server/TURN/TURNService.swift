import Foundation
import ICE
public import Logging
import Media
import Reactor
import Relay

/// A STUN and TURN server with the configuration of `ito.yaml`: what `ito relay` runs.
public struct TURNService: Sendable {
    /// Where clients come to, as URLs with the ports that the system has chosen.
    public let listeners: [String]
    private let server: TURNRelay
    private let configuration: ServerConfiguration

    /// Starts it.
    ///
    /// - Throws: `ServerError` when an address cannot be bound or a certificate cannot be read.
    public static func start(_ configuration: ServerConfiguration, logger: Logger) async throws(ServerError)
        -> TURNService
    {
        let settings = try configuration.turnSettings(logger: logger)
        if configuration.turn.users.isEmpty, configuration.turn.secrets.isEmpty {
            logger.warning("nobody may relay: there are neither users nor secrets (turn.users, turn.secrets)")
        }
        for address in settings.addresses where address.advertised.isPrivate || address.advertised.isLoopback {
            logger.notice(
                "data is relayed from \(address.advertised.with(port: 0).ip), which others cannot reach (turn.addresses)"
            )
        }
        do throws(SocketError) {
            let server = try await TURNRelay.start(settings, accounts: configuration.turnAccounts)
            return TURNService(
                listeners: server.listeners.map { "\($0.transport.rawValue)://\($0.address)" }, server: server,
                configuration: configuration)
        } catch { throw ServerError(error) }
    }

    /// Takes over the users and secrets of another configuration; the rest takes effect at the next start.
    public func adopt(_ configuration: ServerConfiguration) async { await server.adopt(configuration.turnAccounts) }

    /// Counters with their names, in a fixed order.
    public var statistics: [(name: String, value: Int)] { get async { await server.statistics.all } }

    /// Ends all allocations.
    public func stop() async { await server.stop() }
}

extension ServerConfiguration {
    /// Who may relay.
    var turnAccounts: TURNAccounts {
        let realm = turn.realm.isEmpty ? domains.first?.name ?? "localhost" : turn.realm
        var accounts = TURNAccounts(realm: Array(realm.utf8), hash: .crypto)
        for user in turn.users { accounts.add(user: Array(user.name.utf8), password: Array(user.password.utf8)) }
        for secret in turn.secrets { accounts.add(secret: Array(secret.utf8)) }
        return accounts
    }

    /// The relay's configuration in its own terms.
    func turnSettings(logger: Logger) throws(ServerError) -> TURNRelayConfiguration {
        var result = TURNRelayConfiguration()
        result.listeners = try turnListeners
        result.addresses = try turnAddresses(result.listeners)
        result.ports = turn.ports
        result.laneCount = turn.lanes > 0 ? turn.lanes : max(1, ProcessInfo.processInfo.activeProcessorCount)
        result.mostAllocations = turn.allocations
        result.mostAllocationsPerUser = turn.allocationsPerUser
        result.server.mostConnections = turn.connectionsPerAllocation
        result.server.mostLifetime = turn.longestLifetime
        result.server.nonceLifetime = turn.nonceLifetime
        result.server.strangerAnswers = turn.strangerAnswers
        result.server.peers.allowed = turn.allowedPeers.map(\.forTURN)
        result.server.peers.denied = turn.deniedPeers.map(\.forTURN)
        result.connectionLimit = tcp.connections
        result.connectionLimitPerSource = tcp.connectionsPerSource
        result.stream.frameTime = tcp.messageTimeout
        result.stream.handshakeTime = tls.handshakeTimeout
        if result.listeners.contains(where: { $0.transport == .tls }) {
            // The certificate is that of SIP over TLS, made for the relay's addresses where there is none.
            var secured = self
            secured.listeners = result.listeners.map {
                Listener(transport: .tls, address: $0.address.ip, port: $0.address.port)
            }
            if tls.certificate.isEmpty { try FolderLock.makeFolder(dataFolder) }
            let certificates = try secured.security(logger: logger)
            do throws(TLSConfigurationError) {
                result.security = try TLSContext(certificates)
            } catch {
                throw ServerError(
                    .usage, "\(error)", remedy: "name readable PEM files with tls.certificate and tls.key")
            }
        }
        return result
    }

    private var turnListeners: [TURNRelayConfiguration.Listener] {
        get throws(ServerError) {
            var named = turn.listeners
            if named.isEmpty { named = TURN.ownListeners.compactMap { try? TURNListener($0) } }
            var found: [TURNRelayConfiguration.Listener] = []
            for listener in named {
                // The transports that `TURNListener` reads are those of the relay.
                guard let transport = TURNRelayConfiguration.Listener.Transport(rawValue: listener.transport.rawValue),
                    let address = TransportAddress(host: listener.address, port: listener.port)
                else { continue }
                let all =
                    address.isWildcard
                    ? LocalAddresses.all.filter { $0.isIPv6 == address.isIPv6 && $0.scope == 0 } : [address]
                for each in all { found.append(.init(transport, each.with(port: listener.port))) }
            }
            guard !found.isEmpty else {
                throw ServerError(
                    .environment, "this machine has no address to listen on", remedy: "name one with --listen URL")
            }
            return found
        }
    }

    private func turnAddresses(
        _ listeners: [TURNRelayConfiguration.Listener]
    ) throws(ServerError) -> [TURNRelayConfiguration.Address] {
        var named = turn.addresses.compactMap { address -> TURNRelayConfiguration.Address? in
            guard let bound = TransportAddress(host: address.bound, port: 0),
                let advertised = TransportAddress(host: address.advertised, port: 0)
            else { return nil }
            return TURNRelayConfiguration.Address(bound, advertised: advertised)
        }
        if named.isEmpty {
            // Loopback addresses come last: where there are others they are of use to nobody.
            let order = listeners.filter { !$0.address.isLoopback } + listeners.filter(\.address.isLoopback)
            for family in [TransportAddress.Family.ipv4, .ipv6] {
                guard let first = order.first(where: { $0.address.family == family }) else { continue }
                named.append(TURNRelayConfiguration.Address(first.address.with(port: 0)))
            }
        }
        guard Set(named.map(\.bound.family)).count == named.count else {
            throw ServerError(
                .usage, "turn.addresses names several addresses of one family",
                remedy: "name one of IPv4 and one of IPv6 at most")
        }
        return named
    }
}

extension ServerConfiguration.Network {
    /// The network in the terms of the relay.
    fileprivate var forTURN: TURNPeerPolicy.Network {
        var (upper, lower) = (0 as UInt64, 0 as UInt64)
        for (place, octet) in address.enumerated() {
            if address.count == 16, place < 8 {
                upper = upper << 8 | UInt64(octet)
            } else {
                lower = lower << 8 | UInt64(octet)
            }
        }
        return TURNPeerPolicy.Network(
            STUNAddress(isIPv6: address.count == 16, upper: upper, lower: lower, port: 0), prefix: prefixLength)
    }
}
