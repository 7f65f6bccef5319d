import UserAgent

/// The keys of the server's roles.
extension ConfigurationSchema {
    private static let defaults = ServerConfiguration()

    static let registrar: [Setting<ServerConfiguration>] = [
        Setting(
            "registrar.default-expires", \.registrar.defaultExpires, .duration(.seconds(1)...(.seconds(31_536_000))),
            of: defaults, .reload, source: "RFC 3261 §10.2.1.1", "The life of a binding whose request names none."),
        Setting(
            "registrar.minimum-expires", \.registrar.minimumExpires, .duration(.seconds(1)...(.seconds(3_600))),
            of: defaults, .reload, source: "RFC 3261 §10.3 step 7",
            "The shortest life of a binding; a shorter one is answered 423. Must not be over an hour."),
        Setting(
            "registrar.maximum-expires", \.registrar.maximumExpires, .duration(.seconds(1)...(.seconds(31_536_000))),
            of: defaults, .reload, source: "RFC 3261 §10.3 step 7",
            "The longest life of a binding; a longer one is cut to it."),
        Setting(
            "registrar.contacts-per-address", \.registrar.contactsPerAddress, .integer(1...1_000), of: defaults,
            .reload,
            source: "RFC 3261 §10.3", "The most contacts of one address of record. A request for more is answered 403."),
        Setting(
            "registrar.require-path-support", \.registrar.requiresPathSupport, .boolean, of: defaults, .reload,
            source: "RFC 3327 §5.3",
            """
            Whether a REGISTER with Path is answered 420 when the phone does not say that it supports it, as the RFC \
            recommends. Most proxies add Path for any phone, so that it is taken unless this is set.
            """),
        Setting(
            "registrar.flow-timer", \.registrar.flowTimer, .duration(.zero...(.seconds(3_600))), of: defaults, .reload,
            source: "RFC 5626 §4.4",
            """
            Within which time phones that keep a flow open (outbound) are told to show that they are there; `0s` leaves \
            it to them.
            """),
        Setting(
            "registrar.nat-ping-interval", \.registrar.natPingInterval, .duration(.zero...(.seconds(600))),
            of: defaults,
            .reload, source: "RFC 5626 §4.4.2",
            "How often the UDP flow of a phone behind NAT is kept open by a ping; `0s` turns it off."),
    ]

    static let store: [Setting<ServerConfiguration>] = [
        Setting(
            "store.kind", \.store.kind, .choice, of: defaults, .restart, source: "",
            "Where users and bindings are kept; with `memory` all is gone when the server stops."),
        Setting(
            "store.commit-interval", \.store.commitInterval, .duration(.milliseconds(10)...(.milliseconds(900))),
            of: defaults, .restart, source: "",
            "The longest that an answered change of bindings waits for its commit to the database to begin."),
        Setting(
            "store.lag-threshold", \.store.lagThreshold, .duration(.seconds(1)...(.seconds(60))), of: defaults,
            .restart,
            source: "RFC 3261 §21.5.4",
            """
            The age of the oldest uncommitted change from which new bindings are answered 503 with Retry-After; refreshes \
            are not.
            """),
        Setting(
            "store.pending-changes", \.store.pendingChanges, .integer(1_000...10_000_000), of: defaults, .restart,
            source: "", "The most uncommitted changes. Beyond it no change of bindings is accepted."),
    ]

    static let authentication: [Setting<ServerConfiguration>] = [
        Setting(
            "authentication.required", \.authentication.isRequired, .boolean, of: defaults, .restart,
            source: "RFC 3261 §22",
            """
            Whether users must authenticate. `no` is for tests and is refused unless all listeners are on loopback \
            addresses.
            """),
        Setting(
            list: "authentication.algorithms", \.authentication.algorithms, .choice, mayBeEmpty: false, of: defaults,
            .reload, source: "RFC 8760 §2.3",
            """
            The algorithms of challenges, the most wanted first. With SHA-256 among them some phones give up: those that \
            know MD5 only and do not pass over what they do not know.
            """),
        Setting(
            "authentication.nonce-lifetime", \.authentication.nonceLifetime,
            .duration(.seconds(10)...(.seconds(86_400))), of: defaults, .reload, source: "RFC 7616 §3.3",
            "How long answers to a challenge are accepted before a new nonce is asked for (`stale=true`)."),
        Setting(
            "authentication.qop", \.authentication.qualityOfProtection, .choice, of: defaults, .reload,
            source: "RFC 3261 §22.4", "Whether answers without qop are accepted too, as very old phones give them."),
    ]

