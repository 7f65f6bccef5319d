/// The keys of lanes, transactions and transports.
extension ConfigurationSchema {
    private static let defaults = ServerConfiguration()

    static let general: [Setting<ServerConfiguration>] = [
        Setting(
            "data-folder", \.dataFolder, .path, of: defaults,
            shownDefault: "`$ITO_DATA`, else `~/.local/share/itodenwa`",
            .restart, source: "",
            """
            The folder of the database and the control socket; `~/` is the home folder, and a relative path begins at the \
            working directory. It is made with access for its owner only.
            """),
        Setting(
            "lanes.count", \.lanes.count, .integer(0...256), of: defaults, .restart, source: "",
            "Threads that carry signalling; 0 is one for each processor."),
        Setting(
            "lanes.queue-depth", \.lanes.queueDepth, .integer(64...1_000_000), of: defaults, .restart, source: "",
            """
            Messages that may wait from one lane to another. Beyond it new requests outside dialogs are dropped and counted.
            """),
        Setting(
            "lanes.transactions", \.lanes.transactions, .integer(100...10_000_000), of: defaults, .restart,
            source: "RFC 3261 §21.5.4",
            "Transactions that a lane keeps at once. Beyond it new requests are answered 503."),
    ]

    static let timers: [Setting<ServerConfiguration>] = [
        Setting(
            "timers.t1", \.timers.t1, .duration(.milliseconds(1)...(.seconds(10))), of: defaults, .restart,
            source: "RFC 3261 §17.1.1.1", "T1: the estimate of the round-trip time, from which most timers follow."),
        Setting(
            "timers.t2", \.timers.t2, .duration(.milliseconds(1)...(.seconds(60))), of: defaults, .restart,
            source: "RFC 3261 §17.1.2.2", "T2: the longest interval between repeats."),
        Setting(
            "timers.t4", \.timers.t4, .duration(.milliseconds(1)...(.seconds(60))), of: defaults, .restart,
            source: "RFC 3261 §17.1.2.2",
            "T4: the longest a message stays in the network; Timers I and K over UDP."),
        derived("b", \.timers.b, "RFC 3261 §17.1.1.2", "Timer B: the time-out of an INVITE that is sent"),
        Setting(
            "timers.c", \.timers.c, .duration(.seconds(1)...(.seconds(3_600))), of: defaults, .restart,
            source: "RFC 3261 §16.6 step 11",
            """
            Timer C: how long a forwarded INVITE may ring without a new provisional response before it is cancelled. The RFC \
            demands more than 3 minutes.
            """),
        derived(
            "d", \.timers.d, "RFC 3261 §17.1.1.2",
            "Timer D: how long repeated final responses to an INVITE are absorbed over UDP",
            auto: "the value of Timer H, but at least 32s"),
        derived("f", \.timers.f, "RFC 3261 §17.1.2.2", "Timer F: the time-out of other requests that are sent"),
        derived("h", \.timers.h, "RFC 3261 §17.2.1", "Timer H: how long the ACK is waited for"),
        derived("j", \.timers.j, "RFC 3261 §17.2.2", "Timer J: how long repeated requests are absorbed over UDP"),
        derived("l", \.timers.l, "RFC 6026 §7.1", "Timer L: how long a repeated INVITE is absorbed after a 2xx"),
        derived("m", \.timers.m, "RFC 6026 §7.2", "Timer M: how long further 2xx to an INVITE are accepted"),
    ]

    /// A timer that follows from T1 unless it is set.
    private static func derived(
        _ name: String, _ path: any WritableKeyPath<ServerConfiguration, Duration?> & Sendable, _ source: String,
        _ documentation: String, auto: String = "64 times T1"
    ) -> Setting<ServerConfiguration> {
        Setting(
            "timers.\(name)", path, .durationOrAuto(.milliseconds(1)...(.seconds(3_600))), of: defaults, .restart,
            source: source, "\(documentation); `auto` is \(auto).")
    }

