import Foundation
import Proxy
import Reactor
import Registrar
import Relay
import Routing
import SIP
import SIPEndpoint
import Store
import UserAgent

// How the configuration reads in the terms of the layers below.
extension ServerConfiguration {
    var laneCount: Int { lanes.count > 0 ? lanes.count : max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// The sizes, timers and limits of the endpoint, and where it listens.
    func endpoint(_ security: TLSContext?) throws(ServerError) -> SIPEndpoint.Configuration {
        var result = SIPEndpoint.Configuration()
        result.security = security
        result.webSocket = WebSocketContext(webSocketConfiguration)
        result.laneCount = laneCount
        result.lane.queueCapacity = max(lanes.queueDepth, result.lane.queueReserve + 1)
        result.names.servers = dns.servers.compactMap(DNS.address)
        result.names.timeout = dns.timeout
        result.names.tries = dns.tries
        result.layers.transactionLimit = lanes.transactions
        result.layers.datagramThreshold = limits.udpMessageSize
        result.layers.limits = MessageLimits(
            messageSize: limits.messageSize, headerFieldCount: limits.headerCount, headerFieldSize: limits.lineLength)
        result.layers.timers = transactionTimers
        result.layers.overload = overloadConfiguration
        result.connectionLimit = tcp.connections
        result.connectionLimitPerSource = tcp.connectionsPerSource
        result.stream.connectTime = tcp.connectTimeout
        result.stream.idleTime = tcp.idleTimeout
        result.stream.frameTime = tcp.messageTimeout
        result.stream.handshakeTime = tls.handshakeTimeout
        result.stream.outboundLimit = tcp.unreadBytes
        for listener in listeners {
            guard let address = TransportAddress(host: listener.host, port: listener.port) else {
                throw ServerError(
                    .usage, "\(listener.url) names no address", remedy: "write for example udp://127.0.0.1:5060")
            }
            result.listeners.append(
                SIPEndpoint.ListenerConfiguration(
                    listener.transport.name, address, advertised: listener.advertisedText))
        }
        guard !result.listeners.isEmpty else {
            throw ServerError(.usage, "there is no listener", remedy: "add udp://127.0.0.1:5060")
        }
        result.listeners += Self.outgoing(beside: result.listeners, security)
        return result
    }

    private var overloadConfiguration: OverloadConfiguration {
        var result = OverloadConfiguration()
        result.sheds = overload.sheds
        result.settings.longestWait = overload.longestWait
        result.givesFeedback = overload.givesFeedback
        result.algorithm = overload.algorithm == .rate ? .rate : .loss
        result.isOffered = overload.isOffered
        result.offersRate = overload.offersRate
        result.priorities = overload.priorities.map { Array($0.utf8) }
        result.trialCost = overload.trialCost
        result.laneCount = laneCount
        return result
    }

    /// What connections to others need where nobody listens: a server that takes requests by UDP alone sends them by TCP and TLS
    /// too, when its phones or the names of others ask for that (RFC 3263 §4.1).
    private static func outgoing(
        beside listeners: [SIPEndpoint.ListenerConfiguration], _ security: TLSContext?
    ) -> [SIPEndpoint.ListenerConfiguration] {
        var found: [SIPEndpoint.ListenerConfiguration] = []
        for transport in security == nil ? [TransportName.tcp] : [.tcp, .tls] {
            for listener in listeners {
                let isThere = (listeners + found).contains {
                    $0.transport == transport && $0.address.family == listener.address.family
                }
                guard !isThere else { continue }
                var own = listener
                own.transport = transport
                own.isAccepting = false
                found.append(own)
            }
        }
        return found
    }

    /// How WebSocket is spoken.
    var webSocketConfiguration: WebSocketConfiguration {
        var result = WebSocketConfiguration(subprotocol: "sip")
        result.origins = webSocket.origins
        result.messageLimit = limits.messageSize
        result.pingInterval = webSocket.pingInterval
        return result
    }

    private var transactionTimers: TransactionTimers {
        var result = TransactionTimers(t1: timers.t1, t2: timers.t2, t4: timers.t4)
        result.timerB = timers.timerB
        result.timerC = timers.c
        result.timerD = timers.timerD
        result.timerF = timers.timerF
        result.timerH = timers.timerH
        result.timerI = timers.timerI
        result.timerJ = timers.timerJ
        result.timerK = timers.timerK
        result.timerL = timers.timerL
        result.timerM = timers.timerM
        return result
    }

    /// The domains with their other names; the first also has the hosts of the listeners that no other has.
    var domainTable: DomainTable {
        func bare(_ host: String) -> String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }
        var taken = Set(domains.flatMap { [$0.name] + $0.aliases }.map(bare))
        var own: [String] = []
        for listener in listeners {
            var hosts = listener.isWildcard ? LocalAddresses.all.map(\.ip) : [listener.address]
            if let advertised = listener.advertised { hosts.append(bare(advertised.host)) }
            if listener.isLoopback || listener.isWildcard { hosts.append("localhost") }
            for host in hosts where taken.insert(host).inserted { own.append(host) }
        }
        return DomainTable(
            domains.enumerated().map { index, domain in
                DomainTable.Domain(
                    name: bare(domain.name), realm: domain.realm,
                    aliases: domain.aliases.map(bare) + (index == 0 ? own : []))
            })
    }

