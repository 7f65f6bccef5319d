/// How SIPp plays its part in a test.
public struct SIPpOptions: Sendable {
    /// Which messages it sends and expects.
    public enum Scenario: Sendable {
        /// One that is built in: `uac`, `uas`.
        case builtIn(String)
        /// An XML file.
        case file(String)

        /// A file of this repository's `Tests/Interop/Scenarios`, by its name without `.xml`.
        public static func named(_ name: String) -> Scenario {
            .file(Repository.file("Tests/Interop/Scenarios/\(name).xml"))
        }
    }

    /// How it carries messages.
    public enum Transport: String, Sendable {
        /// UDP, one socket for all calls.
        case udp = "u1"
        /// UDP, a socket for each call.
        case udpPerCall = "un"
        /// TCP, one connection for all calls.
        case tcp = "t1"
        /// TCP, a connection for each call.
        case tcpPerCall = "tn"
    }

    public var scenario: Scenario
    /// Where requests are sent, `host:port`, or `[host]:port` for IPv6; `nil` for a server, which only answers.
    public var remote: String?
    public var transport = Transport.udp
    /// The local address, without brackets.
    public var address = "127.0.0.1"
    /// `[domain]` in our scenarios: the domain of caller and called.
    public var domain = "example.test"
    /// `[user]` in our scenarios: the caller, or the one who registers.
    public var user = "sipp"
    /// The user part of the request URI (`[service]` in scenarios).
    public var service = "service"
    /// After how many calls it ends.
    public var calls = 1
    /// Calls started in a second.
    public var rate = 10
    /// The most calls at once; `nil` leaves SIPp's default, three seconds' worth.
    public var limit: Int?
    /// How long pauses without a length of their own last, in whole milliseconds: the length of a call.
    public var callLength = Duration.zero
    /// User and password for `[authentication]`. SIPp knows MD5 only, and only when the first challenge of several is MD5.
    public var credentials: (user: String, password: String)?
    /// The URI in the credentials, without `sip:`; `nil` is the one called, `service@domain`. RFC 7616 §3.4 wants the request URI.
    public var authenticationURI: String?
    /// Values of the scenario's own `[keywords]`.
    public var keys: [String: String] = [:]
    /// Rows of an injection file, used in turn by successive calls: `[field0]`, `[field1]` …
    public var rows: [[String]] = []
    /// After how long a message that does not come fails a call, unless the scenario says otherwise.
    public var receiveLimit = Duration.seconds(15)
    /// After how long SIPp gives up as a whole, with a failure.
    public var limitOfAll = Duration.seconds(60)
    /// Whether it writes down each message (``SIPpPeer/messages``).
    public var tracesMessages = false
    /// Further arguments, as they are.
    public var arguments: [String] = []

    public init(_ scenario: Scenario, remote: String? = nil) {
        self.scenario = scenario
        self.remote = remote
    }

    /// The registration of one contact, once, by the scenario `register` or, with a password, `register_auth`.
    public static func registration(
        of user: String, contact: String, at registrar: String, password: String? = nil, expires: Int = 300
    ) -> SIPpOptions {
        var options = SIPpOptions(.named(password == nil ? "register" : "register_auth"), remote: registrar)
        options.user = user
        options.credentials = password.map { (user, $0) }
        options.authenticationURI = options.domain
        options.keys = ["contact": contact, "expires": String(expires)]
        return options
    }

    /// The command line of a SIPp that works on `port`. Its remote control knows IPv4 only.
    func commandLine(port: UInt16, controlPort: UInt16, injection: String?) -> [String] {
        var line: [String] = []
        switch scenario {
        case .builtIn(let name): line += ["-sn", name]
        case .file(let path): line += ["-sf", path]
        }
        if let remote { line.append(remote) }
        line += ["-i", address, "-bind_local", "-p", String(port), "-ci", "127.0.0.1", "-cp", String(controlPort)]
        line += ["-t", transport.rawValue, "-s", service, "-m", String(calls), "-r", String(rate)]
        line += ["-d", String(callLength.milliseconds), "-recv_timeout", String(receiveLimit.milliseconds)]
        line += ["-timeout", "\(limitOfAll.milliseconds)ms", "-timeout_error"]
        line += ["-nostdin", "-skip_rlimit"]
        line += ["-trace_stat", "-stf", SIPpPeer.statisticsFile, "-trace_err", "-error_file", SIPpPeer.errorFile]
        if let limit { line += ["-l", String(limit)] }
        if let credentials {
            line += ["-au", credentials.user, "-ap", credentials.password]
            line += ["-auth_uri", authenticationURI ?? "\(service)@\(domain)"]
        }
        line += ["-key", "domain", domain, "-key", "user", user]
        for (key, value) in keys.sorted(by: { $0.key < $1.key }) { line += ["-key", key, value] }
        if let injection { line += ["-inf", injection] }
        if tracesMessages { line += ["-trace_msg", "-message_file", SIPpPeer.messageFile] }
        return line + arguments
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