    static let limits: [Setting<ServerConfiguration>] = [
        Setting(
            "limits.message-size", \.limits.messageSize, .size((1 << 10)...(16 << 20)), of: defaults, .restart,
            source: "RFC 3261 §21.5.7",
            "The longest message. A longer request is answered 513, a longer response dropped."),
        Setting(
            "limits.header-count", \.limits.headerCount, .integer(16...10_000), of: defaults, .restart,
            source: "RFC 3261 §21.4.1", "The most header fields of a message. One with more is answered 400."),
        Setting(
            "limits.line-length", \.limits.lineLength, .size(256...(64 << 10)), of: defaults, .restart,
            source: "RFC 3261 §21.4.1",
            "The longest header field, with its folded lines. A message with a longer one is answered 400."),
        Setting(
            "limits.udp-message-size", \.limits.udpMessageSize, .size(200...65_507), of: defaults, .restart,
            source: "RFC 3261 §18.1.1",
            "The longest request sent over UDP; longer ones go over TCP, and over UDP when that fails."),
        Setting(
            "limits.max-forwards", \.limits.maxForwards, .integer(1...255), of: defaults, .restart,
            source: "RFC 3261 §16.6 step 3", "The Max-Forwards of a request that comes without one."),
        Setting(
            "limits.max-breadth", \.limits.maxBreadth, .integer(1...1_000), of: defaults, .restart,
            source: "RFC 5393 §5.3.3",
            "The Max-Breadth of a request that comes without one, and the highest that is forwarded."),
        Setting(
            "limits.user-attempts", \.limits.userAttempts, .integer(0...100_000), of: defaults, .reload,
            source: "RFC 3261 §26.3.2.4",
            """
            The attempts of one user from one source to authenticate in a minute, as many at once: requests with wrong \
            credentials, or without any and not followed by right ones. More are answered 500 with Retry-After; 0 is no limit. \
            An address and port from which the user has authenticated within a day has as many of its own.
            """),
        Setting(
            "limits.source-attempts", \.limits.sourceAttempts, .integer(0...10_000_000), of: defaults, .reload,
            source: "RFC 3261 §26.3.2.4, RFC 6888 §2",
            """
            The same for one source: an IPv4 address, or the first 64 bits of an IPv6 address. Attempts that succeed are not \
            counted, and users who have authenticated from there within a day go on when others have used up the limit, so that \
            many users behind one address of a carrier do no harm to one another. More are answered 500, and not at all \
            over UDP; 0 is no limit.
            """),
        Setting(
            "limits.user-requests", \.limits.userRequests, .integer(0...1_000_000), of: defaults, .reload,
            source: "RFC 3261 §21.5.1",
            """
            The requests of one authenticated user in a second, ten times as many at once. More are answered 500 with \
            Retry-After; 0 is no limit.
            """),
        Setting(
            "limits.stranger-requests", \.limits.strangerRequests, .integer(0...1_000_000), of: defaults, .reload,
            source: "RFC 3261 §26.3.2.4, RFC 6888 §2",
            """
            The requests that one source may send in a second to users of open domains, and of `proxy.edge-domains`, without proof of \
            who sends them, ten times as many at once; a source is that of `limits.source-attempts`. Requests in dialogs are not \
            counted, nor those of `proxy.trusted-networks`. More are answered 500, and not at all over UDP; 0 is no limit.
            """),
        Setting(
            "limits.user-calls", \.limits.userCalls, .integer(0...1_000_000), of: defaults, .reload,
            source: "RFC 3261 §21.4.4",
            """
            The calls of one authenticated user in progress, from their INVITE to the answer of their BYE; it takes \
            `proxy.record-route`. Calls to users of a domain in the mode `stateless` are not counted, since nothing is kept of them. \
            More are answered 403; 0 is no limit.
            """),
        Setting(
            "limits.call-lifetime", \.limits.callLifetime, .duration(.seconds(60)...(.seconds(7 * 86_400))),
            of: defaults, .reload,
            source: "RFC 4028 §1",
            "How long a call counts of which nothing is heard, since its phones have vanished."),
    ]

    static let dns: [Setting<ServerConfiguration>] = [
        Setting(
            list: "dns.servers", \.dns.servers, .nameServer, mayBeEmpty: true, of: defaults, .restart,
            source: "RFC 3263 §4",
            """
            Whom the server asks about names; an empty list is the system's (`/etc/resolv.conf`). Hosts of `/etc/hosts` are \
            found there in any case.
            """),
        Setting(
            "dns.timeout", \.dns.timeout, .duration(.milliseconds(100)...(.seconds(30))), of: defaults, .restart,
            source: "RFC 1035 §4.2.1",
            "How long the first question to a server of DNS waits for its answer; the next waits twice as long."),
        Setting(
            "dns.tries", \.dns.tries, .integer(1...10), of: defaults, .restart, source: "RFC 1035 §4.2.1",
            "How often each server of DNS is asked before a name counts as unavailable."),
    ]

