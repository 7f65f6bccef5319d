import Testing

/// What becomes of a message that is sent to an element.
enum WireOutcome: Sendable, Hashable {
    /// The final response of the element itself.
    case answered(Int)
    /// The final response of the element itself with a header field, and a part of its value.
    case answeredWith(Int, String, String)
    /// The request reaches whom it is for, whole, and the answer comes back: the user whom a server serves, or the program on top
    /// of a user agent.
    case delivered
    /// Nothing is sent, and the element goes on.
    case silence
    /// On a stream the element answers, and closes what it cannot follow any more.
    case answeredAndClosed(Int)
    /// On a stream the element waits for the rest of the body, and goes on when it comes.
    case waitsForBody
}

/// One message of a torture test RFC, and what a server and a user agent do when it comes over the wire.
struct WireCase: Sendable, CustomTestStringConvertible {
    let name: String
    /// The section of the RFC that describes the message.
    let section: String
    /// What a server does that is proxy and registrar of the domain of the Request-URI.
    let server: WireOutcome
    /// What a user agent does that is no registrar.
    let agent: WireOutcome
    /// The outcome over a stream, where the RFC wants another one there.
    let onStream: WireOutcome?
    /// The same for a user agent, where that is another one.
    let agentOnStream: WireOutcome?
    /// The domain that the server serves, with the host of the Request-URI as its alias; that host itself when nil.
    var domain: String?
    /// The host, or host and port, that the server calls itself: what the Route header of the message names.
    var serverName: String?
    /// Whether the server's registrar wants credentials.
    var authenticates = false

    init(
        _ name: String, _ section: String, server: WireOutcome, agent: WireOutcome, onStream: WireOutcome? = nil,
        agentOnStream: WireOutcome? = nil, domain: String? = nil, serverName: String? = nil, authenticates: Bool = false
    ) {
        self.name = name
        self.section = section
        self.server = server
        self.agent = agent
        self.onStream = onStream
        self.agentOnStream = agentOnStream ?? onStream
        self.domain = domain
        self.serverName = serverName
        self.authenticates = authenticates
    }

    /// Every element treats the message alike.
    init(_ name: String, _ section: String, _ both: WireOutcome, onStream: WireOutcome? = nil) {
        self.init(name, section, server: both, agent: both, onStream: onStream)
    }

    func serverOutcome(over transport: Wire.Transport) -> WireOutcome {
        transport == .tcp ? onStream ?? server : server
    }

    func agentOutcome(over transport: Wire.Transport) -> WireOutcome {
        transport == .tcp ? agentOnStream ?? agent : agent
    }

    var testDescription: String { "\(name) (§\(section))" }
}

extension Wire.Transport: CaseIterable, CustomTestStringConvertible {
    static var allCases: [Wire.Transport] { [.udp, .tcp] }
    var testDescription: String { rawValue.uppercased() }
}
