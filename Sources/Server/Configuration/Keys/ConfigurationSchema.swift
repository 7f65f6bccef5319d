/// The table of all keys: the only place that names them.
enum ConfigurationSchema {
    /// What the environment variables of keys begin with.
    static let environmentPrefix = "ITO_"

    /// Variables with the prefix that are no keys, but read by commands.
    static let otherVariables: Set<String> = ["ITO_PASSWORD", dataVariable]

    /// The variable that names the data folder unless `data-folder` is set.
    static let dataVariable = "ITO_DATA"

    /// The keys outside the lists of domains and listeners.
    static let settings: [Setting<ServerConfiguration>] =
        general + timers + limits + overload + dns + tcp + tls + webSocket + registrar + store + authentication + proxy
        + push
        + services
        + media + turn + logging

    /// The list of domains.
    static let domains = ListSetting<ServerConfiguration.Domain>(
        key: ConfigurationKey(
            name: "domains", kind: "list of domains", allowed: "at least one",
            defaultText: "localhost with the alias 127.0.0.1, and the addresses listened on or advertised",
            documentation: """
                The domains that this server is responsible for: requests for them end here, their users register here. An \
                element is a name, or a mapping with the keys below. Domains that are added, and all keys of a domain \
                but its realm, take effect after SIGHUP; one that is left out goes on until a restart.
                """,
            source: "RFC 3261 §10.3, §16.4", effect: .reload),
        primary: "name", example: "example.com", fields: domainFields, make: { ServerConfiguration.Domain(name: "") })

    /// The list of listeners.
    static let listeners = ListSetting<ServerConfiguration.Listener>(
        key: ConfigurationKey(
            name: "listeners", kind: "list of listeners", allowed: "at least one",
            defaultText: ServerConfiguration().listeners.map(\.description).joined(separator: ", "),
            documentation: """
                Where the server accepts SIP. An element is a URL, or a mapping with the keys below. An address that \
                others are told can also stand in the URL: `udp://10.0.0.5:5060?advertise=203.0.113.7`.
                """,
            source: "RFC 3261 §18", effect: .restart),
        primary: "url", example: "udp://127.0.0.1:5060", fields: listenerFields,
        make: { ServerConfiguration.Listener(transport: .udp, address: "127.0.0.1") })

    /// All keys in the order of the reference.
    static let keys: [ConfigurationKey] =
        [domains.key] + domains.fieldKeys + [listeners.key] + listeners.fieldKeys + settings.map(\.key)

    /// The settings by name.
    static let settingsByName = Dictionary(uniqueKeysWithValues: settings.map { ($0.key.name, $0) })

    /// The names that lead to settings: `timers` for `timers.t1`.
    static let sections: Set<String> = Set(
        settings.flatMap { setting in
            let parts = setting.key.name.split(separator: ".")
            return (1..<max(parts.count, 1)).map { parts.prefix($0).joined(separator: ".") }
        })
}

/// A list whose elements have keys of their own.
struct ListSetting<Element: Sendable>: Sendable {
    /// The key of the list.
    let key: ConfigurationKey

    /// The key of an element that it is told by; alone it is a whole element.
    let primary: String

    /// A text for the primary key, for errors.
    let example: String

    /// The keys of an element.
    let fields: [Setting<Element>]

    /// Makes an element before its keys are set.
    let make: @Sendable () -> Element

    /// The keys of an element with the name of the list before them.
    var fieldKeys: [ConfigurationKey] { fields.map(\.key) }

    /// The key's own name, without that of the list.
    func name(of field: Setting<Element>) -> String { String(field.key.name.dropFirst(key.name.count + 3)) }

    /// What an element is told by, in its one form.
    func name(of element: Element) -> String { field(primary)?.read(element).first ?? "" }

    /// The key with this name of its own.
    func field(_ name: String) -> Setting<Element>? { fields.first { self.name(of: $0) == name } }
}

extension ConfigurationSchema {
    private typealias Domain = ServerConfiguration.Domain
    private typealias Listener = ServerConfiguration.Listener