    static let tls: [Setting<ServerConfiguration>] = [
        Setting(
            "tls.certificate", \.tls.certificate, .pathOr("own"), of: defaults, .reload, source: "RFC 5922 §7.5",
            """
            The PEM file of the certificate, and of those that lead to its authority, for `tls` listeners and for \
            connections to other servers; `own` is one that the server makes and signs itself, `certificate.pem` in the \
            data folder. All files of this section and of the domains are read again at SIGHUP, and concern new connections.
            """),
        Setting(
            "tls.key", \.tls.key, .pathOr("same"), of: defaults, .reload, source: "RFC 5922 §7.5",
            "The PEM file of its private key, without a passphrase; `same` is the file of the certificate."),
        Setting(
            "tls.ca-file", \.tls.authorities, .pathOr("system"), of: defaults, .reload, source: "RFC 5922 §7.1",
            """
            The PEM file of the authorities whose certificates are believed: those of servers that this one connects to, \
            and of clients; `system` is the list of the system.
            """),
        Setting(
            "tls.verify-client", \.tls.clientVerification, .choice, of: defaults, .reload,
            source: "RFC 5922 §7.4, RFC 5923 §9.2",
            """
            What clients are asked for: no certificate; one that must hold if they have it; or one that they must have. \
            Connections of servers that have proven who they are carry requests both ways.
            """),
        Setting(
            "tls.minimum-version", \.tls.minimumVersion, .choice, of: defaults, .reload, source: "RFC 8996",
            "The oldest version of TLS that is spoken."),
        Setting(
            "tls.handshake-timeout", \.tls.handshakeTimeout, .duration(.milliseconds(100)...(.seconds(60))),
            of: defaults, .restart, source: "",
            "How long a client may take for its handshake before the connection is closed."),
    ]

    static let webSocket: [Setting<ServerConfiguration>] = [
        Setting(
            list: "websocket.origins", \.webSocket.origins, .origin, mayBeEmpty: true, of: defaults, .reload,
            source: "RFC 6455 §10.2",
            """
            The origins of the web pages whose programs may connect; an empty list lets all in. Programs that are no \
            browsers name none, and are let in.
            """),
        Setting(
            "websocket.ping-interval", \.webSocket.pingInterval, .duration(.zero...(.seconds(600))), of: defaults,
            .reload, source: "RFC 7118 §6, RFC 6455 §5.5.2",
            """
            How long nothing may come by a WebSocket before a ping asks for a sign of life; as long again without one, and \
            it is closed. `0s` never asks.
            """),
    ]

    static let tcp: [Setting<ServerConfiguration>] = [
        Setting(
            "tcp.idle-timeout", \.tcp.idleTimeout, .duration(.seconds(1)...(.seconds(86_400))), of: defaults, .restart,
            source: "RFC 3261 §18",
            """
            How long a connection without traffic is kept. The default outlives a registration of an hour, so that a phone \
            without keep-alives stays reachable.
            """),
        Setting(
            "tcp.message-timeout", \.tcp.messageTimeout, .duration(.seconds(1)...(.seconds(300))), of: defaults,
            .restart, source: "RFC 3261 §18.3",
            "How long a message may take from its first byte to its last before the connection is closed."),
        Setting(
            "tcp.connect-timeout", \.tcp.connectTimeout, .duration(.milliseconds(100)...(.seconds(30))), of: defaults,
            .restart, source: "RFC 3261 §18.4", "How long to wait for a connection that the server makes."),
        Setting(
            "tcp.unread-bytes", \.tcp.unreadBytes, .size((4 << 10)...(64 << 20)), of: defaults, .restart, source: "",
            "The bytes waiting for a peer that reads too slowly at which its connection is closed."),
        Setting(
            "tcp.connections", \.tcp.connections, .integer(1...1_000_000), of: defaults, .restart, source: "",
            "The most connections at once."),
        Setting(
            "tcp.connections-per-source", \.tcp.connectionsPerSource, .integer(1...1_000_000), of: defaults, .restart,
            source: "RFC 6888 §2",
            """
            The most connections of strangers from one address at once, or from the first 64 bits of an IPv6 address. Users who have \
            authenticated by their connection, or registered, are not among them, up to ten times as many. One more is let in where a \
            stranger has been silent for a minute, whose connection is closed; else it is refused.
            """),
    ]
}
