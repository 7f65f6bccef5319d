import Reactor
import SIP
import Server
import TestKit
import Testing

@testable import UserAgent

/// Phones and servers of ours as the figures of an RFC show them, and the messages between them compared with the figure.
///
/// A line of a figure is `F1 alice > p1 INVITE sdp`, and may go on with ` | ` and what its header must say: `Via 2` for the number of
/// values of a header field, `CSeq=2` for a part of its value. Lines with 100 may stand anywhere: RFC 3261 §17.2.1 lets the one who
/// sends it take its time.
final class FlowNetwork {
    let network = SimulatedNetwork(seed: 1)
    private var nodes: [String: SimulatedNode] = [:]
    private var servers: [SimulatedServer] = []
    private var first = 0

    /// A phone of a user of a domain, whose requests go to a server first.
    ///
    /// - Parameters:
    ///   - passwords: by realm.
    ///   - proxy: a URI; nil for a phone that calls others directly.
    func phone(
        _ user: String, _ address: String, of domain: String? = nil, passwords: [String: String] = [:],
        proxy: String? = nil
    ) throws -> SimulatedPhone {
        let node = network.node("\(address):5060")
        let accounts = passwords.sorted { $0.key < $1.key }
            .map { DigestAccount(username: user, password: $0.value, realm: $0.key) }
        let phone = SimulatedPhone(
            user, node, credentials: DigestClient(accounts: accounts, hash: SimulatedServer.hash))
        if let domain { phone.addressOfRecord = try URI("sip:\(user)@\(domain)") }
        if let proxy { phone.proxy = try URI(proxy) }
        // Those who are called ring when the test says so.
        phone.onInvitation = { _ in }
        nodes[user] = node
        return phone
    }

    /// A server that its domains' names lead to.
    @discardableResult
    func server(
        _ name: String, _ address: String, _ domains: [ServerConfiguration.Domain],
        users: [Int: [String: String]] = [:], _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) -> SimulatedServer {
        let node = network.node("\(address):5060")
        let server = SimulatedServer(node, domains, users: users, media: SimulatedMedia(), change)
        for domain in domains where network.hosts[domain.name] == nil { network.hosts[domain.name] = [node.address] }
        nodes[name] = node
        servers.append(server)
        return server
    }

    /// A host that answers what its test lets it answer.
    func peer(_ name: String, _ address: String) -> ScriptedPeer {
        let node = network.node("\(address):5060")
        nodes[name] = node
        return ScriptedPeer(node)
    }

    /// Registers phones, and forgets the messages of that.
    func register(_ phones: SimulatedPhone...) throws {
        for phone in phones {
            try phone.register()
            run(.seconds(1))
            #expect(phone.registration?.isBound == true, "\(phone.user) is not registered")
        }
        begin()
    }

    /// Forgets the messages so far.
    func begin() { first = network.trace.count }

    /// Lets virtual time pass; long enough for 100 by default.
    func run(_ time: Duration = .milliseconds(400)) { network.run(for: time) }

    /// Names the address from which a host has moved as before, and the host itself otherwise.
    func rename(_ name: String, at address: String, moved: String) {
        nodes[moved] = nodes[name]
        nodes[name] = network.node(address)
    }

    /// The messages since `begin`.
    var ladder: Ladder { Ladder(network, nodes, from: first) }

    /// The last call of a phone; the messages so far are in the report when there is none.
    func call(of phone: SimulatedPhone, sourceLocation: SourceLocation = #_sourceLocation) throws -> CallLeg {
        try #require(phone.calls.last, "\(phone.user) has no call:\n\(ladder)", sourceLocation: sourceLocation)
    }

    /// Compares the messages since `begin` with a figure.
    func expect(_ figure: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let lines = figure.split(separator: "\n").map { FlowLine($0) }
        let steps = ladder.steps
        func isTrying(_ text: String) -> Bool { text.contains(" 100 ") }
        let wanted = lines.filter { !isTrying($0.text) }
        let seen = steps.filter { !isTrying($0.text) }
        #expect(seen.map(\.text) == wanted.map(\.text), sourceLocation: sourceLocation)
        let trying = Set(steps.map(\.text).filter(isTrying))
        let missing = Set(lines.map(\.text).filter(isTrying)).subtracting(trying)
        #expect(missing.isEmpty, sourceLocation: sourceLocation)
        for (line, step) in zip(wanted, seen) where line.text == step.text {
            for check in line.checks {
                #expect(
                    check.holds(step.message), "\(line.label): \(check)\n\(step.message)",
                    sourceLocation: sourceLocation)
            }
        }
    }
}

/// One line of a figure.
private struct FlowLine {
    /// What a message's header must say.
    enum Check: CustomStringConvertible {
        case count(String, Int)
        case part(String, String)

        func holds(_ message: Message) -> Bool {
            switch self {
            case .count(let name, let number): message.values(of: HeaderName(name)).count == number
            case .part(let name, let text): message[HeaderName(name)]?.contains(text) == true
            }
        }

        var description: String {
            switch self {
            case .count(let name, let number): "\(name) \(number)"
            case .part(let name, let text): "\(name)=\(text)"
            }
        }
    }

    let label: String
    let text: String
    let checks: [Check]

    init(_ line: Substring) {
        let parts = line.split(separator: "|", maxSplits: 1)
        let words = parts[0].split(separator: " ")
        label = String(words[0])
        text = words.dropFirst().joined(separator: " ")
        checks = parts.dropFirst().flatMap { $0.split(separator: ",") }.map { check in
            let text = check.drop { $0 == " " }
            if let sign = text.firstIndex(of: "=") {
                return .part(String(text[..<sign]), String(text[text.index(after: sign)...]))
            }
            let words = text.split(separator: " ")
            return .count(String(words[0]), Int(words[1]) ?? -1)
        }
    }
}
