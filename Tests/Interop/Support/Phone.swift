import Reactor
import SIP
import Synchronization
import TestKit
import UserAgent

/// A phone of our own in the test's process, with what it has sent and received.
final class Phone: Sendable {
    let agent: UserAgent
    private let messages: MessageList

    private init(_ agent: UserAgent, _ messages: MessageList) {
        self.agent = agent
        self.messages = messages
    }

    /// Registers a user of `example.test` at a server.
    ///
    /// - Parameters:
    ///   - transport: `udp`, `tcp` or `tls`; or `sips`, with which its address is a SIPS URI.
    ///   - trust: whose certificates it believes.
    ///   - serves: methods whose requests come by `agent.requests`.
    static func start(
        _ user: String, at server: String, over transport: String = "udp", address: TransportAddress = .loopback(),
        trust: TLSConfiguration.Trust = .system, serves: MethodSet = []
    ) async throws -> Phone {
        let messages = MessageList()
        var options = UserAgent.Options(address: address)
        options.trust = trust
        options.serves = serves
        options.trace = { message in messages.add(message) }
        let account =
            transport == "sips"
            ? try Account("sips:\(user)@example.test", password: "secret", proxy: "sips:\(server)")
            : try Account(
                "sip:\(user)@example.test", password: "secret", proxy: "sip:\(server);transport=\(transport)")
        return Phone(try await UserAgent(account: account, options: options), messages)
    }

    /// Takes the next call.
    func answered() async throws -> Call {
        for await invitation in agent.invitations { return try await invitation.answer() }
        throw PeerError(.ended, "no call has come")
    }

    /// The last message whose first line begins so.
    func last(_ beginning: String) -> SentMessage? {
        messages.all.last { $0.startLine.hasPrefix(beginning) }.map { SentMessage($0.bytes) }
    }
}

/// The messages that passed a phone.
private final class MessageList: Sendable {
    private let list = Mutex<[TracedMessage]>([])

    var all: [TracedMessage] { list.withLock { $0 } }

    func add(_ message: TracedMessage) { list.withLock { $0.append(message) } }
}

/// A call between two phones, ended by either side in turn; `check` sees the callee after each.
func callBothWays(
    _ caller: Phone, _ callee: Phone, user: String, _ check: (Phone) throws -> Void = { _ in }
) async throws {
    for endsAtCaller in [true, false] {
        async let answered = callee.answered()
        let call = try await caller.agent.call("sip:\(user)@example.test")
        let other = try await answered
        let (first, second) = endsAtCaller ? (call, other) : (other, call)
        await first.hangUp()
        let ending = await second.ended()
        guard ending.side == .remote, ending.status == 200 else {
            throw PeerError(.refused, "\(endsAtCaller ? "caller" : "callee") hung up, and the other saw \(ending)")
        }
        try check(callee)
    }
}
