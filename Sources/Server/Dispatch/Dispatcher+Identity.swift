import Proxy
import Registrar
import Routing
import SIP
import SIPEndpoint

/// Who sends a request, as far as it was proven.
struct Sender {
    /// The headers to take away: what strangers may not say, and credentials that were for us.
    var strips: [HeaderName]
    /// The user; nil for strangers and those who need not prove who they are.
    var user: UInt64?
}

// Who sends: our own users prove it, strangers pass without a say about identities where the called domain is open to them
// (RFC 3261 §22.3, RFC 3325 §5).
extension Dispatcher {
    /// A REGISTER for a domain of ours.
    func register(_ request: IncomingRequest, _ domain: Int, _ layer: TransactionLayer) {
        defer {
            // It may have ended while the request waited, and nobody would tell of that again.
            let connection = request.flow.connection
            if connection != 0, !layer.driver.isOpen(connection: connection) {
                registrar.table.connectionClosed(connection)
            }
        }
        guard settings.requiresAuthentication else {
            let outcome = registrar.receive(request, in: layer, domain: domain, authenticatedUser: nil)
            // Nobody is asked to prove anything: who registers is taken for a user.
            if outcome.added + outcome.refreshed > 0 { vouch(request.flow, layer) }
            announce(outcome, domain)
            return
        }
        guard let to = try? request.view.to, let uri = try? request.view.uri(to.uri) else { return }
        guard let user = prove(request, uri, domain, asProxy: false, layer), count(user, request, domain, layer) else {
            return
        }
        let outcome = user.withUnsafeBytes {
            registrar.receive(request, in: layer, domain: domain, authenticatedUser: $0)
        }
        announce(outcome, domain)
    }

    /// Finds out who sends a request.
    ///
    /// - Returns: nil when the request was answered.
    func identify(
        _ request: IncomingRequest, _ from: AddressIndex, called: Int?, _ layer: TransactionLayer
    ) -> Sender? {
        let view = request.view
        guard settings.requiresAuthentication, !settings.trusts(request.flow.remote) else { return Sender(strips: []) }
        let strangers: [HeaderName] = [.pAssertedIdentity, .pPreferredIdentity]
        let claimed = (try? view.uri(from.uri)).flatMap { uri in
            uri.isSIP ? domains.find(view.bytes(uri.host)).map { (uri, $0) } : nil
        }
        let user: [UInt8]
        let domain: Int
        if let (uri, claimedDomain) = claimed {
            guard let proven = prove(request, uri, claimedDomain, asProxy: true, layer) else { return nil }
            guard URI.unescape(view.text(uri.user)) == String(decoding: proven, as: UTF8.self) else {
                counters.identityMismatch &+= 1
                layer.respondStatelessly(to: request, 403, reason: "From is not the user who authenticated")
                return nil
            }
            (user, domain) = (proven, claimedDomain)
        } else {
            guard let called, !settings.policies[called].isOpen else {
                return countStranger(request, layer) ? Sender(strips: strangers) : nil
            }
            guard let proven = proveAnonymously(request, from, called, layer) else { return nil }
            (user, domain) = (proven, called)
        }
        guard !contactIsOfAnother(view, than: user, domain) else {
            counters.identityMismatch &+= 1
            layer.respondStatelessly(to: request, 403, reason: "Contact is a GRUU of another user")
            return nil
        }
        guard count(user, request, domain, layer) else { return nil }
        // The credentials were for us (RFC 3261 §22.3); those of other realms stay.
        let isForUs = view.fieldCount(of: .proxyAuthorization) == 1
        return Sender(
            strips: isForUs ? strangers + [.proxyAuthorization] : strangers, user: limiter.user(user, domain: domain))
    }

    // MARK: Proof

