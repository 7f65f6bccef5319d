extension ServerConfiguration {
    /// The threads that carry signalling, each with its sockets, timers and transactions.
    public struct Lanes: Hashable, Sendable {
        /// Signalling lanes; 0 is one for each processor.
        public var count = 0

        /// Messages that may wait in the queue from one lane to another.
        public var queueDepth = 4_096

        /// Transactions that a lane keeps at once.
        public var transactions = 500_000
    }

    /// The timers of transactions (RFC 3261 table 4, RFC 6026). Those that are nil follow from T1, T2 and T4.
    public struct Timers: Hashable, Sendable {
        /// T1, the round-trip time estimate (RFC 3261 §17.1.1.1).
        public var t1: Duration = .milliseconds(500)

        /// T2, the longest interval between repeats of non-INVITE requests and INVITE responses (§17.1.2.2).
        public var t2: Duration = .seconds(4)

        /// T4, how long a message may stay in the network (§17.1.2.2).
        public var t4: Duration = .seconds(5)

        /// Timer B when set; see `timerB`.
        public var b: Duration?

        /// Timer C, how long a proxy waits for a final response to an INVITE (§16.6 step 11).
        public var c: Duration = .seconds(181)

        /// Timer D when set; see `timerD`.
        public var d: Duration?

        /// Timer F when set; see `timerF`.
        public var f: Duration?

        /// Timer H when set; see `timerH`.
        public var h: Duration?

        /// Timer J when set; see `timerJ`.
        public var j: Duration?

        /// Timer L when set; see `timerL`.
        public var l: Duration?

        /// Timer M when set; see `timerM`.
        public var m: Duration?

        /// The least value of Timer D over UDP (RFC 3261 §17.1.1.2).
        public static let leastTimerD: Duration = .seconds(32)

        /// Timer B, the time-out of an INVITE client transaction: 64 times T1 unless set.
        public var timerB: Duration { b ?? t1 * 64 }

        /// Timer D, how long repeated final responses to an INVITE are absorbed over UDP: that of Timer H, at least 32 s,
        /// unless set.
        public var timerD: Duration { d ?? max(Self.leastTimerD, timerH) }

        /// Timer F, the time-out of other client transactions: 64 times T1 unless set.
        public var timerF: Duration { f ?? t1 * 64 }

        /// Timer H, how long an INVITE server transaction waits for the ACK: 64 times T1 unless set.
        public var timerH: Duration { h ?? t1 * 64 }

        /// Timer I, how long repeated ACKs are absorbed over UDP: T4.
        public var timerI: Duration { t4 }

        /// Timer J, how long repeated non-INVITE requests are absorbed over UDP: 64 times T1 unless set.
        public var timerJ: Duration { j ?? t1 * 64 }

        /// Timer K, how long repeated final responses to other requests are absorbed over UDP: T4.
        public var timerK: Duration { t4 }

        /// Timer L, how long an accepted INVITE is absorbed by the server (RFC 6026 §7.1): 64 times T1 unless set.
        public var timerL: Duration { l ?? t1 * 64 }

        /// Timer M, how long further 2xx to an INVITE are accepted by the client (RFC 6026 §7.2): 64 times T1 unless
        /// set.
        public var timerM: Duration { m ?? t1 * 64 }
    }

    /// Limits on messages; over one of them a message is answered 400, 414, 513, 483 or 440, or dropped and counted.
    public struct Limits: Hashable, Sendable {
        /// The most bytes of a message.
        public var messageSize = 64 << 10

        /// The most header fields of a message.
        public var headerCount = 256

        /// The most bytes of one header field, folded lines together.
        public var lineLength = 8 << 10

        /// The most bytes of a request sent over UDP; a longer one goes over TCP (RFC 3261 §18.1.1).
        public var udpMessageSize = 1_300

        /// The Max-Forwards of requests that come without one (RFC 3261 §16.6 step 3).
        public var maxForwards = 70

        /// The Max-Breadth of requests that come without one, and the highest forwarded (RFC 5393 §5.3.3).
        public var maxBreadth = 60

        /// Attempts to authenticate of one user from one source in a minute: requests without credentials that are not followed by
        /// right ones, or with wrong ones; 0 is any number.
        public var userAttempts = 30

        /// Attempts to authenticate from one source in a minute; 0 is any number.
        public var sourceAttempts = 3_000

        /// Requests of one user in a second, ten times as many at once; 0 is any number.
        public var userRequests = 100

        /// Requests of strangers at one source to users of open domains in a second, ten times as many at once; 0 is any number.
        public var strangerRequests = 1_000

        /// Calls of one user in progress; 0 is any number.
        public var userCalls = 100

        /// How long a call is counted of which nothing is heard.
        public var callLifetime: Duration = .seconds(12 * 3_600)
    }

    /// How connections are secured (RFC 3261 §26.2.1, RFC 5922).
    public struct TLS: Hashable, Sendable {
        /// The oldest version of the protocol that is spoken.
        public enum Version: String, CaseIterable, Sendable {
            case tls12 = "1.2"
            case tls13 = "1.3"
        }

        /// What clients that connect are asked to prove.
        public enum ClientVerification: String, CaseIterable, Sendable {
            /// They are not asked for a certificate.
            case none
            /// They may have one, which must then hold.
            case optional
            /// They must have one.
            case required
        }

        /// The PEM file of the certificate chain for all domains without one of their own; empty is a certificate that the server
        /// makes and signs itself, in its data folder.
        public var certificate = ""

        /// The PEM file of its private key; empty is the certificate's file.
        public var key = ""

        /// The PEM file of the authorities whose certificates are believed; empty is the system's list.
        public var authorities = ""

        /// What clients are asked to prove.
        public var clientVerification: ClientVerification = .none

        /// The oldest version spoken.
        public var minimumVersion: Version = .tls12

        /// How long a client may take for its handshake.
        public var handshakeTimeout: Duration = .seconds(10)
    }

    /// How programs in browsers, and others, speak SIP over WebSocket (RFC 7118).
    public struct WebSocket: Hashable, Sendable {
        /// The origins of the pages that may connect; empty is all.
        public var origins: [String] = []

        /// How long nothing may come before a sign of life is asked for; zero never asks.
        public var pingInterval: Duration = .seconds(25)
    }

    /// How names are looked up (RFC 3263).
    public struct DNS: Hashable, Sendable {
        /// The servers, addresses with a port where it is not 53; none are those of the system.
        public var servers: [String] = []

        /// How long the first attempt at a server waits.
        public var timeout: Duration = .seconds(2)

        /// How often each server is asked.
        public var tries = 2
    }

    /// Limits on connections, whatever they carry.
    public struct TCP: Hashable, Sendable {
        /// How long a connection without any traffic is kept.
        public var idleTimeout: Duration = .seconds(3_900)

        /// How long a message may take from its first byte to its last.
        public var messageTimeout: Duration = .seconds(20)

        /// How long to wait for a connection to be made.
        public var connectTimeout: Duration = .seconds(5)

        /// The bytes waiting for a slow reader at which its connection is closed.
        public var unreadBytes = 256 << 10

        /// The most connections.
        public var connections = 20_000

        /// The most connections of strangers from one address.
        public var connectionsPerSource = 1_000
    }
}