    static let proxy: [Setting<ServerConfiguration>] = [
        Setting(
            "proxy.record-route", \.proxy.recordsRoute, .boolean, of: defaults, .reload,
            source: "RFC 3261 §16.6 step 4",
            "Whether the proxy stays in the path of the dialogs it forwards. Phones behind NAT need it."),
        Setting(
            "proxy.branches", \.proxy.branches, .integer(1...100), of: defaults, .reload,
            source: "RFC 3261 §16.6", "The most targets that one request is forwarded to."),
        Setting(
            "proxy.ring-time", \.proxy.ringTime, .duration(.seconds(1)...(.seconds(600))), of: defaults, .reload,
            source: "RFC 3261 §16.6",
            """
            How long the contacts of one q value ring before they are cancelled and those of the next are tried. The \
            last ones ring until `timers.c`.
            """),
        Setting(
            "proxy.no-answer", \.proxy.noAnswer, .choice, of: defaults, .reload,
            source: "RFC 3261 §16.7, RFC 3665 §3.10",
            """
            What a caller is told when no contact of the user has answered in time: `timeout` is 408, as a proxy must say by \
            RFC 3261; `unavailable` is 480, which carriers expect and RFC 3665 §3.10 shows. What other servers say goes back \
            as it is.
            """),
        Setting(
            "proxy.relay", \.proxy.relay, .choice, of: defaults, .reload, source: "RFC 3261 §16.3, §26.3.2",
            "Who may send requests through this server to domains that are not its own, once authenticated."),
        Setting(
            list: "proxy.edge-domains", \.proxy.edgeDomains, .domain, mayBeEmpty: true, of: defaults, .reload,
            source: "RFC 5626 §5",
            """
            Domains elsewhere whose phones register through this server, which stays in their path and keeps their flows. \
            Anyone may send requests to them; their own server asks for credentials.
            """),
        Setting(
            "proxy.redirects", \.proxy.redirections, .choice, of: defaults, .reload, source: "RFC 3261 §16.7 step 4",
            """
            Where the server sends a request on when a phone answers it 3xx; elsewhere the caller gets the answer. With \
            `anywhere` a phone can send its callers to every address that `proxy.relay` lets users send to.
            """),
        Setting(
            "proxy.redirect-limit", \.proxy.redirectionLimit, .integer(1...20), of: defaults, .reload,
            source: "RFC 3261 §16.7 step 4", "How many redirections of one request are followed one after another."),
        Setting(
            "proxy.history-info", \.proxy.history, .choice, of: defaults, .reload, source: "RFC 7044 §9",
            "When the way of a request through this server is told in History-Info, to those before and behind it."),
        Setting(
            "proxy.diversion", \.proxy.addsDiversion, .boolean, of: defaults, .reload, source: "RFC 5806 §5.4",
            "Whether those to whom a phone redirects a call are told in Diversion from whom."),
        Setting(
            list: "proxy.trusted-networks", \.proxy.trustedNetworks, .network, mayBeEmpty: true, of: defaults, .reload,
            source: "RFC 3325 §5",
            "Sources whose requests count as authenticated and whose P-Asserted-Identity is believed."),
    ]

    static let push: [Setting<ServerConfiguration>] = [
        Setting(
            "push.webhook-url", \.push.webhookURL, .webURLOrOff, of: defaults, .restart, source: "RFC 8599 §5.1",
            """
            The web service that has phones woken: it gets a POST with a JSON object (`provider`, `prid`, `param`, `reason`) for each \
            notification and answers with a status from 200 to 299 when it has taken it. `off` wakes nobody.
            """),
        Setting(
            list: "push.services", \.push.services, .word, mayBeEmpty: true, of: defaults, .reload,
            source: "RFC 8599 §5.4",
            "The push notification services that it knows (`pn-provider`). Phones that want another are answered 555."),
        Setting(
            "push.wait", \.push.waitingTime, .duration(.seconds(1)...(.seconds(120))), of: defaults, .reload,
            source: "RFC 8599 §5.2",
            """
            How long an INVITE waits for a phone that is being woken before it is answered 480; other requests wait no longer \
            than 15s, since their senders do not either.
            """),
        Setting(
            "push.awake", \.push.awakeTime, .duration(.zero...(.seconds(3_600))), of: defaults, .reload,
            source: "RFC 8599 §5.6.2",
            "How long a phone over UDP counts as awake after it has registered; one with an open connection always does."
        ),
    ]

