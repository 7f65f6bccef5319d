public import UserAgent

extension ServerConfiguration {
    /// How bindings are made and kept (RFC 3261 §10).
    public struct Registrar: Hashable, Sendable {
        /// The life of a binding whose request names none.
        public var defaultExpires: Duration = .seconds(3_600)

        /// The shortest life; shorter ones are answered 423.
        public var minimumExpires: Duration = .seconds(60)

        /// The longest life; longer ones are cut to it.
        public var maximumExpires: Duration = .seconds(7_200)

        /// The most contacts of one address of record.
        public var contactsPerAddress = 10

        /// Whether a Path is refused that the phone itself does not support.
        public var requiresPathSupport = false

        /// Within which time phones that keep a flow are told to show that they are there; zero tells them none.
        public var flowTimer: Duration = .seconds(120)

        /// How often the UDP flow of a phone behind NAT is kept open; zero is never.
        public var natPingInterval: Duration = .seconds(25)
    }

    /// Where users and bindings are kept, and how bindings are written there.
    public struct Store: Hashable, Sendable {
        /// The kinds of store.
        public enum Kind: String, CaseIterable, Sendable {
            /// A database in the data folder.
            case sqlite
            /// Memory alone: all is gone when the server stops.
            case memory
        }

        /// Where users and bindings are kept.
        public var kind: Kind = .sqlite

        /// The longest that an answered change waits for its commit.
        public var commitInterval: Duration = .milliseconds(500)

        /// The age of the oldest uncommitted change from which new bindings are held back.
        public var lagThreshold: Duration = .seconds(2)

        /// The most uncommitted changes.
        public var pendingChanges = 500_000
    }

    /// How users prove who they are (RFC 3261 §22, RFC 7616, RFC 8760).
    public struct Authentication: Hashable, Sendable {
        /// The hash functions for challenges.
        public enum Algorithm: String, CaseIterable, Sendable {
            case sha256 = "SHA-256"
            case md5 = "MD5"
        }

        /// What is accepted as quality of protection.
        public enum QualityOfProtection: String, CaseIterable, Sendable {
            /// Only answers with `qop=auth`.
            case auth = "auth"
            /// Also answers without qop, as phones after RFC 2069 give them.
            case authOrNone = "auth-or-none"
        }

        /// Whether users must authenticate at all; off is refused on other than loopback addresses.
        public var isRequired = true

        /// The algorithms challenged with, the most wanted first (RFC 8760 §2.3). MD5 alone unless set: many phones give up
        /// when they are offered one that they do not know.
        public var algorithms: [Algorithm] = [.md5]

        /// How long an answer to a challenge is accepted before a fresh nonce is asked for.
        public var nonceLifetime: Duration = .seconds(300)

        /// The quality of protection.
        public var qualityOfProtection: QualityOfProtection = .auth
    }

    /// How requests are forwarded (RFC 3261 §16).
    public struct Proxy: Hashable, Sendable {
        /// Who may send requests through this server to other domains.
        public enum Relay: String, CaseIterable, Sendable {
            /// Authenticated users of the domains.
            case users
            /// Nobody.
            case nobody
        }

        /// Whether the proxy stays in the path of the dialogs it forwards.
        public var recordsRoute = true

        /// The most branches of one request.
        public var branches = 16

        /// How long contacts of one preference ring before they are cancelled and the next are tried.
        public var ringTime: Duration = .seconds(20)

        /// What a caller is told when nobody has answered in time.
        public enum NoAnswer: String, CaseIterable, Sendable {
            /// 408 Request Timeout.
            case timeout
            /// 480 Temporarily Unavailable.
            case unavailable
        }

        /// What a caller is told when no contact of a user has answered in time.
        public var noAnswer: NoAnswer = .timeout

        /// Who may send requests to other domains.
        public var relay: Relay = .users

        /// Domains elsewhere whose phones register through this server.
        public var edgeDomains: [String] = []

        /// Where redirections are followed.
        public enum Redirections: String, CaseIterable, Sendable {
            /// Nowhere: each 3xx goes back to the caller.
            case nowhere
            /// To users of this server.
            case ownDomains = "own-domains"
            /// To every address.
            case anywhere
        }

        /// Where the server sends a request on when a phone answers it 3xx.
        public var redirections: Redirections = .ownDomains

        /// How many redirections are followed one after another.
        public var redirectionLimit = 5

        /// When the way of a request is told in History-Info.
        public enum History: String, CaseIterable, Sendable {
            /// Never.
            case never
            /// Where the sender supports it.
            case whenSupported = "when-supported"
            /// For each request outside of a dialog.
            case always
        }

        /// When the way of a request is told in History-Info.
        public var history: History = .whenSupported

        /// Whether those to whom a phone redirects a call are told from whom.
        public var addsDiversion = true

        /// Sources that are treated as authenticated: gateways and other servers of the same house.
        public var trustedNetworks: [Network] = []
    }

    /// How user agents that sleep are woken (RFC 8599).
    public struct Push: Hashable, Sendable {
        /// The web service that passes push notifications on; empty wakes nobody.
        public var webhookURL = ""

        /// The push notification services that it knows (`pn-provider`).
        public var services: [String] = ["apns", "fcm", "webpush"]

        /// How long an INVITE waits for its user agent to come back.
        public var waitingTime: Duration = .seconds(20)

        /// How long a user agent without a connection counts as awake after it has registered.
        public var awakeTime: Duration = .seconds(30)
    }

    /// The numbers that the server answers itself, on each of its domains.
    public struct Services: Hashable, Sendable {
        /// Whether there are any.
        public var isEnabled = true

        /// The user part that plays back what it hears; empty is none.
        public var echoUser = "echo"

        /// How much later it plays it back.
        public var echoDelay: Duration = .milliseconds(600)

        /// The user part that plays a tone of 1 kHz; empty is none.
        public var toneUser = "tone"

        /// The most calls to these numbers at once.
        public var calls = 100
    }

    /// Voice sent and received by the server itself, and media that it relays.
    public struct Media: Hashable, Sendable {
        /// The UDP ports for RTP and RTCP.
        public var ports: ClosedRange<UInt16> = 16_384...32_767

        /// The codecs of the server's own calls, in order of preference. Those that are not installed are left out.
        public var codecs: [AudioCodecName] = [.pcmu, .pcma]

        /// The differentiated services code point of RTP packets (RFC 4594: 46 is Expedited Forwarding).
        public var dscp = 46

        /// How much jitter the playout buffer absorbs from the start.
        public var playoutDepth: Duration = .milliseconds(40)

        /// The differentiated services code point of relayed video (RFC 4594: 34 is AF41).
        public var videoDSCP = 34

        /// The threads that relay the media of calls.
        public var relayLanes = 1

        /// The most calls whose media is relayed at once, on each lane of signalling.
        public var relayCalls = 10_000

        /// How long nothing may be heard of either end of a relayed call before the server ends it.
        public var silence: Duration = .seconds(600)

        /// The same while it is on hold.
        public var holdSilence: Duration = .seconds(3_600)

        /// The addresses that ends are told for relayed media; empty are those of the sockets.
        public var advertisedIPv4 = ""
        public var advertisedIPv6 = ""
    }

    /// What is written to the log.
    public struct Logging: Hashable, Sendable {
        /// The least severity written.
        public enum Level: String, CaseIterable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        /// The form of a line.
        public enum Format: String, CaseIterable, Sendable {
            /// For people.
            case text
            /// One JSON object for each line.
            case json
        }

        /// The least severity written.
        public var level: Level = .info

        /// The form of a line.
        public var format: Format = .text
    }
}