    var registrarConfiguration: RegistrarConfiguration {
        var result = RegistrarConfiguration()
        result.defaultExpires = registrar.defaultExpires.wholeSeconds
        result.minimumExpires = registrar.minimumExpires.wholeSeconds
        result.maximumExpires = registrar.maximumExpires.wholeSeconds
        result.maximumContacts = registrar.contactsPerAddress
        result.pingInterval = registrar.natPingInterval
        result.flowTimer = registrar.flowTimer.wholeSeconds
        if !push.webhookURL.isEmpty { result.pushServices = push.services.map { Array($0.utf8) } }
        result.requiresPathSupport = registrar.requiresPathSupport
        result.serviceRoutes = domains.map { domain in
            Array(domain.serviceRoute.map { "<\($0)>" }.joined(separator: ", ").utf8)
        }
        result.secureServiceRoutes = domains.map { domain in
            Array(domain.serviceRoute.map { "<\(Self.secured($0))>" }.joined(separator: ", ").utf8)
        }
        return result
    }

    /// A Route URI as those are told who register a SIPS address: SIPS implies TLS, at its own port where the URI has the usual
    /// one or none (RFC 3261 §19.1.2, §26.2.2).
    static func secured(_ uri: String) -> String {
        guard uri.prefix(4).lowercased() == "sip:" else { return uri }
        let parts = uri.dropFirst(4).split(separator: ";")
        guard var place = parts.first else { return uri }
        if place.hasSuffix(":\(TransportName.udp.defaultPort)") {
            place = place[..<(place.lastIndex(of: ":") ?? place.endIndex)]
        }
        let parameters = parts.dropFirst().filter { !$0.lowercased().hasPrefix("transport=") }
        return "sips:" + ([place] + parameters).joined(separator: ";")
    }

    func proxyConfiguration(routeKey: SipHash) -> ProxyConfiguration {
        var result = ProxyConfiguration(routeKey: routeKey)
        result.maxBreadth = limits.maxBreadth
        result.maxForwards = limits.maxForwards
        result.branchLimit = proxy.branches
        result.recordsRoute = proxy.recordsRoute
        result.ringTime = proxy.ringTime
        result.noAnswerStatus = proxy.noAnswer == .timeout ? 408 : 480
        result.parkingTime = push.waitingTime
        result.redirectionLimit = proxy.redirectionLimit
        result.addsDiversion = proxy.addsDiversion
        result.history =
            switch proxy.history {
            case .never: .never
            case .whenSupported: .whenSupported
            case .always: .always
            }
        return result
    }

    var digestPolicy: DigestServer.Policy {
        var result = DigestServer.Policy()
        result.functions = authentication.algorithms.map { $0 == .sha256 ? .sha256 : .md5 }
        result.acceptsWithoutQuality = authentication.qualityOfProtection == .authOrNone
        return result
    }

