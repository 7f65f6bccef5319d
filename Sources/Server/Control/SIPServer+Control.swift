import Proxy
import Reactor
import Relay
import Registrar
import SIP
public import SIPEndpoint
import Store

// What the control socket can ask for.
extension SIPServer {
    /// Carries a request of the control socket out.
    func serve(_ request: ControlRequest) async -> ControlResponse {
        do throws(ServerError) {
            return try await carryOut(request)
        } catch {
            return ControlResponse(error)
        }
    }

    private func carryOut(_ request: ControlRequest) async throws(ServerError) -> ControlResponse {
        var response = ControlResponse()
        switch request.command {
        case .addUser:
            try await addUser(
                try address(request), password: request.password ?? "", displayName: request.name ?? "")
        case .setPassword:
            try await accounts.setPassword(try address(request), password: request.password ?? "")
        case .removeUser: try await removeUser(try address(request))
        case .listUsers: response.users = try await accounts.list()
        case .listCalls: response.calls = await relayedCalls()
        case .stats: response.statistics = await statistics()
        case .reload:
            let difference = try await reload()
            response.lines = difference.lines
        case .stop: requestStop()
        case .version:
            response.lines = [Self.version] + listeners.map(\.url)
        }
        return response
    }

    private func address(_ request: ControlRequest) throws(ServerError) -> UserAddress {
        let domains = configuration.domains
        return try UserAddress(request.address ?? "", defaultDomain: domains.count == 1 ? domains[0].name : nil)
    }

    private var accounts: UserAccounts {
        UserAccounts(database: database, directory: directory, domains: configuration.domains)
    }

    /// Adds a user, who can register when this returns.
    ///
    /// - Throws: `ServerError` when there is one already, or the domain is none of ours.
    public func addUser(_ address: UserAddress, password: String, displayName: String = "") async throws(ServerError) {
        try await accounts.add(address, password: password, displayName: displayName)
    }

    /// Removes a user with all bindings.
    ///
    /// - Throws: `ServerError` when there is none.
    public func removeUser(_ address: UserAddress) async throws(ServerError) {
        let domain = try await accounts.remove(address)
        let name = Array(address.name.utf8)
        _ = name.withUnsafeBytes { table.removeBindings(user: $0, domain: domain) }
    }

    /// All that was counted.
    public func statistics() async -> ServerStatistics {
        var result = ServerStatistics()
        let uptime = ContinuousClock.now - started
        result.uptimeMilliseconds = uptime.wholeMilliseconds
        result.users = directory.count
        result.bindings = table.statistics.bindings
        var signalling = EndpointCounters()
        for (lane, dispatcher) in zip(endpoint.lanes, dispatchers) {
            let (layer, transactions, dispatch, credentials, proxy, waking, registrar, pings) = await lane.lane.run {
                _ in
                (
                    lane.layer.counters, lane.layer.transactionCount, dispatcher.counters, dispatcher.credentials,
                    dispatcher.proxy.counters, dispatcher.proxy.waking, dispatcher.registrar.counters,
                    dispatcher.duties.pingsSent
                )
            }
            signalling.add(layer)
            result.refused.add(dispatch.refused)
            result.authentication.add(credentials.all)
            result.signalling.add([("strayAcks", dispatch.strayAcks), ("transactions", UInt64(transactions))])
            result.proxy.add(proxy.all)
            result.push.add(waking.all)
            result.registrar.add(registrar.all + [("pings", pings)])
            result.lanes.append(ServerStatistics.Lane(lane.lane, uptime: uptime))
        }
        result.registrar.add([("lostWithConnections", UInt64(table.lostCount))])
        result.signalling.add(signalling.all)
        if let streams = endpoint.streamStatistics {
            result.connections.add(streams.counters.all + [("open", UInt64(streams.open))])
        }
        if let counters = push?.counters {
            result.push.add([
                ("requested", counters.requested), ("refreshes", counters.refreshes), ("refused", counters.refused),
            ])
        }
        let relayed = relay.counters
        result.media.add([
            ("calls", UInt64(relayed.calls)), ("relayed", UInt64(relayed.anchored)),
            ("refused", UInt64(relayed.refused)), ("silent", UInt64(relayed.silent)),
            ("insecure", UInt64(relayed.insecure)), ("ended", UInt64(relayed.ended)),
        ])
        result.media.add(await relay.traffic().all)
        result.media.add([("strangers", await relay.strangers())])
        if let status = queue?.status {
            result.pendingChanges = status.depth
            result.commitLagMilliseconds = status.lag.wholeMilliseconds
        }
        return result
    }
}

extension Listener {
    /// The URL that others reach it by, as in `udp://127.0.0.1:5060`.
    public var url: String { "\("\(transport.text)".lowercased())://\(address)" }
}

extension ConfigurationDifference {
    /// A line for each change, with when it takes effect.
    public var lines: [String] {
        if isEmpty { return ["nothing has changed"] }
        return reloadable.map { "changed: \($0)" } + needingRestart.map { "needs a restart: \($0)" }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds &* 1_000 &+ components.attoseconds / 1_000_000_000_000_000
    }
}

extension [String: UInt64] {
    fileprivate mutating func add(_ counters: [(name: String, value: UInt64)]) {
        for counter in counters { self[counter.name, default: 0] &+= counter.value }
    }
}

extension ServerStatistics.Lane {
    fileprivate init(_ lane: Lane, uptime: Duration) {
        let counts = lane.statistics
        self.lane = lane.index
        busyPercent = Double(counts.busyNanoseconds) / max(1, Double(uptime.wholeMilliseconds) * 10_000)
        counters = [
            "datagramsReceived": counts.datagramsReceived, "datagramsSent": counts.datagramsSent,
            "kernelDrops": counts.kernelDrops, "truncated": counts.datagramsTruncated, "sendDrops": counts.sendDrops,
            "sendFailures": counts.sendFailures, "messages": counts.messages, "shed": counts.messagesShed,
            "refused": counts.messagesRefused, "queueHighWater": counts.queueHighWater, "turns": counts.turns,
            "turnsLent": counts.turnsLent, "timers": counts.timersFired,
        ]
    }
}

extension ProxyCounters {
    fileprivate var all: [(name: String, value: UInt64)] {
        [
            ("forwarded", forwarded), ("stateless", stateless), ("branches", branches), ("acks", acks),
            ("loops", loops),
            ("tooManyHops", tooManyHops), ("tooBroad", tooBroad), ("forgedTokens", forgedTokens),
            ("failOvers", failOvers), ("nextServers", nextServers), ("redirections", redirections),
            ("redirected", redirected),
        ]
    }
}

extension Proxy.WakingCounters {
    fileprivate var all: [(name: String, value: UInt64)] {
        [("parked", parked), ("delivered", delivered), ("expired", expired), ("failed", failed)]
    }
}

extension RegistrarCounters {
    fileprivate var all: [(name: String, value: UInt64)] {
        [
            ("accepted", accepted), ("queries", queries), ("repeats", repeats), ("added", added),
            ("refreshed", refreshed),
            ("removed", removed), ("malformed", malformed), ("forbidden", forbidden), ("unknownUsers", unknownUsers),
            ("tooBrief", tooBrief), ("outOfOrder", outOfOrder), ("deferred", deferred),
        ]
    }
}

extension Authenticator.Counters {
    fileprivate var all: [(name: String, value: UInt64)] {
        [
            ("accepted", accepted), ("challenged", challenged), ("stale", stale), ("refused", refused),
            ("replayed", replayed),
        ]
    }
}
