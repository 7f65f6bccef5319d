import Testing

@testable import Server

@Suite struct ConfigurationDifferenceTests {
    private func load(_ yaml: String) throws -> ServerConfiguration {
        try ConfigurationLoader.load(yaml: yaml).configuration
    }

    @Test func saysWhatCanBeReloadedAndWhatCannot() throws {
        let running = try load("domains: [a.example]\ntimers: {t1: 500ms}")
        let new = try load(
            """
            domains: [a.example, {name: b.example, realm: x, aliases: [c.example], open: no}]
            timers: {t1: 1s, b: 5s}
            listeners: [udp://127.0.0.1:5070]
            registrar: {maximum-expires: 3h}
            logging: {level: debug}
            """)
        let difference = new.difference(from: running)
        #expect(
            difference.reloadable.map(\.description) == [
                "domains: a.example → a.example, b.example, realm x, aliases c.example, not open",
                "registrar.maximum-expires: 2h → 3h", "logging.level: info → debug",
            ])
        #expect(
            difference.needingRestart.map(\.description) == [
                "listeners: udp://127.0.0.1:5060, tcp://127.0.0.1:5060 → udp://127.0.0.1:5070",
                "timers.t1: 500ms → 1s", "timers.b: auto → 5s",
            ])
        #expect(!difference.isEmpty)
    }

    @Test func nothingChangedIsEmpty() throws {
        let configuration = try load("timers: {t1: 1s}")
        #expect(configuration.difference(from: try load("timers: {t1: 1000ms}")).isEmpty)
    }

    @Test func aReloadTakesOverWhatItCan() throws {
        let running = try load("lanes: {count: 2}\nlogging: {level: debug}")
        let new = try load(
            "lanes: {count: 4}\ndomains: [a.example]\nproxy: {record-route: no, trusted-networks: [10.0.0.0/8]}")
        let result = running.applyingReloadable(of: new)
        #expect(result.lanes.count == 2)
        // A domain comes behind those there are; none is taken away.
        #expect(result.domains.map(\.name) == ["localhost", "a.example"])
        #expect(result.proxy == new.proxy)
        #expect(result.logging.level == .info)
        let rest = new.difference(from: result)
        #expect(rest.reloadable.isEmpty)
        #expect(rest.needingRestart.map(\.key) == ["domains", "lanes.count"])
    }

    @Test(arguments: [
        // Aliases and openness change, and the order says nothing.
        (
            "[{name: b.example, open: no}, {name: c.example, aliases: [d.example]}]",
            "[{name: b.example, aliases: [x.example]}, c.example]", ["domains"], [String]()
        ),
        ("[a.example, b.example, c.example]", "[a.example, c.example, b.example]", [], []),
        ("[a.example]", "[{name: a.example, mode: redirect}]", ["domains"], []),
        ("[a.example]", "[{name: a.example, redirect-users: [bob]}]", ["domains"], []),
        ("[a.example]", "[{name: a.example, service-route: [\"sip:p;lr\"]}]", ["domains"], []),
        // The first domain is that of requests which name none.
        ("[a.example, b.example]", "[b.example, a.example]", [], ["domains"]),
        // Realms and what is left out need a restart.
        ("[a.example]", "[{name: a.example, realm: other}]", [], ["domains"]),
        ("[a.example, b.example]", "[a.example]", [], ["domains"]),
        ("[a.example, b.example]", "[a.example, c.example]", ["domains"], ["domains"]),
    ])
    func whatOfDomainsCanChange(before: String, after: String, now: [String], later: [String]) throws {
        let running = try load("domains: \(before)")
        let new = try load("domains: \(after)")
        let difference = new.difference(from: running)
        #expect(difference.reloadable.map(\.key) == now)
        #expect(difference.needingRestart.map(\.key) == later)
        let result = running.applyingReloadable(of: new)
        #expect(new.difference(from: result).reloadable.isEmpty)
        #expect(result.domains.prefix(running.domains.count).map(\.name) == running.domains.map(\.name))
        #expect(result.domains.prefix(running.domains.count).map(\.realm) == running.domains.map(\.realm))
    }

    /// Differences are logged.
    @Test(arguments: ["turn.users: alice:tin-can", "turn.secrets: tin-can-and-string"])
    func secretsAreNotShown(line: String) throws {
        let parts = line.split(separator: ":", maxSplits: 1)
        let key = String(parts[0])
        var changed = ServerConfiguration()
        let setting = try #require(ConfigurationSchema.settings.first { $0.key.name == key })
        try setting.write(&changed, [parts[1].trimmingPrefix(" ").description])
        let difference = changed.difference(from: ServerConfiguration())
        let change = try #require((difference.reloadable + difference.needingRestart).first)
        #expect(change.key == key)
        #expect(!change.description.contains("tin-can"))
    }

    /// Every key, changed alone, is seen as changed: no key reads another's property.
    @Test func everyKeyIsCompared() throws {
        let running = ServerConfiguration()
        let others: [String: String] = [
            "data-folder": "/x", "media.ports": "20000-20001", "media.advertise-ipv4": "192.0.2.7",
            "media.advertise-ipv6": "2001:db8::7", "proxy.trusted-networks": "10.0.0.0/8",
            "authentication.algorithms": "SHA-256", "store.kind": "memory", "services.echo": "play",
            "services.tone": "beep",
            "logging.level": "error", "logging.format": "json", "proxy.relay": "nobody",
            "proxy.no-answer": "unavailable", "proxy.redirects": "anywhere", "proxy.history-info": "always",
            "proxy.edge-domains": "a.example",
            "authentication.qop": "auth-or-none", "tls.verify-client": "required",
            "push.webhook-url": "https://push.example/wake",
            "websocket.origins": "https://phone.example", "tls.minimum-version": "1.3",
            "media.codecs": "pcma", "turn.listeners": "udp://192.0.2.1",
            "turn.addresses": "10.0.0.5?advertise=203.0.113.7",
            "turn.ports": "50000-50999", "turn.realm": "other", "turn.users": "alice:secret",
            "turn.secrets": "north-by-northwest", "turn.longest-lifetime": "20min", "turn.allow-peers": "10.0.0.0/8",
            "turn.deny-peers": "8.8.8.0/24",
            "dns.servers": "192.0.2.53:5300", "overload.algorithm": "rate", "overload.priorities": "ets.0",
        ]
        for setting in ConfigurationSchema.settings {
            var changed = running
            let candidates = [
                others[setting.key.name], "no", "yes", "7s", "7min", "800ms", "100ms", "1234", "7", "5000B",
            ]
            .compactMap(
                \.self)
            let texts = candidates.first { text in
                var copy = running
                guard (try? setting.write(&copy, [text])) != nil else { return false }
                return copy != running
            }
            try setting.write(&changed, [try #require(texts, "\(setting.key.name)")])
            let difference = changed.difference(from: running)
            #expect((difference.reloadable + difference.needingRestart).map(\.key) == [setting.key.name])
        }
    }
}