    /// Has the sender of a request whose From is in no domain of ours prove to be a user of the closed domain that it calls.
    ///
    /// Everybody is asked for credentials, so that nothing is learnt of who may call. Who proves to be a user may withhold the
    /// name (RFC 3323 §4.1.1.3), but not write another one into From.
    private func proveAnonymously(
        _ request: IncomingRequest, _ from: AddressIndex, _ called: Int, _ layer: TransactionLayer
    ) -> [UInt8]? {
        guard let uri = try? request.view.uri(from.uri) else {
            layer.respondStatelessly(to: request, 400, reason: "From holds no URI")
            return nil
        }
        guard let user = prove(request, uri, called, asProxy: true, layer) else {
            counters.strangersRefused &+= 1
            return nil
        }
        guard uri.isSIP, request.view.text(uri.host).lowercased() == Self.anonymousHost else {
            counters.identityMismatch &+= 1
            layer.respondStatelessly(to: request, 403, reason: "From is not the user who authenticated")
            return nil
        }
        return user
    }

    /// The host of a From that tells nothing (RFC 3323 §4.1.1.3).
    private static let anonymousHost = "anonymous.invalid"

    /// Has a sender prove to be a user of a domain, by what the domain wants.
    ///
    /// - Parameter claimed: the URI of the user whom the request names as its sender.
    /// - Returns: the proven user, unescaped; nil when the request was answered, or dropped.
    private func prove(
        _ request: IncomingRequest, _ claimed: URIIndex, _ domain: Int, asProxy: Bool, _ layer: TransactionLayer
    ) -> [UInt8]? {
        let policy = settings.policies[domain].authentication
        if policy != .digest {
            let namesUser = claimed.isSIP && domains.find(request.view.bytes(claimed.host)) == domain
            let user =
                namesUser
                ? Array(URI.unescape(request.view.text(claimed.user)).utf8)
                : certifiedUser(domain, request.flow, layer) ?? []
            let isCertified = !user.isEmpty && isCertified(user, domain, request.flow, layer)
            if isCertified, policy != .both {
                vouch(request.flow, layer)
                return user
            }
            if !isCertified, policy != .either {
                counters.uncertified &+= 1
                layer.respondStatelessly(to: request, 403, reason: "A client certificate for this user is needed")
                return nil
            }
        }
        return challenge(request, claimed, domain, asProxy: asProxy, layer)
    }

    /// Whether the certificate of a connection proves a user: it names the user by a SIP URI, or the whole domain
    /// (RFC 5922 §7.1, §7.4).
    private func isCertified(_ user: [UInt8], _ domain: Int, _ flow: Flow, _ layer: TransactionLayer) -> Bool {
        guard flow.connection != 0, flow.transport.isSecure else { return false }
        func isOurs(_ host: some StringProtocol) -> Bool {
            Array(host.utf8).withUnsafeBytes { domains.find($0) } == domain
        }
        if layer.driver.provenDomains(of: flow.connection).contains(where: { isOurs($0) }) { return true }
        return layer.driver.provenUsers(of: flow.connection).contains { address in
            guard let at = address.lastIndex(of: "@") else { return false }
            return Array(address[..<at].utf8) == user && isOurs(address[address.index(after: at)...])
        }
    }

    /// The first user of a domain whom the certificate of a connection names.
    private func certifiedUser(_ domain: Int, _ flow: Flow, _ layer: TransactionLayer) -> [UInt8]? {
        guard flow.connection != 0, flow.transport.isSecure else { return nil }
        for address in layer.driver.provenUsers(of: flow.connection) {
            guard let at = address.lastIndex(of: "@") else { continue }
            let isOurs = Array(address[address.index(after: at)...].utf8).withUnsafeBytes { domains.find($0) } == domain
            if isOurs { return Array(address[..<at].utf8) }
        }
        return nil
    }