    /// The limits of users and sources.
    var rates: Limiter.Rates {
        var result = Limiter.Rates()
        if limits.userAttempts > 0 || limits.sourceAttempts > 0 {
            // What has no limit gets one that nobody reaches.
            func rate(_ count: Int) -> TokenRate {
                let count = count > 0 ? count : 60_000_000
                return TokenRate(count, per: .seconds(60), size: count)
            }
            result.attempts = AttemptGuard.Rates(
                user: rate(limits.userAttempts), source: rate(limits.sourceAttempts))
        }
        if limits.userRequests > 0 {
            result.requests = TokenRate(limits.userRequests, per: .seconds(1), size: 10 * limits.userRequests)
        }
        if limits.strangerRequests > 0 {
            result.strangers = TokenRate(
                limits.strangerRequests, per: .seconds(1), size: 10 * limits.strangerRequests)
        }
        result.calls = limits.userCalls
        result.callLifetime = limits.callLifetime
        return result
    }

    var writeBehindOptions: WriteBehind.Options {
        var result = WriteBehind.Options()
        result.commitInterval = store.commitInterval
        result.lagThreshold = store.lagThreshold
        result.capacity = store.pendingChanges
        return result
    }

    /// The settings of a lane's dispatcher.
    ///
    /// - Parameter nonces: the nonces of this run.
    func laneSettings(domains table: DomainTable, directory: any Directory, nonces: NonceSource) -> LaneSettings {
        LaneSettings(
            authenticator: Authenticator(
                domains: table, directory: directory, nonces: nonces, lifetime: authentication.nonceLifetime,
                policy: digestPolicy),
            requiresAuthentication: authentication.isRequired, relay: proxy.relay,
            edgeDomains: Set(proxy.edgeDomains), followsRedirections: proxy.redirections,
            trustedNetworks: proxy.trustedNetworks, rates: rates,
            awakeTime: push.awakeTime.wholeSeconds,
            policies: domains.map(DomainPolicy.init))
    }
}

extension ServerConfiguration.DNS {
    /// The address of a server, with or without a port.
    static func address(_ text: String) -> TransportAddress? {
        if let address = TransportAddress(host: text, port: 53) { return address }
        return TransportAddress(text).flatMap { $0.port == 0 ? nil : $0 }
    }
}

extension ServerConfiguration.Listener.Transport {
    /// The transport in the terms of the endpoint.
    var name: TransportName {
        switch self {
        case .udp: .udp
        case .tcp: .tcp
        case .tls: .tls
        case .ws: .ws
        case .wss: .wss
        }
    }
}

extension ServerConfiguration.Listener {
    /// What the listener calls itself in messages; nil for the address it is bound to.
    fileprivate var advertisedText: String? {
        if let advertised {
            guard let port = advertised.port ?? (port == 0 ? nil : port) else { return advertised.host }
            return "\(advertised.host):\(port)"
        }
        // All addresses are no address that anyone could send to.
        guard isWildcard, port != 0, let own = LocalAddresses.preferred(isIPv6: address.contains(":")) else {
            return nil
        }
        return own.with(port: port).description
    }
}

extension Duration {
    fileprivate var wholeSeconds: UInt32 { UInt32(clamping: components.seconds) }
}

extension ServerConfiguration {
    /// The audio of the service numbers.
    var audioSettings: AudioSettings {
        var result = AudioSettings()
        result.codePoint = media.dscp
        result.playoutDepth = media.playoutDepth
        // Nobody presses keys for a service number.
        result.hearsTones = false
        return result
    }

    /// How service numbers are reached: their address is the one that signalling is sent to.
    var serviceConnectivity: ICEPolicy {
        var policy = ICEPolicy(.lite)
        policy.addresses = .signalling
        return policy
    }

    /// The relay of media.
    var relayConfiguration: RelayConfiguration {
        var result = RelayConfiguration()
        result.ports = media.ports
        result.audioCodePoint = media.dscp
        result.videoCodePoint = media.videoDSCP
        result.callLimit = media.relayCalls
        result.patience = media.silence
        result.heldPatience = max(media.silence, media.holdSilence)
        result.advertisedIPv4 = TransportAddress("\(media.advertisedIPv4):0")
        result.advertisedIPv6 = TransportAddress("[\(media.advertisedIPv6)]:0")
        return result
    }

    /// The service numbers.
    var serviceConfiguration: ServiceAgent.Configuration {
        var numbers: [String: ServiceAgent.Service] = [:]
        if services.isEnabled {
            if !services.echoUser.isEmpty { numbers[services.echoUser] = .echo(services.echoDelay) }
            if !services.toneUser.isEmpty { numbers[services.toneUser] = .tone }
        }
        return ServiceAgent.Configuration(services: numbers, callLimit: services.calls)
    }
}