    private static let domainFields: [Setting<ServerConfiguration.Domain>] = {
        let example = Domain(name: "example.com")
        return [
            Setting(
                "domains[].name", \.name, .domain, of: example, shownDefault: "none", .reload,
                source: "RFC 3261 §19.1.1",
                "The host part of the addresses of its users."),
            Setting(
                "domains[].realm", \.realm, .realm, of: example, shownDefault: "the name", .restart,
                source: "RFC 3261 §22.1",
                """
                The realm its users authenticate in; the name unless set. Secrets are kept for a realm: after a change all \
                passwords of the domain must be set anew.
                """),
            Setting(
                list: "domains[].aliases", \.aliases, .domain, mayBeEmpty: true, of: example, .reload,
                source: "RFC 3261 §10.3", "Other host parts that stand for this domain."),
            Setting(
                "domains[].open", \.isOpen, .boolean, of: example, .reload, source: "RFC 3261 §26.3.2",
                """
                Whether callers that are not users of this server may call its users. With `no` every caller must prove to be \
                one: whose From is in none of our domains is challenged (407) in the realm of the domain that is called, and \
                goes on with the credentials of a user of it when From is `sip:anonymous@anonymous.invalid`, which withholds \
                the name (RFC 3323 §4.1.1.3); with another From it is refused (403). `proxy.trusted-networks` need prove nothing.
                """),
            Setting(
                "domains[].authentication", \.authentication, .choice, of: example, .reload,
                source: "RFC 3261 §22, RFC 5922 §7.4",
                """
                What proves who its users are: `digest` their passwords; `certificate` that of their TLS connection, which \
                names the user (`URI:sip:alice@example.com`) or the whole domain, and holds for `tls.ca-file`; `either` the \
                certificate where it fits and else the password; `both` the two together. Certificates are asked for by \
                `tls.verify-client`.
                """),
            Setting(
                "domains[].mode", \.mode, .choice, of: example, .reload, source: "RFC 3261 §8.3, §16.2",
                """
                What is done with requests for its users: `proxy` forwards them; `stateless` forwards them to the first \
                contact alone and keeps no transaction (RFC 3261 §16.11), but for a phone that must be woken by push; `redirect` \
                tells the sender where the user is (302): contacts that others can reach, not those behind a NAT or a proxy.
                """),
            Setting(
                "domains[].media", \.media, .choice, of: example, .reload, source: "RFC 7362 §4, RFC 3264",
                """
                Whether the media of its users' calls goes through this server: `direct` never; `anchor` always; `auto` where the \
                ends could not reach each other by themselves, since one is behind a NAT or they speak different versions of IP, unless \
                the caller offers ICE with DTLS-SRTP, as browsers do, and finds a way by itself. In the mode `stateless` it never does.
                """),
            Setting(
                "domains[].media-encryption", \.mediaEncryption, .choice, of: example, .reload,
                source: "RFC 4568, RFC 5763, RFC 8643",
                """
                How the media of calls to its users is encrypted between this server and them: `sdes` by keys in the descriptions, `dtls` by \
                a handshake with this server (to users reached by `ws` or `wss` with ICE, as browsers want it), `offer` by keys in the \
                descriptions where the phone takes them and else not at all, `off` not at all; `auto` \
                as a browser wants it where one end is a browser and the other is not, which then speaks as it is used to, and else like \
                `pass`. Between the callers and this server it is as they offer. All these calls are \
                relayed (with `auto` those with one browser), so `media` must not be `direct`, nor `mode` another than `proxy`. With `pass` the ends agree on that between them, \
                and the server cannot read what it relays.
                """),
            Setting(
                list: "domains[].redirect-users", \.redirectedUsers, .user, mayBeEmpty: true, of: example, .reload,
                source: "RFC 3261 §8.3", "Users whose callers are told where they are (302), whatever the mode."),
            Setting(
                list: "domains[].service-route", \.serviceRoute, .routeURI, mayBeEmpty: true, of: example, .reload,
                source: "RFC 3608 §6.3",
                """
                The proxies that phones of its users are told, when they register, to send their requests by. Those who register a \
                `sips:` address are told `sips:` URIs: without `transport`, and at port 5061 where 5060 or none is written.
                """),
            Setting(
                "domains[].certificate", \.certificate, .pathOr("shared"), of: example, .reload,
                source: "RFC 5922 §7.8, RFC 6066 §3",
                """
                The PEM file of the certificate, and of those that lead to its authority, that is shown to clients who name \
                this domain; `shared` is that of `tls.certificate`.
                """),
            Setting(
                "domains[].key", \.certificateKey, .pathOr("same"), of: example, .reload, source: "RFC 5922 §7.8",
                "The PEM file of its private key; `same` is the file of the certificate."),
        ]
    }()

    private static let listenerFields: [Setting<ServerConfiguration.Listener>] = {
        let example = ServerConfiguration().listeners[0]
        return [
            Setting(
                "listeners[].url", \.self, .listener, of: example, shownDefault: "none", .restart,
                source: "RFC 3261 §18.2.1",
                """
                Transport, numeric address and port to bind; the port is 5060 unless given, 5061 for `tls`, 80 for `ws` and 443 for `wss`; 0 \
                leaves it to the system; \
                `0.0.0.0` and `[::]` stand for all addresses of the machine.
                """),
            Setting(
                "listeners[].advertise", \.advertised, .advertised, of: example, shownDefault: "that of the URL",
                .restart, source: "RFC 3261 §18.1.1",
                "The address, and the port if it differs, that others are told: where a router forwards to this listener."
            ),
        ]
    }()
}
