import SIP
import Testing

/// Whole calls with real machines on both sides, and the races of CANCEL, answers and lost messages.
@Suite struct CallSimulationTests {
    typealias Callee = CallSimulation.Callee

    static func run(
        _ callees: [Callee], cancels: Duration? = nil, loss: Double = 0,
        longestDelay: Duration = .milliseconds(10), seed: UInt64 = 1
    ) throws -> CallSimulation {
        var simulation = try CallSimulation(
            callees: callees, caller: .init(cancels: cancels), loss: loss, longestDelay: longestDelay, seed: seed)
        try simulation.run()
        return simulation
    }

    /// Both sides agree about who talks to whom, nobody is left ringing or waiting, and no invitation came twice.
    static func isConsistent(_ simulation: CallSimulation) -> Bool {
        let talking = simulation.branches.indices.filter { simulation.branches[$0].isInCall }
        let ofCaller = simulation.callersDialog.map { [$0] } ?? []
        return talking == ofCaller && simulation.isFinished
            && simulation.branches.allSatisfy { $0.client == nil && $0.server == nil && $0.invitations <= 1 }
            && simulation.branches.allSatisfy {
                $0.incoming.map { $0.state == .confirmed || $0.state == .ended } ?? true
            }
    }

    @Test("A call without trouble")
    func plain() throws {
        let simulation = try Self.run([Callee(answers: .seconds(2))])
        #expect(Self.isConsistent(simulation))
        #expect(simulation.callersDialog == 0)
        #expect(simulation.callersEnding == nil)
        #expect(simulation.exchanges.isEmpty)
    }

    @Test("Under loss of up to 20 % the call stands", arguments: [0.05, 0.1, 0.2])
    func answeredUnderLoss(loss: Double) throws {
        for seed in 0..<UInt64(150) {
            let simulation = try Self.run(
                [Callee(answers: .seconds(2))], loss: loss, longestDelay: .milliseconds(200), seed: seed)
            #expect(Self.isConsistent(simulation), "seed \(seed)")
            #expect(simulation.callersDialog == 0, "seed \(seed)")
        }
    }

    @Test("Under loss of up to 20 % a refusal reaches the caller", arguments: [0.05, 0.1, 0.2])
    func refusedUnderLoss(loss: Double) throws {
        for seed in 0..<UInt64(150) {
            let simulation = try Self.run(
                [Callee(refuses: (.seconds(1), 486))], loss: loss, longestDelay: .milliseconds(200), seed: seed)
            #expect(Self.isConsistent(simulation), "seed \(seed)")
            #expect(simulation.callersEnding == .rejected(486), "seed \(seed)")
            #expect(simulation.branches[0].endings == [.rejected(486)], "seed \(seed)")
        }
    }

    @Test("Whenever the caller gives up, before the first response or around the answer, all end alike")
    func cancelRaces() throws {
        var answeredInTime = 0
        var lostTheRace = 0
        for seed in 0..<UInt64(300) {
            // Around the answer at one second, and the first response.
            let cancels = Duration.milliseconds(seed < 100 ? Int64(seed) / 4 : 900 + Int64(seed))
            let simulation = try Self.run(
                [Callee(answers: .seconds(1))], cancels: cancels, loss: seed.isMultiple(of: 2) ? 0.2 : 0,
                longestDelay: .milliseconds(150), seed: seed)
            #expect(Self.isConsistent(simulation), "seed \(seed)")
            if simulation.callersDialog != nil {
                answeredInTime += 1
                #expect(simulation.callersEnding == nil, "seed \(seed)")
                continue
            }
            #expect(simulation.callersEnding == .cancelled, "seed \(seed)")
            if simulation.branches[0].endings == [.hungUpByPeer] {
                lostTheRace += 1
                #expect(simulation.outgoing.dialogs.count == 1, "seed \(seed)")
            } else {
                #expect(simulation.branches[0].endings == [.cancelled], "seed \(seed)")
            }
        }
        #expect(answeredInTime > 0)
        #expect(lostTheRace > 0)
    }

    @Test("Of several who answer at once, one is kept, the others get ACK and BYE", arguments: [0, 0.2])
    func twoAnswers(loss: Double) throws {
        var surplus = 0
        for seed in 0..<UInt64(150) {
            let simulation = try Self.run(
                (0..<3).map { _ in Callee(answers: .seconds(1)) }, loss: loss, longestDelay: .milliseconds(100),
                seed: seed)
            #expect(Self.isConsistent(simulation), "seed \(seed)")
            #expect(simulation.callersDialog != nil, "seed \(seed)")
            let byes = simulation.exchanges.keys.filter { $0.method == .bye && $0.from == .caller }
            surplus += byes.count
            for bye in byes { #expect(simulation.answered.contains(bye), "seed \(seed)") }
        }
        #expect(surplus > 100)
    }

    @Test("When one answers the others are cancelled", arguments: [0, 0.2])
    func losersAreCancelled(loss: Double) throws {
        for seed in 0..<UInt64(150) {
            let simulation = try Self.run(
                [Callee(answers: .seconds(5)), Callee(), Callee(refuses: (.seconds(1), 486))], loss: loss,
                longestDelay: .milliseconds(100), seed: seed)
            #expect(Self.isConsistent(simulation), "seed \(seed)")
            #expect(simulation.callersDialog == 0, "seed \(seed)")
            #expect(simulation.branches[1].endings == [.cancelled], "seed \(seed)")
            #expect(simulation.branches[2].endings == [.rejected(486)], "seed \(seed)")
        }
    }

    @Test("RFC 3261 §16.8: a callee that shows no progress is cancelled by Timer C")
    func nobodyAnswers() throws {
        let simulation = try Self.run([Callee(rings: nil), Callee(rings: nil)])
        #expect(Self.isConsistent(simulation))
        #expect(simulation.callersEnding == .rejected(487))
        #expect(simulation.branches.map(\.endings) == [[.cancelled], [.cancelled]])
    }

    @Test("RFC 3261 §13.3.1.1: a phone may ring for long, as it says so every minute", arguments: [0, 0.2])
    func longRinging(loss: Double) throws {
        let simulation = try Self.run(
            [Callee(answers: .seconds(900))], loss: loss, longestDelay: .milliseconds(100), seed: 3)
        #expect(Self.isConsistent(simulation))
        #expect(simulation.callersDialog == 0)
    }

    @Test("A callee that hangs up before the ACK came says BYE after it", arguments: [0, 0.2])
    func earlyHangUp(loss: Double) throws {
        for seed in 0..<UInt64(150) {
            let simulation = try Self.run(
                [Callee(answers: .seconds(1), hangsUp: .seconds(1) + .milliseconds(1))], loss: loss,
                longestDelay: .milliseconds(100), seed: seed)
            #expect(Self.isConsistent(simulation), "seed \(seed)")
            #expect(simulation.branches[0].endings == [.hungUp], "seed \(seed)")
            #expect(simulation.callersDialog == nil, "seed \(seed)")
        }
    }
}
