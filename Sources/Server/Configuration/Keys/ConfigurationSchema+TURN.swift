/// The keys of the STUN and TURN server.
extension ConfigurationSchema {
    /// Keys whose values are shown to nobody.
    static let secretKeys: Set<String> = ["turn.users", "turn.secrets"]

    static let turn: [Setting<ServerConfiguration>] = {
        let defaults = ServerConfiguration()
        return [
            Setting(
                list: "turn.listeners", \.turn.listeners, .turnListener, mayBeEmpty: true, of: defaults, .restart,
                source: "RFC 8656 §3.1",
                """
                Where `ito relay` waits for clients of STUN and TURN: transport, numeric address and port, which is 3478 unless given, \
                5349 for `tls`. An empty list is `udp://127.0.0.1:3478` and `tcp://127.0.0.1:3478`. A wildcard stands for all \
                addresses that the machine has at the start.
                """),
            Setting(
                list: "turn.addresses", \.turn.addresses, .turnAddress, mayBeEmpty: true, of: defaults, .restart,
                source: "RFC 8656 §7.2",
                """
                The addresses that data is relayed from, one of IPv4 and one of IPv6 at most; behind a router that forwards the ports \
                below, with the address that peers know: `10.0.0.5?advertise=203.0.113.7`. An empty list is the first \
                listener's of each family.
                """),
            Setting(
                "turn.ports", \.turn.ports, .ports, of: defaults, .restart, source: "RFC 8656 §7.2",
                "The UDP and TCP ports that data is relayed from."),
            Setting(
                "turn.realm", \.turn.realm, .realmOrDomain, of: defaults, .restart, source: "RFC 8489 §14.9",
                "The realm of the names and passwords; `domain` is the first of `domains`."),
            Setting(
                list: "turn.users", \.turn.users, .turnUser, mayBeEmpty: true, of: defaults, .reload,
                source: "RFC 8656 §5",
                """
                Users who may relay, each as `NAME:PASSWORD`. Who can read the configuration can read them; secrets are better where \
                another program hands out the credentials.
                """),
            Setting(
                list: "turn.secrets", \.turn.secrets, .secret, mayBeEmpty: true, of: defaults, .reload,
                source: "",
                """
                Secrets by which another program hands out credentials that hold for a time (draft-uberti-behave-turn-rest): the name is `EXPIRY:USER`, its time in \
                seconds since 1970, the password base64 of HMAC-SHA1 of the name by the secret. Two for the time of a change. Who \
                has an allocation when the time is over may refresh it.
                """),
            Setting(
                "turn.lanes", \.turn.lanes, .integer(0...256), of: defaults, .restart, source: "",
                "Threads that relay; 0 is one for each processor."),
            Setting(
                "turn.allocations", \.turn.allocations, .integer(1...65_000), of: defaults, .restart,
                source: "RFC 8656 §7.2", "The most allocations at once. One more is refused (486)."),
            Setting(
                "turn.allocations-per-user", \.turn.allocationsPerUser, .integer(1...65_000), of: defaults, .restart,
                source: "RFC 8656 §5", "The most allocations of one user at once. One more is refused (486)."),
            Setting(
                "turn.connections-per-allocation", \.turn.connectionsPerAllocation, .integer(0...10_000), of: defaults,
                .restart, source: "RFC 6062 §5",
                """
                The most connections with peers of an allocation for TCP, which clients ask for by TCP and TLS; one more is refused (508). 0 \
                for no such allocations (442). In all a thread has 10,000.
                """),
            Setting(
                "turn.longest-lifetime", \.turn.longestLifetime, .duration(.seconds(600)...(.seconds(3_600))),
                of: defaults, .restart, source: "RFC 8656 §7.2",
                "The longest time that an allocation is given at once; the shortest is 10min."),
            Setting(
                "turn.nonce-lifetime", \.turn.nonceLifetime, .duration(.seconds(10)...(.seconds(3_600))),
                of: defaults, .restart, source: "RFC 8656 §5",
                "How long a nonce is taken; then clients are told a new one."),
            Setting(
                "turn.stranger-answers", \.turn.strangerAnswers, .integer(1...1_000_000), of: defaults, .restart,
                source: "RFC 8656 §21.1.7",
                """
                Answers in a second to one source that has not proven who it is, ten times as many at once: an IPv4 address, or the \
                first 64 bits of an IPv6 address. More requests are dropped.
                """),
            Setting(
                list: "turn.allow-peers", \.turn.allowedPeers, .network, mayBeEmpty: true, of: defaults, .restart,
                source: "RFC 8656 §21.4",
                """
                Networks that data may be exchanged with though they are private, loopback, of a link or reserved, which are denied \
                otherwise. Of the server's own addresses only relays are reached, unless one is named here alone.
                """),
            Setting(
                list: "turn.deny-peers", \.turn.deniedPeers, .network, mayBeEmpty: true, of: defaults, .restart,
                source: "RFC 8656 §21.4", "Other networks that no data may be exchanged with."),
        ]
    }()
}

extension ValueFormat<ServerConfiguration.TURNListener> {
    /// The URL of a listener for STUN and TURN.
    static var turnListener: Self {
        Self(
            kind: "URL", allowed: "udp://, tcp:// or tls:// with an IP address and a port",
            parse: { (text: String) throws(Mismatch) in try ServerConfiguration.TURNListener(text) },
            text: { $0.description })
    }
}

extension ValueFormat<ServerConfiguration.TURNAddress> {
    /// An address that data is relayed from.
    static var turnAddress: Self {
        Self(
            kind: "address", allowed: "an IP address, perhaps with ?advertise=",
            parse: { (text: String) throws(Mismatch) in try ServerConfiguration.TURNAddress(text) },
            text: { $0.description })
    }
}

extension ValueFormat<ServerConfiguration.TURNUser> {
    /// A user with a password.
    static var turnUser: Self {
        Self(
            kind: "user", allowed: "NAME:PASSWORD",
            parse: { (text: String) throws(Mismatch) in try ServerConfiguration.TURNUser(text) },
            text: { $0.description })
    }
}

extension ValueFormat<String> {
    /// A secret, which errors do not show.
    static var secret: Self {
        Self(
            kind: "text", allowed: "8 bytes or more",
            parse: { (text: String) throws(Mismatch) in
                guard text.utf8.count >= 8 else {
                    throw Mismatch("a secret is shorter than 8 bytes", example: "one of `openssl rand -base64 24`")
                }
                return text
            },
            text: { $0 })
    }

    /// The realm of STUN: shorter than that of SIP may be (RFC 8489 §14.9); the empty text is the first domain.
    static var realmOrDomain: Self {
        Self(
            kind: "text", allowed: "1 to 127 characters, or `domain`",
            parse: { (text: String) throws(Mismatch) in
                if text == "domain" { return "" }
                guard (1...127).contains(text.count),
                    text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
                else { throw Mismatch("`\(text)` is no realm", example: "example.com") }
                return text
            },
            text: { $0.isEmpty ? "domain" : $0 })
    }
}
