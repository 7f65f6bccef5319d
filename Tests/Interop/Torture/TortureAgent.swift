import Reactor
import SIP
import SIPEndpoint
import Synchronization
import TestKit
import Testing

@testable import UserAgent

/// A user agent that gets a message, with a program on top of it that refuses calls and takes texts.
enum TortureAgent {
    static func treat(_ bytes: [UInt8], as torture: WireCase, over transport: Wire.Transport) async throws {
        var options = UserAgent.Options(address: .loopback())
        options.registers = false
        options.serves = [.message]
        // The account's proxy decides on which transports an agent listens; nothing is sent there.
        let account = try Account("sip:user@example.com", proxy: "sip:127.0.0.1:9;transport=tcp")
        let agent = try await UserAgent(account: account, options: options)
        let taken = Count()
        await withTaskGroup { group in
            group.addTask {
                for await invitation in agent.invitations {
                    taken.add()
                    invitation.reject(486)
                }
            }
            group.addTask {
                for await request in agent.requests {
                    taken.add()
                    request.respond(200)
                }
            }
            group.addTask {
                do {
                    try await exchange(bytes, torture.agentOutcome(over: transport), transport, agent)
                } catch {
                    Issue.record(error)
                }
                await agent.shutDown()
            }
        }
        let outcome = torture.agentOutcome(over: transport)
        #expect(taken.value == (outcome == .delivered || outcome == .waitsForBody ? 1 : 0))
    }

    private static func exchange(
        _ bytes: [UInt8], _ outcome: WireOutcome, _ transport: Wire.Transport, _ agent: UserAgent
    ) async throws {
        let listener = try #require(agent.endpoint.listeners.first { ($0.transport == .tcp) == (transport == .tcp) })
        let wire = try TortureWire(bytes, transport, to: "\(listener.address)")
        wire.send()
        try await outcome.check(wire, probing: "sip:user@\(listener.address)") {
            let isCall = try Message(bytes).method == .invite
            #expect(try await wire.final().statusCode == (isCall ? 486 : 200))
        }
    }
}

/// How often something has happened.
private final class Count: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .acquiring) }

    func add() { count.add(1, ordering: .releasing) }
}
