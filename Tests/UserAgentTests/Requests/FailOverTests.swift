import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// RFC 3263 §4.3: every kind of request goes on to the next server of its domain, whatever is the matter with the first.
@Suite struct FailOverTests {
    /// What is the matter with a server.
    enum Trouble: CaseIterable {
        case silent, unavailable
    }

    private let network = SimulatedNetwork(seed: 11)
    private let alice: SimulatedPhone
    private let first: ScriptedPeer
    private let second: ScriptedPeer

    init() throws {
        alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        alice.proxy = try URI("sip:edge.test;lr")
        first = ScriptedPeer(network.node("10.0.0.8:5070"))
        second = ScriptedPeer(network.node("10.0.0.9:5071"))
        network.hosts["a.test"] = [first.node.address]
        network.hosts["b.test"] = [second.node.address]
        network.names.servers["_sip._udp.edge.test"] = [
            SRVRecord(priority: 1, weight: 0, port: 5_070, target: "a.test"),
            SRVRecord(priority: 2, weight: 0, port: 5_071, target: "b.test"),
        ]
    }

    private func make(_ trouble: Trouble) {
        switch trouble {
        case .silent: network.remove(first.node)
        case .unavailable:
            first.onRequest = { peer, _, transaction in
                if let transaction { peer.answer(transaction, 503, headers: ["Retry-After: 60"]) }
            }
        }
    }

    private func methods(_ peer: ScriptedPeer) -> [Method] { peer.requests.map(\.method) }

    @Test(
        "Requests outside of dialogs",
        arguments: [Method.options, .message, .publish, .subscribe, .refer, .info], Trouble.allCases)
    func single(method: Method, trouble: Trouble) throws {
        make(trouble)
        var answers: [StatusCode] = []
        for _ in 0..<2 {
            alice.agent.send(method, to: try URI("sip:bob@far.test"), as: alice.identity) { _, status, _ in
                answers.append(status)
            }
            network.run(for: .seconds(40))
        }
        #expect(answers == [200, 200])
        // The second request does not go where the first has failed, within its rest or as the one that looks again.
        #expect(methods(second) == [method, method])
    }

    @Test("INVITE", arguments: Trouble.allCases)
    func invite(trouble: Trouble) throws {
        make(trouble)
        second.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            let isCall = request.method == .invite
            peer.answer(
                transaction, 200, type: isCall ? "application/sdp" : "", body: isCall ? Self.description : "")
        }
        try alice.call(try URI("sip:bob@far.test"))
        network.run(for: .seconds(40))
        #expect(alice.story.last == "answered")
        #expect(methods(second) == [.invite, .ack])
    }

    private static let description = """
        v=0\r
        o=- 1 1 IN IP4 10.0.0.9\r
        s=-\r
        c=IN IP4 10.0.0.9\r
        t=0 0\r
        m=audio 4000 RTP/AVP 0\r

        """

    /// The peer that answered has put both servers on the way of the dialog, by their name.
    @Test("Requests in a dialog", arguments: [Method.bye, .info, .invite], Trouble.allCases)
    func dialog(method: Method, trouble: Trouble) throws {
        for peer in [first, second] {
            peer.onRequest = { peer, request, transaction in
                guard let transaction else { return }
                let isCall = request.method == .invite
                peer.answer(
                    transaction, 200, headers: isCall ? ["Record-Route: <sip:edge.test;lr>"] : [],
                    type: isCall ? "application/sdp" : "", body: isCall ? Self.description : "")
            }
        }
        try alice.call(try URI("sip:bob@far.test"))
        network.run(for: .seconds(2))
        #expect(methods(first) == [.invite, .ack])
        make(trouble)
        switch method {
        case .bye: alice.call.hangUp()
        case .invite: alice.call.renegotiate { _ in }
        default: alice.call.send(method) { _, status, _ in #expect(status == 200) }
        }
        network.run(for: .seconds(40))
        #expect(methods(second).first == method)
        if method == .invite {
            #expect(methods(second) == [.invite, .ack])
            #expect(alice.story.last == "answered")
        }
    }

    @Test("REGISTER, and credentials go to the server that wants them", arguments: Trouble.allCases)
    func register(trouble: Trouble) throws {
        make(trouble)
        second.onRequest = { peer, request, transaction in
            guard let transaction else { return }
            guard request[.authorization] != nil else {
                let challenge = "WWW-Authenticate: Digest realm=\"test\", nonce=\"n\", algorithm=MD5"
                return peer.answer(transaction, 401, headers: [challenge])
            }
            let contact = request[.contact] ?? ""
            peer.layer.respond(transaction, status: 200) { writer in
                peer.layer.writeHead(transaction, 200, nil, true, into: &writer)
                writer.append("Contact: \(contact);expires=600\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let registration = try Registration(network.node("10.0.0.2:5060"))
        registration.agent.start()
        network.run(for: .seconds(60), until: { registration.isRegistered })
        #expect(registration.isRegistered)
        #expect(registration.failures == 0)
        #expect(methods(second) == [.register, .register])
        let numbers = second.requests.compactMap { $0[.cSeq] }
        #expect(Set(numbers).count == 2)
    }

    /// A host that keeps one account registered.
    private final class Registration: RequestHandler {
        private(set) var agent: RegistrationAgent!  // Set by `init`.
        private(set) var isRegistered = false
        private(set) var failures = 0

        init(_ node: SimulatedNode) throws {
            let layer = node.start(self)
            let configuration = try RegistrationConfiguration(
                addressOfRecord: try URI("sip:alice@edge.test"), contact: try URI("sip:alice@\(node.address)"))
            let client = RegistrationClient(
                configuration: configuration,
                authentication: DigestClient(
                    accounts: [DigestAccount(username: "alice", password: "secret")], hash: .crypto),
                callID: Array("call".utf8), fromTag: Array("tag".utf8), seed: 1)
            agent = RegistrationAgent(layer: layer, client: client, destination: try URI("sip:edge.test")) { [] }
            agent.onEvent = { [unowned self] event in
                switch event {
                case .registered: isRegistered = true
                case .failed: failures += 1
                case .unregistered, .expired, .flowFailed: break
                }
            }
        }

        func receive(_ request: IncomingRequest, in layer: TransactionLayer) {}
        func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
        func timerFired(_ token: UInt64, in layer: TransactionLayer) { agent.timerFired(token) }
    }

    @Test("When all servers are unavailable, the caller hears of it")
    func none() throws {
        for peer in [first, second] {
            peer.onRequest = { peer, _, transaction in if let transaction { peer.answer(transaction, 503) } }
        }
        try alice.call(try URI("sip:bob@far.test"))
        network.run(for: .seconds(40))
        #expect(alice.story == ["ended 503 remote"])
        #expect(methods(first) == [.invite] && methods(second) == [.invite])
    }
}
