import SIP
import Testing

/// Whole transactions in virtual time, between two machines.
@Suite struct TransactionSimulationTests {
    typealias InviteSimulation = TransactionSimulation<InviteClientTransaction, InviteServerTransaction>
    typealias NonInviteSimulation = TransactionSimulation<NonInviteClientTransaction, NonInviteServerTransaction>

    static let seeds = 0..<UInt64(400)
    static let answered: [(Duration, StatusCode)] = [(.milliseconds(20), 180), (.seconds(3), 200)]
    static let refused: [(Duration, StatusCode)] = [(.milliseconds(20), 180), (.seconds(2), 486)]

    static func lossy(_ loss: Double) -> InviteSimulation.Link {
        InviteSimulation.Link(loss: loss, duplication: loss / 4, longestDelay: .milliseconds(300))
    }

    static func lossyNonInvite(_ loss: Double) -> NonInviteSimulation.Link {
        NonInviteSimulation.Link(loss: loss, duplication: loss / 4, longestDelay: .milliseconds(300))
    }

    @Test("An answered INVITE completes whatever up to 20 % loss takes", arguments: [0, 0.05, 0.1, 0.2])
    func answeredInvite(loss: Double) {
        for seed in Self.seeds {
            let outcome = InviteSimulation.run(
                client: InviteClientTransaction(isReliable: false),
                server: InviteServerTransaction(isReliable: false), link: Self.lossy(loss), seed: seed,
                script: Self.answered)
            #expect(outcome.passedResponses.contains(200), "seed \(seed)")
            #expect(outcome.isConfirmed, "seed \(seed)")
            #expect(outcome.passedRequests == 1, "seed \(seed)")
            #expect(outcome.clientTimeouts + outcome.serverTimeouts == 0, "seed \(seed)")
            #expect(outcome.clientIsOver && outcome.serverIsOver, "seed \(seed)")
            #expect(outcome.duration < .seconds(32 + 32 + 32), "seed \(seed)")
        }
    }

    @Test("A refused INVITE is acknowledged whatever up to 20 % loss takes", arguments: [0, 0.05, 0.1, 0.2])
    func refusedInvite(loss: Double) {
        for seed in Self.seeds {
            let outcome = InviteSimulation.run(
                client: InviteClientTransaction(isReliable: false),
                server: InviteServerTransaction(isReliable: false), link: Self.lossy(loss), seed: seed,
                script: Self.refused)
            #expect(outcome.passedResponses.count(where: { $0 == 486 }) == 1, "seed \(seed)")
            #expect(outcome.passedResponses.last == 486, "seed \(seed)")
            #expect(outcome.passedRequests == 1, "seed \(seed)")
            #expect(outcome.clientTimeouts + outcome.serverTimeouts == 0, "seed \(seed)")
            #expect(outcome.clientIsOver && outcome.serverIsOver, "seed \(seed)")
        }
    }

    @Test(
        "Another request completes whatever up to 20 % loss takes, fast or slow answers",
        arguments: [0, 0.05, 0.1, 0.2], [Duration.milliseconds(1), .seconds(10)])
    func nonInvite(loss: Double, delay: Duration) {
        for seed in Self.seeds {
            let outcome = NonInviteSimulation.run(
                client: NonInviteClientTransaction(isReliable: false),
                server: NonInviteServerTransaction(isReliable: false), link: Self.lossyNonInvite(loss), seed: seed,
                script: [(delay, 200)])
            #expect(outcome.passedResponses.count(where: { $0 == 200 }) == 1, "seed \(seed)")
            #expect(outcome.passedRequests == 1, "seed \(seed)")
            #expect(outcome.clientTimeouts + outcome.serverTimeouts == 0, "seed \(seed)")
            #expect(outcome.clientIsOver && outcome.serverIsOver, "seed \(seed)")
        }
    }