    /// Digest, within the limits of attempts.
    private func challenge(
        _ request: IncomingRequest, _ claimed: URIIndex, _ domain: Int, asProxy: Bool, _ layer: TransactionLayer
    ) -> [UInt8]? {
        let now = limiter.time(layer.driver.now)
        let guardian = limiter.attempts
        let attempt = guardian.attempt(
            request.flow.remote, user: request.view.bytes(claimed.user), domain: domain)
        if let rates = settings.rates.attempts {
            switch guardian.admit(attempt, rates, now: now) {
            case .admitted: break
            case .userWaits(let seconds):
                counters.userAttempts &+= 1
                putOff(request, seconds, "Too Many Attempts To Authenticate", layer)
                return nil
            case .sourceWaits(let seconds):
                counters.sourceAttempts &+= 1
                // Whoever sends a datagram has not shown to be at that address: an answer may hit somebody else.
                if request.flow.connection != 0 {
                    putOff(request, seconds, "Too Many Attempts From This Address", layer)
                }
                return nil
            }
        }
        switch settings.authenticator.authenticate(
            request, domain: domain, asProxy: asProxy, counting: &credentials, in: layer)
        {
        case .accepted(let user):
            if let rates = settings.rates.attempts { guardian.succeeded(attempt, rates, now: now) }
            vouch(request.flow, layer)
            return user
        case .stale: return nil
        case .refused:
            if let rates = settings.rates.attempts { guardian.failed(attempt, rates, now: now) }
            return nil
        }
    }

    /// Who sends over a connection has proven to be a user: the connection does not count among the strangers of its address.
    private func vouch(_ flow: Flow, _ layer: TransactionLayer) {
        if flow.connection != 0 { layer.driver.vouch(for: flow.connection) }
    }

    // MARK: Limits

    /// Counts a request of a user; false when it was put off.
    private func count(
        _ user: [UInt8], _ request: IncomingRequest, _ domain: Int, _ layer: TransactionLayer
    ) -> Bool {
        guard let rate = settings.rates.requests else { return true }
        let key = limiter.user(user, domain: domain)
        guard let seconds = limiter.count(user: key, rate, now: limiter.time(layer.driver.now)) else { return true }
        counters.userRequests &+= 1
        putOff(request, seconds, "Too Many Requests", layer)
        return false
    }

    /// Counts a request of whoever proves nothing; false when it was put off.
    private func countStranger(_ request: IncomingRequest, _ layer: TransactionLayer) -> Bool {
        guard let rate = settings.rates.strangers,
            let seconds = limiter.count(
                stranger: request.flow.remote, rate, now: limiter.time(layer.driver.now))
        else { return true }
        counters.strangerRequests &+= 1
        // As with attempts: who sends a datagram has not shown to be at that address.
        if request.flow.connection != 0 { putOff(request, seconds, "Too Many Requests From This Address", layer) }
        return false
    }

    /// 500 with when to come again (RFC 3261 §21.5.1), and not 503: a proxy before this server that is told 503 takes it from all its
    /// users for as long (§21.5.4), and it is one of them that is put off.
    private func putOff(
        _ request: IncomingRequest, _ seconds: UInt64, _ reason: StaticString, _ layer: TransactionLayer
    ) {
        layer.respondStatelessly(to: request, 500, reason: reason) { writer in
            writer.append("Retry-After: ")
            writer.append(decimal: seconds)
            writer.append("\r\n")
        }
    }

    /// Forwards a request with state; an INVITE that begins a call counts as one of its sender.
    func forward(
        _ request: IncomingRequest, _ plan: RoutePlan, to targets: [ProxyTarget], _ sender: Sender,
        _ directives: ForwardingDirectives, _ layer: TransactionLayer
    ) {
        let view = request.view
        let beginsCall = view.method == .invite && (try? view.to)?.tag.isEmpty ?? false
        if beginsCall, let user = sender.user {
            let now = layer.driver.now
            guard calls.begin(view, user: user, limit: settings.rates.calls, now: now) else {
                counters.userCalls &+= 1
                return layer.respondStatelessly(to: request, 403, reason: "Too Many Calls In Progress")
            }
        }
        let isForwarded = proxy.forwards(
            request, plan, to: targets, strips: sender.strips, directives: directives, in: layer)
        if beginsCall, !isForwarded { calls.end(view) }
    }
}
