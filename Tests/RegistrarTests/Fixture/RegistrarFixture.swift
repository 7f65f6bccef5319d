import Reactor
import Routing
import SIP
import SIPEndpoint
import Testing

@testable import Registrar

/// A REGISTER in the making; what a test does not name is as in an ordinary request of one phone.
struct Register {
    var uri = "sip:example.com"
    var to = "<sip:alice@example.com>"
    var from: String?
    var via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport"
    var callID = "one@192.0.2.1"
    var cSeq: UInt32 = 1
    var contacts: [String] = []
    var expires: String?
    var fields: [String] = []

    init(_ contacts: String..., expires: String? = nil, callID: String = "one@192.0.2.1", cSeq: UInt32 = 1) {
        self.contacts = contacts
        self.expires = expires
        self.callID = callID
        self.cSeq = cSeq
    }

    /// Changes a part.
    func with<Value>(_ path: WritableKeyPath<Register, Value>, _ value: Value) -> Register {
        var copy = self
        copy[keyPath: path] = value
        return copy
    }

    var text: String {
        var lines = [
            "REGISTER \(uri) SIP/2.0", "Via: \(via)", "Max-Forwards: 70", "From: \(from ?? to);tag=f", "To: \(to)",
            "Call-ID: \(callID)", "CSeq: \(cSeq) REGISTER",
        ]
        lines += contacts.map { "Contact: \($0)" }
        if let expires { lines.append("Expires: \(expires)") }
        lines += fields
        return (lines + ["Content-Length: 0", "", ""]).joined(separator: "\r\n")
    }
}

/// A registrar of example.com and example.org with what it stands on, all in memory.
final class RegistrarFixture: RequestHandler {
    let clock = ManualClock()
    let journal: MemoryJournal?
    let users: NamedUsers
    let table: BindingTable
    let registrar: Registrar
    let driver = RecordingDriver()
    let listeners = [
        Listener(.udp, TransportAddress(ipv4: 0xC000_02FE, port: 5_060)),
        Listener(.tcp, TransportAddress(ipv4: 0xC000_02FE, port: 5_060)),
        Listener(.udp, TransportAddress(ipv6: 0x2001_0DB8_0000_0000, 0xFE, port: 5_060)),
    ]
    var authenticatedUser: String?
    private(set) var outcome: RegistrationOutcome?
    // Set in `init`, once the handler that the layer wants exists.
    private(set) var layer: TransactionLayer!

    static let domains = DomainTable([
        .init(name: "example.com", aliases: ["192.0.2.254"]), .init(name: "example.org"),
    ])

    init(
        users: Set<String> = [], isJournaled: Bool = false, maximumBindings: Int = 10_000_000,
        key: SipHash = .random(), _ configure: (inout RegistrarConfiguration) -> Void = { _ in }
    ) {
        var configuration = RegistrarConfiguration()
        configure(&configuration)
        journal = isJournaled ? MemoryJournal() : nil
        self.users = NamedUsers(users)
        table = BindingTable(
            domains: Self.domains, directory: self.users, journal: journal, maximumBindings: maximumBindings,
            key: key, clock: { [clock] in clock.now })
        registrar = Registrar(table: table, configuration: configuration)
        layer = TransactionLayer(
            driver: driver, configuration: EndpointConfiguration(), listeners: listeners, handler: self)
    }

    /// The flow of a datagram from an address to our listener of its family.
    func flow(_ remote: String = "192.0.2.1:5060") throws -> Flow {
        let remote = try #require(TransportAddress(remote))
        let listener = remote.isIPv6 ? 2 : 0
        return Flow(
            transport: .udp, listener: UInt16(listener), local: listeners[listener].address, remote: remote)
    }

    /// The flow of a connection.
    func stream(_ remote: String, _ connection: UInt64) throws -> Flow {
        Flow(
            transport: .tcp, listener: 1, connection: connection, local: listeners[1].address,
            remote: try #require(TransportAddress(remote)))
    }

    /// Sends a request and gives back the answer.
    @discardableResult
    func send(_ request: Register, on flow: Flow? = nil) throws -> Message {
        try send(request.text, on: flow)
    }

    @discardableResult
    func send(_ text: String, on flow: Flow? = nil) throws -> Message {
        let flow = try flow ?? self.flow()
        let before = driver.sent.count
        Array(text.utf8).withUnsafeBytes { layer.receive($0, flow) }
        try #require(driver.sent.count == before + 1, "each request gets one answer")
        return try Message(driver.sent[before].bytes)
    }

    // MARK: What the location service says

    func location(_ user: String = "alice", domain: Int = 0) -> Location {
        Array(user.utf8).withUnsafeBytes { table.location(user: $0, domain: domain) }
    }

    func bindings(_ user: String = "alice", domain: Int = 0) -> [Binding] {
        guard case .bindings(let found) = location(user, domain: domain) else { return [] }
        return found
    }

    func contacts(_ user: String = "alice", domain: Int = 0) -> [String] {
        bindings(user, domain: domain).map { String(decoding: $0.contact, as: UTF8.self) }
    }

    /// What the location service says of a GRUU in a domain of the fixture.
    func location(gruu text: String) throws -> Location {
        let uri = try URI(text)
        let domain = try #require(Array(uri.host.utf8).withUnsafeBytes { Self.domains.find($0) })
        let mark = try #require(uri.parameter("gr"))
        return uri.userBytes.withUnsafeBytes { user in
            Array(mark.utf8).withUnsafeBytes { table.location(user: user, domain: domain, gruu: $0) }
        }
    }

    /// The contacts that a GRUU leads to, those of fail-over behind the first.
    func contacts(gruu text: String) throws -> [String] {
        guard case .bindings(let found) = try location(gruu: text) else { return [] }
        return found.flatMap { [$0] + $0.alternates }.map { String(decoding: $0.contact, as: UTF8.self) }
    }

    /// Loads what a journal holds.
    func load(_ row: MemoryJournal.Row, of address: String) -> BindingTable.LoadOutcome {
        Array(address.utf8).withUnsafeBytes { address in
            Array(row.contact.utf8).withUnsafeBytes { contact in
                Array(row.parameters.utf8).withUnsafeBytes { parameters in
                    Array(row.callID.utf8).withUnsafeBytes { callID in
                        Array(row.path.utf8).withUnsafeBytes { path in
                            row.flow.withUnsafeBytes { flow in
                                table.load(
                                    JournalRecord(
                                        addressOfRecord: address, contact: contact, parameters: parameters,
                                        callID: callID, sequenceNumber: row.sequenceNumber,
                                        preference: row.preference, expires: row.expires, path: path, flow: flow),
                                    listeners: listeners)
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: RequestHandler

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        guard let uri = try? request.view.requestURI,
            let domain = Self.domains.find(request.view.bytes(uri.host))
        else { return }
        if let authenticatedUser {
            outcome = Array(authenticatedUser.utf8).withUnsafeBytes {
                registrar.receive(request, in: layer, domain: domain, authenticatedUser: $0)
            }
        } else {
            outcome = registrar.receive(request, in: layer, domain: domain)
        }
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}
}

/// The values of Contact in a message, as text.
func contacts(_ message: Message) -> [String] { message.values(of: .contact) }