    @Test("Over a reliable transport every message is sent once")
    func reliable() {
        let invite = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: true), server: InviteServerTransaction(isReliable: true),
            script: Self.refused)
        #expect(invite.sent == [.request: 1, .response(180): 1, .response(486): 1, .ack: 1])
        #expect(invite.passedResponses == [180, 486])
        #expect(invite.duration < .seconds(3))

        let other = NonInviteSimulation.run(
            client: NonInviteClientTransaction(isReliable: true),
            server: NonInviteServerTransaction(isReliable: true), script: [(.seconds(1), 200)])
        #expect(other.sent == [.request: 1, .response(200): 1])
        #expect(other.passedResponses == [200])
    }

    @Test("RFC 3261 §17.1.1.2: INVITE into the void is sent seven times in 32 s, then Timer B reports")
    func timerB() {
        let outcome = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: false), server: InviteServerTransaction(isReliable: false),
            link: .init(loss: 1), script: [])
        #expect(outcome.sent == [.request: 7])
        #expect(outcome.clientTimeouts == 1)
        #expect(outcome.fired == [.a, .b])
        #expect(outcome.duration == .seconds(32))
    }

    @Test("RFC 3261 §17.1.2.2: another request into the void is sent eleven times in 32 s, then Timer F reports")
    func timerF() {
        let outcome = NonInviteSimulation.run(
            client: NonInviteClientTransaction(isReliable: false),
            server: NonInviteServerTransaction(isReliable: false), link: .init(loss: 1), script: [])
        #expect(outcome.sent == [.request: 11])
        #expect(outcome.clientTimeouts == 1)
        #expect(outcome.fired == [.e, .f])
        #expect(outcome.duration == .seconds(32))
    }

    @Test("RFC 3261 §17.2.1: a final response whose ACK never comes is sent eleven times in 32 s, then Timer H reports")
    func timerH() {
        let outcome = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: false), server: InviteServerTransaction(isReliable: false),
            link: .init(blocks: { $0 == .ack }), script: [(.zero, 486)])
        #expect(outcome.sent[.response(486)] == 11)
        #expect(outcome.sent[.ack] == 11)
        #expect(outcome.passedResponses == [486])
        #expect(outcome.serverTimeouts == 1)
        #expect(outcome.fired == [.g, .h, .d])
    }

    @Test("RFC 3261 §16.8: a proxied INVITE that only rings is cancelled by Timer C, and given up 64·T1 later")
    func timerC() {
        let outcome = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: false, isProxied: true),
            server: InviteServerTransaction(isReliable: false),
            script: [(.milliseconds(20), 180), (.seconds(60), 183)])
        #expect(outcome.cancels == 1)
        #expect(outcome.clientTimeouts == 1)
        #expect(outcome.fired == [.c, .expiry])
        // The 183 at 60 s restarts the timer; its way takes 5 ms, as did the INVITE's.
        #expect(outcome.duration == .seconds(60 + 181 + 32) + .milliseconds(10))
    }

    @Test("RFC 3261 §9.1: after CANCEL the final response is awaited for 64·T1 only")
    func cancelExpires() {
        let outcome = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: false), server: InviteServerTransaction(isReliable: false),
            cancelAfter: .seconds(1), script: [(.milliseconds(20), 180)])
        #expect(outcome.clientTimeouts == 1)
        #expect(outcome.duration == .seconds(1 + 32))
    }

    @Test("RFC 3261 §9.1: a final response after CANCEL ends the wait")
    func cancelIsAnswered() {
        let outcome = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: false), server: InviteServerTransaction(isReliable: false),
            cancelAfter: .seconds(1), script: [(.milliseconds(20), 180), (.seconds(2), 487)])
        #expect(outcome.clientTimeouts == 0)
        #expect(outcome.passedResponses == [180, 487])
        #expect(outcome.clientIsOver && outcome.serverIsOver)
    }

    @Test("RFC 4320: a slow server sends 100 at 3.5 s; the client goes on every T2; nothing is sent after 32 s")
    func slowServer() {
        let outcome = NonInviteSimulation.run(
            client: NonInviteClientTransaction(isReliable: false),
            server: NonInviteServerTransaction(isReliable: false), script: [(.seconds(40), 200), (.seconds(1), 408)])
        #expect(outcome.passedResponses.allSatisfy { $0 == 100 })
        #expect(!outcome.passedResponses.isEmpty)
        #expect(outcome.sent[.response(200)] == nil)
        #expect(outcome.sent[.response(408)] == nil)
        #expect(outcome.refused == 1)
        #expect(outcome.clientTimeouts == 1)
        #expect(outcome.serverTimeouts == 1)
        #expect(outcome.fired == [.e, .f, .trying, .expiry])
    }

    @Test("RFC 6026 §7: every 2xx of forked answers reaches the caller until Timer M")
    func timersLAndM() {
        let outcome = InviteSimulation.run(
            client: InviteClientTransaction(isReliable: false), server: InviteServerTransaction(isReliable: false),
            script: [(.milliseconds(20), 200), (.seconds(20), 202), (.seconds(31), 201), (.seconds(33), 204)])
        #expect(outcome.passedResponses == [200, 202, 201])
        #expect(outcome.fired == [.l, .m])
        #expect(outcome.clientIsOver && outcome.serverIsOver)
    }

    @Test("Every timer fires in some simulation")
    func everyTimer() {
        var fired: Set<TransactionTimer> = []
        let invite = InviteClientTransaction(isReliable: false, isProxied: true)
        let server = InviteServerTransaction(isReliable: false)
        for script in [Self.answered, Self.refused, [(.seconds(1), 180)]] {
            fired.formUnion(InviteSimulation.run(client: invite, server: server, script: script).fired)
        }
        let noAck = InviteSimulation.Link(blocks: { $0 == .ack })
        fired.formUnion(
            InviteSimulation.run(client: invite, server: server, link: noAck, script: Self.refused).fired)
        fired.formUnion(InviteSimulation.run(client: invite, server: server, link: .init(loss: 1), script: []).fired)
        let other = NonInviteClientTransaction(isReliable: false)
        let otherServer = NonInviteServerTransaction(isReliable: false)
        let scripts: [[(Duration, StatusCode)]] = [[(.seconds(5), 200)], []]
        for script in scripts {
            fired.formUnion(NonInviteSimulation.run(client: other, server: otherServer, script: script).fired)
        }
        #expect(fired == Set(TransactionTimer.allCases))
    }
}