    static let services: [Setting<ServerConfiguration>] = [
        Setting(
            "services.enabled", \.services.isEnabled, .boolean, of: defaults, .reload, source: "",
            "Whether the server answers the numbers below on its domains."),
        Setting(
            "services.echo", \.services.echoUser, .userOrOff, of: defaults, .reload, source: "",
            "The user part that plays back what it hears; `off` is none."),
        Setting(
            "services.echo-delay", \.services.echoDelay, .duration(.zero...(.seconds(10))), of: defaults, .reload,
            source: "", "How much later it plays it back."),
        Setting(
            "services.tone", \.services.toneUser, .userOrOff, of: defaults, .reload, source: "",
            "The user part that plays a tone of 1 kHz; `off` is none."),
        Setting(
            "services.calls", \.services.calls, .integer(1...100_000), of: defaults, .reload,
            source: "RFC 3261 §21.4.24",
            """
            The most calls to these numbers at once, on each lane. Further ones are answered 486, since the number is \
            busy and not the server in trouble, as 503 would say.
            """),
    ]

    static let media: [Setting<ServerConfiguration>] = [
        Setting(
            "media.ports", \.media.ports, .ports, of: defaults, .restart, source: "RFC 3550 §11",
            "The UDP ports for RTP, of even number, and RTCP, one above."),
        Setting(
            list: "media.codecs", \.media.codecs, .choice, mayBeEmpty: false, of: defaults, .restart,
            source: "RFC 3551 §4.5, RFC 7587",
            "The codecs of the server's own calls, in order of preference; `ito codecs` tells what each costs."),
        Setting(
            "media.dscp", \.media.dscp, .integer(0...63), of: defaults, .reload, source: "RFC 4594 §4.1",
            "The differentiated services code point of voice packets; 46 is Expedited Forwarding."),
        Setting(
            "media.video-dscp", \.media.videoDSCP, .integer(0...63), of: defaults, .reload, source: "RFC 4594 §4.3",
            "The differentiated services code point of relayed video; 34 is AF41."),
        Setting(
            "media.relay-lanes", \.media.relayLanes, .integer(1...64), of: defaults, .restart, source: "",
            "The threads that relay the media of calls. One carries about a thousand calls of G.711."),
        Setting(
            "media.relay-calls", \.media.relayCalls, .integer(1...1_000_000), of: defaults, .reload,
            source: "RFC 3261 §21.5.4",
            "The most calls whose media is relayed at once, on each lane of signalling. Further ones are answered 503."),
        Setting(
            "media.silence", \.media.silence, .duration(.seconds(10)...(.seconds(86_400))), of: defaults, .reload,
            source: "RFC 3550 §6.3.5",
            "How long nothing may be heard of either end of a relayed call before the server ends it by BYE to both."),
        Setting(
            "media.hold-silence", \.media.holdSilence, .duration(.seconds(10)...(.seconds(86_400))), of: defaults,
            .reload, source: "RFC 3264 §8.4",
            "The same while a call is on hold, so that its ends need not send anything: all its streams are `sendonly`, `recvonly` or `inactive`."
        ),
        Setting(
            "media.advertise-ipv4", \.media.advertisedIPv4, .numericAddressOrOff(isIPv6: false), of: defaults, .reload,
            source: "RFC 8866 §5.7",
            "The IPv4 address that ends are told for relayed media, where a router forwards its ports here; `off` tells the socket's."
        ),
        Setting(
            "media.advertise-ipv6", \.media.advertisedIPv6, .numericAddressOrOff(isIPv6: true), of: defaults, .reload,
            source: "RFC 8866 §5.7", "The same for IPv6."),
        Setting(
            "media.playout-depth", \.media.playoutDepth, .duration(.milliseconds(20)...(.milliseconds(500))),
            of: defaults, .reload, source: "RFC 3550 §6.4.1",
            "How much jitter the playout buffer absorbs from the start; then it follows."),
    ]

    static let logging: [Setting<ServerConfiguration>] = [
        Setting(
            "logging.level", \.logging.level, .choice, of: defaults, .reload, source: "",
            "The least severity that is written to standard error."),
        Setting(
            "logging.format", \.logging.format, .choice, of: defaults, .restart, source: "",
            "Lines for people, or one JSON object for each."),
    ]
}
