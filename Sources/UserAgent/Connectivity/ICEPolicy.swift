import ICE
public import Reactor

/// Whether and how the calls of an account find their way for media (ICE, RFC 8445).
///
/// With it both sides tell each other their addresses, try which of them work, and go on asking whether the other side still wants
/// what it gets (RFC 7675). A far side that does not know it is talked to without.
public struct ICEPolicy: Sendable, Hashable {
    /// What part this side takes.
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// None: media goes where descriptions say, and follows the far side.
        case off
        /// It answers checks only (RFC 8445 §2.5): for hosts that everybody reaches at their own address.
        case lite
        /// It checks.
        case full
    }

    /// A server that tells this side its address as others see it, and may pass data on.
    public struct Server: Sendable, Hashable {
        /// How a server is reached (RFC 8656 §3.1).
        public enum Transport: String, Sendable, Hashable, CaseIterable {
            case udp
            /// For networks that let no UDP out.
            case tcp
            /// By TCP secured by TLS, for networks that look into what passes.
            case tls

            /// The port of servers that name none (RFC 8656 §5).
            public var defaultPort: UInt16 { self == .tls ? 5_349 : 3_478 }
        }

        /// Where a server is.
        public enum Host: Sendable, Hashable {
            case address(TransportAddress)
            /// A name of DNS: where there is no port its SRV records are asked for, and then its addresses (RFC 8489 §8, RFC 5928).
            case name(String, port: UInt16?)
        }

        /// Where it is.
        public var host: Host
        /// How it is reached; STUN servers by UDP alone.
        public var transport = Transport.udp
        /// Whom it must prove to be by its certificate, where it is reached by TLS: a domain, or an IP address. Empty for its name, or else its
        /// address.
        public var domain = ""
        /// The name and password for a TURN server; nil for one that is asked by STUN alone.
        public var credentials: Credentials?

        /// A STUN server.
        public init(stun address: TransportAddress) { host = .address(address) }

        /// A STUN server that has a name.
        public init(stun name: String, port: UInt16? = nil) { host = .name(name, port: port) }

        /// A TURN server.
        public init(
            turn address: TransportAddress, by transport: Transport = .udp, domain: String = "", username: String,
            password: String
        ) {
            host = .address(address)
            self.transport = transport
            self.domain = domain
            credentials = Credentials(username: username, password: password)
        }

        /// A TURN server that has a name.
        public init(
            turn name: String, port: UInt16? = nil, by transport: Transport = .udp, username: String, password: String
        ) {
            host = .name(name, port: port)
            self.transport = transport
            domain = name
            credentials = Credentials(username: username, password: password)
        }

        /// Where it is reached; nil while that has to be asked for.
        public var address: TransportAddress? {
            if case .address(let address) = host { address } else { nil }
        }
    }

    /// What proves this side to a TURN server.
    public struct Credentials: Sendable, Hashable {
        public var username: String
        public var password: String

        public init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// What part this side takes.
    public var mode: Mode

    /// Servers that are asked before an offer or answer is made.
    public var servers: [Server] = []

    /// Which addresses of this host the far side is told of.
    public enum Addresses: String, Sendable, Hashable, CaseIterable {
        /// That which signalling leaves by alone.
        case signalling
        /// Those of all interfaces, of both versions of IP: of other networks, and of virtual private ones.
        case all
    }

    /// Which addresses of this host the far side is told of, to send to.
    public var addresses = Addresses.all

    /// Whether media goes by TURN servers alone, so that the far side learns no address of this host from it; signalling has addresses of
    /// its own. Where no server gives a relay there is no call.
    public var usesRelaysOnly = false

    /// How long an offer or answer waits for the servers: 1 s. Who has not answered until then is not used.
    public var gatheringLimit = Duration.seconds(1)

    /// The most addresses of servers that a call asks.
    static let mostServers = 8

    /// Media goes where descriptions say.
    public static let off = ICEPolicy(.off)

    /// Makes a policy.
    public init(_ mode: Mode) { self.mode = mode }
}

extension ICEPolicy {
    /// Whether no other address of this side may be told of or sent from.
    var keepsToRelays: Bool { mode == .full && usesRelaysOnly }

    /// Whether servers are named, so that their addresses are to be asked for.
    var asksNames: Bool { servers.contains { $0.address == nil } }

    /// The same with servers whose addresses are known; the most that a call asks are ``mostServers``.
    func with(_ servers: [Server]) -> ICEPolicy {
        var policy = self
        policy.servers = Array(servers.prefix(Self.mostServers))
        return policy
    }

    /// What the agent is given.
    var configuration: ICEConfiguration {
        var configuration = ICEConfiguration()
        configuration.usesRelaysOnly = keepsToRelays
        for server in servers {
            guard case .address(let address) = server.host else { continue }
            configuration.servers.append(server.asked(at: STUNAddress(address)))
        }
        return configuration
    }
}

extension ICEPolicy.Server {
    /// The server as the agent is told of it.
    fileprivate func asked(at address: STUNAddress) -> ICEServer {
        guard let credentials else { return ICEServer(stun: address) }
        return ICEServer(
            turn: address,
            credentials: LongTermCredentials(
                username: Array(credentials.username.utf8), password: Array(credentials.password.utf8)),
            isReliable: transport != .udp)
    }
}

/// The way that connectivity checks have found for the audio of a call.
public struct MediaWay: Sendable, Hashable {
    /// What an address is (RFC 8445 §4).
    public enum Kind: String, Sendable, Hashable {
        /// Of a host itself.
        case host
        /// Of a translator in front of it, as a server sees it.
        case serverReflexive = "server-reflexive"
        /// Of a translator in front of it, as the other side sees it.
        case peerReflexive = "peer-reflexive"
        /// Of a TURN server.
        case relayed

        init(_ kind: Candidate.Kind) {
            switch kind {
            case .host: self = .host
            case .serverReflexive: self = .serverReflexive
            case .peerReflexive: self = .peerReflexive
            case .relayed: self = .relayed
            }
        }
    }

    /// The address of this side as the far side sees it.
    public let local: TransportAddress
    /// Where audio goes.
    public let remote: TransportAddress
    /// Whether it goes by a TURN server of this side.
    public let isRelayed: Bool
    /// What ``local`` is.
    public let localKind: Kind
    /// What ``remote`` is.
    public let remoteKind: Kind
}

/// Why connectivity checks leave a call without a way.
@frozen
public enum MediaWayError: Error, Sendable, Hashable {
    /// None of the addresses of both sides reach each other.
    case notFound
    /// The far side does not answer any more, or does not want what it gets (RFC 7675 §5.1).
    case lost
}
