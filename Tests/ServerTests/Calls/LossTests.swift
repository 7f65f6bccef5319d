import Reactor
import SIP
import TestKit
import Testing
import UserAgent

@testable import Server

/// Calls on real sockets through a network that loses every fifth datagram on every hop.
@Suite struct LossTests {
    private static let loss = 0.2
    private static let callers = 10
    private static let callsPerCaller = 5

    /// The round trip of loopback in place of that of the Internet; patience as ever, so that chance alone ends no call: with
    /// 64 T1 the repetitions of RFC 3261 §17 leave about one call in 300 unfinished at this loss.
    private static let t1 = Duration.milliseconds(10)
    private static let t2 = Duration.milliseconds(80)
    private static let patience = Duration.seconds(30)

    private static var phoneTimers: TransactionTimers {
        var timers = TransactionTimers(t1: t1, t2: t2, t4: t2)
        timers.timerB = patience
        timers.timerF = patience
        timers.timerH = patience
        timers.timerL = patience
        timers.timerM = patience
        timers.nonInviteExpiry = patience
        return timers
    }

    private static func setTimers(_ timers: inout ServerConfiguration.Timers) {
        (timers.t1, timers.t2, timers.t4) = (t1, t2, t2)
        timers.b = patience
        timers.f = patience
        timers.h = patience
        timers.j = patience
        timers.l = patience
        timers.m = patience
    }

    @Test(.timeLimit(.minutes(2)), arguments: 1...5 as ClosedRange<UInt64>)
    func allCallsComplete(seed: UInt64) async throws {
        let relay = try LossyRelay(loss: Self.loss, seed: seed)
        let doors = (
            alice: try await relay.openDoor(), server: try await relay.openDoor(), bob: try await relay.openDoor()
        )
        let change: (inout ServerConfiguration) -> Void = { configuration in
            Self.setTimers(&configuration.timers)
            configuration.listeners[0].advertised = .init(host: "127.0.0.1", port: doors.server.port)
        }
        try await withServer(change) { server, port in
            await relay.connect(doors.server, to: .loopback(port: port))
            let alice = try await Self.phone("alice", behind: doors.alice, doors.server, relay)
            let bob = try await Self.phone("bob", behind: doors.bob, doors.server, relay)
            let answering = Task { await Self.answerAll(bob) }
            let endings = await Self.callAll(alice)
            #expect(endings == Array(repeating: "200 local", count: Self.callers * Self.callsPerCaller))
            #expect(await answering.value == Array(repeating: "200 remote", count: Self.callers * Self.callsPerCaller))
            let passages = await relay.passages()
            // All that the phones and the server sent met the relay, and every hop lost.
            let hops = [
                LossyRelay.Way(from: doors.alice, to: doors.server), .init(from: doors.server, to: doors.alice),
                .init(from: doors.server, to: doors.bob), .init(from: doors.bob, to: doors.server),
            ]
            #expect(Set(passages.keys) == Set(hops))
            #expect(await relay.strays() == 0)
            for passage in passages.values {
                #expect(passage.forwarded > 2 * endings.count)
                let share = Double(passage.lost) / Double(passage.lost + passage.forwarded)
                #expect((0.1...0.3).contains(share))
            }
            await alice.shutDown()
            await bob.shutDown()
        }
        await relay.stop()
    }

    /// A phone that registers, and is reached, through the relay.
    private static func phone(
        _ user: String, behind door: TransportAddress, _ server: TransportAddress, _ relay: LossyRelay
    ) async throws -> UserAgent {
        let agent = try await ServerTests.phone(user, proxy: server) { options in
            options.registers = false
            options.timers = phoneTimers
            options.advertised = door.description
        }
        await relay.connect(door, to: agent.localAddress)
        try await agent.register()
        return agent
    }

    /// Several callers at a time, each with one call after the other; how they ended.
    private static func callAll(_ agent: UserAgent) async -> [String] {
        await withTaskGroup { group in
            for _ in 0..<callers {
                group.addTask {
                    var endings: [String] = []
                    for _ in 0..<callsPerCaller { endings.append(await callOnce(agent)) }
                    return endings
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func callOnce(_ agent: UserAgent) async -> String {
        do {
            let call = try await agent.call("bob")
            await call.hangUp()
            let ending = await call.ended()
            return "\(ending.status.rawValue) \(ending.side)"
        } catch {
            return "\(error)"
        }
    }

    private static func answerAll(_ agent: UserAgent) async -> [String] {
        await withTaskGroup { group in
            var count = 0
            for await invitation in agent.invitations {
                group.addTask {
                    do throws(CallError) {
                        let ending = await (try invitation.answer()).ended()
                        return "\(ending.status.rawValue) \(ending.side)"
                    } catch {
                        // The BYE may come before an ACK does.
                        return "\(error.ending.status.rawValue) \(error.ending.side)"
                    }
                }
                count += 1
                if count == callers * callsPerCaller { break }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
