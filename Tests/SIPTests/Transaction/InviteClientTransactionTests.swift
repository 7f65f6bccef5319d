import SIP
import Testing

@Suite struct InviteClientTransactionTests {
    typealias Row = SIPTests.Row<InviteClientTransaction>
    typealias Cell = SIPTests.Cell<InviteClientTransaction.State>

    static let timers = TransactionTimers()
    static let provisional: [TransactionInput] = [.receive(100), .receive(101), .receive(180), .receive(199)]
    static let success: [TransactionInput] = [.receive(200), .receive(299)]
    static let failure: [TransactionInput] = statuses.filter { $0 >= 300 }.map { .receive($0) }

    /// A table with the same cell for several inputs.
    static func cells(_ rows: ([TransactionInput], Cell)...) -> [TransactionInput: Cell] {
        var table: [TransactionInput: Cell] = [:]
        for (inputs, cell) in rows {
            for input in inputs { table[input] = cell }
        }
        return table
    }

    static let accepted = Cell(
        .passResponse, .accepted, retransmission: .cancel, lifetime: .set(.m, .seconds(32)))
    static let completed = Cell(
        [.sendAck, .passResponse], .completed, retransmission: .cancel, lifetime: .set(.d, .seconds(32)))

    /// RFC 6026 figure 5, over UDP and TCP, with and without Timer C.
    static let diagram: [Row] = [
        Row(
            name: "calling", machine: InviteClientTransaction(isReliable: false), path: [.start],
            cells: cells(
                (provisional, Cell(.passResponse, .proceeding, retransmission: .cancel, lifetime: .cancel)),
                (success, accepted), (failure, completed),
                ([.fire(.a)], Cell(.resendRequest, .calling, retransmission: .set(.a, .seconds(1)))),
                ([.fire(.b)], .end(.reportTimeout, .terminated)),
                ([.transportFailed], .end(.reportTransportFailure, .terminated)))),
        Row(
            name: "calling, reliable", machine: InviteClientTransaction(isReliable: true), path: [.start],
            cells: cells(
                (provisional, Cell(.passResponse, .proceeding, retransmission: .cancel, lifetime: .cancel)),
                (success, accepted), (failure, .end([.sendAck, .passResponse], .terminated)),
                ([.fire(.b)], .end(.reportTimeout, .terminated)),
                ([.transportFailed], .end(.reportTransportFailure, .terminated)))),
        Row(
            name: "calling, proxied", machine: InviteClientTransaction(isReliable: false, isProxied: true),
            path: [.start],
            cells: cells(
                (
                    provisional,
                    Cell(.passResponse, .proceeding, retransmission: .cancel, lifetime: .set(.c, .seconds(181)))
                ),
                (success, accepted), (failure, completed),
                ([.fire(.a)], Cell(.resendRequest, .calling, retransmission: .set(.a, .seconds(1)))),
                ([.fire(.b)], .end(.reportTimeout, .terminated)),
                ([.transportFailed], .end(.reportTransportFailure, .terminated)))),
        Row(
            name: "proceeding", machine: InviteClientTransaction(isReliable: false), path: [.start, .receive(180)],
            cells: cells(
                (provisional, Cell(.passResponse, .proceeding)), (success, accepted), (failure, completed),
                ([.cancelled], Cell([], .proceeding, lifetime: .set(.expiry, .seconds(32)))),
                ([.fire(.expiry)], .end(.reportTimeout, .terminated)))),
        Row(
            name: "proceeding, proxied", machine: InviteClientTransaction(isReliable: false, isProxied: true),
            path: [.start, .receive(100)],
            cells: cells(
                ([.receive(100)], Cell(.passResponse, .proceeding)),
                (
                    [.receive(101), .receive(180), .receive(199)],
                    Cell(.passResponse, .proceeding, lifetime: .set(.c, .seconds(181)))
                ),
                (success, accepted), (failure, completed),
                ([.fire(.c)], Cell(.sendCancel, .proceeding, lifetime: .set(.expiry, .seconds(32)))),
                ([.cancelled], Cell([], .proceeding, lifetime: .set(.expiry, .seconds(32)))),
                ([.fire(.expiry)], .end(.reportTimeout, .terminated)))),
        Row(
            name: "proceeding, cancelled", machine: InviteClientTransaction(isReliable: false, isProxied: true),
            path: [.start, .receive(180), .cancelled],
            cells: cells(
                (provisional, Cell(.passResponse, .proceeding)), (success, accepted), (failure, completed),
                ([.fire(.expiry)], .end(.reportTimeout, .terminated)))),
        Row(
            name: "completed", machine: InviteClientTransaction(isReliable: false), path: [.start, .receive(486)],
            cells: cells(
                (failure, Cell(.sendAck, .completed)), ([.fire(.d)], .end([], .terminated)),
                ([.transportFailed], .end(.reportTransportFailure, .terminated)))),
        Row(
            name: "accepted", machine: InviteClientTransaction(isReliable: true), path: [.start, .receive(200)],
            cells: cells((success, Cell(.passResponse, .accepted)), ([.fire(.m)], .end([], .terminated)))),
        Row(
            name: "terminated", machine: InviteClientTransaction(isReliable: false),
            path: [.start, .fire(.b)], cells: [:]),
    ]

    @Test("RFC 3261 §17.1.1.2, RFC 6026 §8.4: every input in every state", arguments: diagram)
    func everyTransition(_ row: Row) { row.check(Self.timers) }

    @Test("Every state of the diagram has a row")
    func diagramIsComplete() {
        let states = Set(Self.diagram.map { $0.prepared(Self.timers).state })
        #expect(states == [.calling, .proceeding, .completed, .accepted, .terminated])
    }

    @Test("RFC 3261 §17.1.1.2: start sets A and B, or B alone over a reliable transport", arguments: [false, true])
    func start(isReliable: Bool) {
        var machine = InviteClientTransaction(isReliable: isReliable)
        let actions = machine.start(Self.timers)
        #expect(actions.effects == .sendRequest)
        #expect(actions.retransmission == (isReliable ? .keep : .set(.a, .milliseconds(500))))
        #expect(actions.lifetime == .set(.b, .seconds(32)))
        #expect(machine.isReliable == isReliable)
    }

    @Test("RFC 3261 §17.1.1.2: Timer A doubles without a limit")
    func timerADoubles() {
        var machine = InviteClientTransaction(isReliable: false)
        _ = machine.start(Self.timers)
        var intervals: [Duration] = []
        for _ in 0..<6 {
            if case .set(.a, let interval) = machine.fire(.a, Self.timers).retransmission { intervals.append(interval) }
        }
        #expect(intervals == [1, 2, 4, 8, 16, 32].map { .seconds($0) })
    }

    @Test("A transaction is a few bytes, since a proxy holds 100,000s of them")
    func size() {
        #expect(MemoryLayout<InviteClientTransaction>.size <= 4)
        #expect(MemoryLayout<InviteServerTransaction>.size <= 4)
        #expect(MemoryLayout<NonInviteClientTransaction>.size <= 4)
        #expect(MemoryLayout<NonInviteServerTransaction>.size <= 4)
        #expect(MemoryLayout<TransactionActions>.size <= 64)
    }
}
