/// Finds the servers of a SIP domain (RFC 3263 §4): what is asked of DNS, and in which order the servers are tried. Without I/O.
///
/// ```
///            NAPTR of the domain                 none
///   start ─────────────────────────> services ─────────> each service that we speak
///     │ transport known: its SRV         │                       │
///     └────────────────────────────> SRV records <───────────────┘
///       port known                       │      none
///   start ─────────────> the host        v ────────────> the host
///                                    servers in order
/// ```
///
/// Numeric hosts need no locator. An owner starts it, asks what it wants to know, and gives it the answers, in any order; a failed
/// query is an empty answer.
public struct ServerLocator: Hashable, Sendable {
    /// A question for DNS.
    public enum Query: Hashable, Sendable {
        case naptr(String)
        case srv(String)
        /// A and AAAA, in the order of preference of the host (RFC 6724).
        case addresses(String)
    }

    /// Whom a request is for, as its URI says.
    public struct Destination: Hashable, Sendable {
        /// The host name: the parameter `maddr`, or the host of the URI.
        public var host: String
        /// The port, nil when none is written.
        public var port: UInt16?
        /// The parameter `transport`, nil when there is none.
        public var transport: TransportName?
        /// Whether the scheme is SIPS: only secure transports will do.
        public var isSecure: Bool

        public init(host: String, port: UInt16? = nil, transport: TransportName? = nil, isSecure: Bool = false) {
            self.host = host
            self.port = port
            self.transport = transport
            self.isSecure = isSecure
        }
    }

    /// A server: a host whose addresses are to be tried in their order.
    public struct Server: Hashable, Sendable {
        public var host: String
        public var port: UInt16
        public var transport: TransportName

        public init(host: String, port: UInt16, transport: TransportName) {
            self.host = host
            self.port = port
            self.transport = transport
        }
    }

    /// What a locator wants.
    public enum Step: Hashable, Sendable {
        /// Answers to these, all of them.
        case ask([Query])
        /// Nothing more: the servers in the order in which they are tried. Empty when the domain has none.
        case servers([Server])
    }

    /// The most services of a domain, and servers of a service, that are looked at.
    public static let serviceLimit = 8
    public static let serverLimit = 16

    private struct Service: Hashable, Sendable {
        var name: String
        var transport: TransportName
        /// Nil before the answer has come.
        var records: [SRVRecord]?
    }

    private enum State: Hashable, Sendable {
        case naptr
        case srv([Service])
        case ended
    }

    private let destination: Destination
    /// The transports that this element has, the preferred ones first.
    private let transports: [TransportName]
    private var state = State.ended
    /// Whether the services are those of NAPTR records.
    private var isNamed = false

    /// A locator for one request.
    ///
    /// - Parameter transports: those that this element speaks as a client, in order of preference.
    public init(_ destination: Destination, transports: [TransportName]) {
        self.destination = destination
        self.transports =
            destination.isSecure ? transports.filter(\.isSecure) : transports
    }

    /// Begins: what is to be asked first, or the servers when nothing has to be.
    public mutating func start() -> Step {
        if let transport = fixedTransport {
            // RFC 3263 §4.2: with a port there is nothing to find but the addresses.
            guard destination.port == nil, let name = name(of: transport) else {
                return end([
                    Server(
                        host: destination.host, port: destination.port ?? transport.defaultPort, transport: transport)
                ])
            }
            return ask([Service(name: name, transport: transport)])
        }
        state = .naptr
        return .ask([.naptr(destination.host)])
    }

    /// The answer to the query for NAPTR records; empty when there are none.
    public mutating func receive(naptr records: [NAPTRRecord]) -> Step? {
        guard state == .naptr else { return nil }
        let usable = records.filter { record in record.transport.map(transports.contains) ?? false }
        // RFC 3263 §4.1: the order is the domain's; ours decides among what it holds equal.
        let sorted = usable.sorted { rank($0) < rank($1) }
        let services = sorted.prefix(Self.serviceLimit).compactMap { record in
            record.transport.map { Service(name: record.replacement, transport: $0) }
        }
        isNamed = !services.isEmpty
        guard services.isEmpty else { return ask(services) }
        // `_sips` is asked for SIPS alone, and the other way round; a domain that prefers TLS for SIP says so by NAPTR.
        let guesses = transports.filter { $0.isSecure == destination.isSecure }
        return ask(
            guesses.compactMap { transport in name(of: transport).map { Service(name: $0, transport: transport) } })
    }

    /// The answer to a query for SRV records; empty when there are none.
    ///
    /// - Parameter random: gives numbers of 64 bits, for the weights.
    public mutating func receive(srv records: [SRVRecord], of name: String, random: () -> UInt64) -> Step? {
        guard case .srv(var services) = state else { return nil }
        var isExpected = false
        for index in services.indices where services[index].name == name && services[index].records == nil {
            services[index].records = records
            isExpected = true
        }
        guard isExpected else { return nil }
        state = .srv(services)
        guard services.allSatisfy({ $0.records != nil }) else { return nil }
        var servers: [Server] = []
        for service in services {
            for record in (service.records ?? []).inOrder(random: random) {
                servers.append(Server(host: record.target, port: record.port, transport: service.transport))
            }
        }
        guard servers.isEmpty else { return end(Array(servers.prefix(Self.serverLimit))) }
        // A domain that says that a service is nowhere is believed (RFC 2782); else its own addresses are tried (RFC 3263 §4.2).
        let isRefused = services.contains { $0.records?.contains(where: \.isAbsence) == true }
        guard !isRefused else { return end([]) }
        let transport = isNamed ? services[0].transport : fixedTransport ?? fallback
        return end([Server(host: destination.host, port: transport.defaultPort, transport: transport)])
    }

    /// Whether no answer is waited for.
    public var hasEnded: Bool { state == .ended }

    // MARK: Parts

    private mutating func end(_ servers: [Server]) -> Step {
        state = .ended
        return .servers(servers)
    }

    private mutating func ask(_ services: [Service]) -> Step {
        var seen: Set<String> = []
        let distinct = services.filter { seen.insert($0.name).inserted }
        guard !distinct.isEmpty else { return end([]) }
        state = .srv(distinct)
        return .ask(distinct.map { .srv($0.name) })
    }

    /// The transport that needs no query: the URI names it, or its port leaves no choice (RFC 3263 §4.1).
    private var fixedTransport: TransportName? {
        if let named = destination.transport {
            guard destination.isSecure else { return named }
            return named == .ws || named == .wss ? .wss : .tls
        }
        return destination.port == nil ? nil : fallback
    }

    /// What is spoken where nothing says otherwise.
    private var fallback: TransportName { destination.isSecure ? .tls : .udp }

    private func rank(_ record: NAPTRRecord) -> (UInt16, UInt16, Int) {
        let own = record.transport.flatMap(transports.firstIndex) ?? transports.count
        return (record.order, record.preference, own)
    }

    /// The name of the SRV records of a transport (RFC 3263 §4.1, §4.2); nil for those that have none of their own.
    private func name(of transport: TransportName) -> String? {
        switch transport {
        case .udp: "_sip._udp." + destination.host
        case .tcp: "_sip._tcp." + destination.host
        case .tls: "_sips._tcp." + destination.host
        default: nil
        }
    }
}
