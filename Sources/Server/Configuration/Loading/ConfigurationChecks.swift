import Routing

/// Rules that several keys must keep together.
struct ConfigurationChecks {
    private let layers: ConfigurationLayers
    private let configuration: ServerConfiguration
    private(set) var problems: [ConfigurationDiagnostic] = []
    private(set) var notes: [ConfigurationDiagnostic] = []

    /// Checks a configuration. Rules about keys that are wrong by themselves are passed over.
    init(_ configuration: ServerConfiguration, layers: ConfigurationLayers) {
        self.configuration = configuration
        self.layers = layers
        checkTimers()
        checkRegistrar()
        checkLimits()
        checkListeners()
        checkDomains()
        checkServices()
    }

    private mutating func checkTimers() {
        let timers = configuration.timers
        require(
            timers.t1 <= timers.t2, "timers.t2", "timers.t1", "is shorter than timers.t1, \(text(timers.t1))",
            remedy: "make it at least as long")
        note(
            timers.c <= .seconds(180), "timers.c", "is not more than 3 minutes, as RFC 3261 §16.6 demands",
            remedy: "leave it at 181s except in tests")
        note(
            configuration.tcp.idleTimeout < timers.t1 * 64, "tcp.idle-timeout",
            "is shorter than a transaction may last (64 times timers.t1), so that responses may find no connection",
            remedy: "make it at least \(text(timers.t1 * 64))")
    }

    private mutating func checkRegistrar() {
        let registrar = configuration.registrar
        require(
            registrar.minimumExpires <= registrar.defaultExpires, "registrar.default-expires",
            "registrar.minimum-expires",
            "is shorter than registrar.minimum-expires, \(text(registrar.minimumExpires))",
            remedy: "make it at least as long")
        require(
            registrar.defaultExpires <= registrar.maximumExpires, "registrar.maximum-expires",
            "registrar.default-expires", "is shorter than registrar.default-expires, \(text(registrar.defaultExpires))",
            remedy: "make it at least as long")
        require(
            registrar.minimumExpires <= registrar.maximumExpires, "registrar.maximum-expires",
            "registrar.minimum-expires", "is shorter than registrar.minimum-expires, \(text(registrar.minimumExpires))",
            remedy: "make it at least as long")
    }

    private mutating func checkLimits() {
        let limits = configuration.limits
        require(
            limits.udpMessageSize <= limits.messageSize, "limits.udp-message-size", "limits.message-size",
            "is more than limits.message-size, \(ConfigurationText.text(size: limits.messageSize))",
            remedy: "make it smaller")
        require(
            limits.lineLength <= limits.messageSize, "limits.line-length", "limits.message-size",
            "is more than limits.message-size, \(ConfigurationText.text(size: limits.messageSize))",
            remedy: "make it smaller")
    }

    private mutating func checkListeners() {
        var bound: Set<String> = []
        for listener in configuration.listeners {
            require(
                bound.insert(listener.url).inserted, "listeners", "listeners", "\(listener.url) is named twice",
                remedy: "keep one of them")
        }
        let open = configuration.listeners.filter { !$0.isLoopback }
        require(
            configuration.authentication.isRequired || open.isEmpty, "authentication.required", "listeners",
            "anyone could call through \(open.map(\.url).joined(separator: ", ")) without authentication",
            remedy: "listen on 127.0.0.1 or [::1] only, or require authentication")
        for listener in open where listener.isWildcard && listener.advertised == nil && !layers.isSet("domains") {
            note(
                true, "listeners", "\(listener.url) stands for all addresses, none of which is known to be a domain",
                remedy: "name the domain of your users with the key domains or --domain")
        }
    }

    private mutating func checkDomains() {
        var owners: [String: String] = [:]
        var realms: [String: String] = [:]
        for domain in configuration.domains {
            require(
                domain.mediaEncryption == .pass || domain.media != .direct && domain.mode == .proxy, "domains",
                "domains", "the media of \(domain.name) cannot be encrypted by a server that does not relay it",
                remedy: "set media-encryption to pass, or media to auto or anchor and mode to proxy")
            for host in [domain.name] + domain.aliases {
                if let owner = owners[host] {
                    require(
                        false, "domains", "domains",
                        owner == domain.name
                            ? "\(host) is named twice in \(owner)" : "\(host) belongs to \(owner) and \(domain.name)",
                        remedy: "name it once")
                }
                owners[host] = domain.name
            }
            if let other = realms[domain.realm] {
                note(
                    true, "domains", "\(other) and \(domain.name) share the realm \(domain.realm)",
                    remedy: "no user name can then be in both; give each a realm of its own to have it so")
            }
            realms[domain.realm] = domain.name
        }
    }

    private mutating func checkServices() {
        let services = configuration.services
        require(
            services.echoUser != services.toneUser || services.echoUser.isEmpty, "services.tone", "services.echo",
            "is the same user name as services.echo", remedy: "choose another one")
    }

    /// Notes a problem of `key` unless the rule is kept, or one of the two keys is wrong by itself.
    private mutating func require(
        _ isKept: Bool, _ key: String, _ other: String, _ reason: String, remedy: String
    ) {
        guard !isKept, !layers.isWrong(key), !layers.isWrong(other) else { return }
        // The one that was set is the one to change.
        let place = layers.isSet(key) ? layers.place(of: key) : layers.place(of: other)
        problems.append(ConfigurationDiagnostic(place: place, key: key, reason: reason, remedy: remedy))
    }

    private mutating func note(_ isWorth: Bool, _ key: String, _ reason: String, remedy: String) {
        guard isWorth, !layers.isWrong(key) else { return }
        notes.append(
            ConfigurationDiagnostic(place: layers.place(of: key), key: key, reason: reason, remedy: remedy))
    }

    private func text(_ duration: Duration) -> String { ConfigurationText.text(duration) }
}
