import SIP
import Testing

@Suite struct NonInviteClientTransactionTests {
    typealias Row = SIPTests.Row<NonInviteClientTransaction>
    typealias Cell = SIPTests.Cell<NonInviteClientTransaction.State>

    static let timers = TransactionTimers()

    static func cells(
        provisional: Cell? = nil, final: Cell? = nil, _ more: [TransactionInput: Cell] = [:]
    ) -> [TransactionInput: Cell] {
        var table = more
        for status in statuses { table[.receive(status)] = status < 200 ? provisional : final }
        return table
    }

    static let completed = Cell(
        .passResponse, .completed, retransmission: .cancel, lifetime: .set(.k, .seconds(5)))
    static let proceeding = Cell(.passResponse, .proceeding)
    static let timedOut = Cell.end(.reportTimeout, .terminated)
    static let failed = Cell.end(.reportTransportFailure, .terminated)

    /// RFC 3261 figure 6.
    static let diagram: [Row] = [
        Row(
            name: "trying", machine: NonInviteClientTransaction(isReliable: false), path: [.start],
            cells: cells(
                provisional: proceeding, final: completed,
                [
                    .fire(.e): Cell(.resendRequest, .trying, retransmission: .set(.e, .seconds(1))),
                    .fire(.f): timedOut, .transportFailed: failed,
                ])),
        Row(
            name: "trying, reliable", machine: NonInviteClientTransaction(isReliable: true), path: [.start],
            cells: cells(
                provisional: proceeding, final: .end(.passResponse, .terminated),
                [.fire(.f): timedOut, .transportFailed: failed])),
        Row(
            name: "proceeding", machine: NonInviteClientTransaction(isReliable: false),
            path: [.start, .receive(100)],
            cells: cells(
                provisional: proceeding, final: completed,
                [
                    .fire(.e): Cell(.resendRequest, .proceeding, retransmission: .set(.e, .seconds(4))),
                    .fire(.f): timedOut, .transportFailed: failed,
                ])),
        Row(
            name: "proceeding, reliable", machine: NonInviteClientTransaction(isReliable: true),
            path: [.start, .receive(100)],
            cells: cells(
                provisional: proceeding, final: .end(.passResponse, .terminated),
                [.fire(.f): timedOut, .transportFailed: failed])),
        Row(
            name: "completed", machine: NonInviteClientTransaction(isReliable: false),
            path: [.start, .receive(200)], cells: [.fire(.k): .end([], .terminated)]),
        Row(
            name: "terminated", machine: NonInviteClientTransaction(isReliable: true),
            path: [.start, .receive(200)], cells: [:]),
    ]

    @Test("RFC 3261 §17.1.2.2: every input in every state", arguments: diagram)
    func everyTransition(_ row: Row) { row.check(Self.timers) }

    @Test("Every state of the diagram has a row")
    func diagramIsComplete() {
        let states = Set(Self.diagram.map { $0.prepared(Self.timers).state })
        #expect(states == [.trying, .proceeding, .completed, .terminated])
    }

    @Test("RFC 3261 §17.1.2.2: start sets E and F, or F alone over a reliable transport", arguments: [false, true])
    func start(isReliable: Bool) {
        var machine = NonInviteClientTransaction(isReliable: isReliable)
        let actions = machine.start(Self.timers)
        #expect(actions.effects == .sendRequest)
        #expect(actions.retransmission == (isReliable ? .keep : .set(.e, .milliseconds(500))))
        #expect(actions.lifetime == .set(.f, .seconds(32)))
    }

    @Test("RFC 3261 §17.1.2.2: Timer E doubles up to T2: 500 ms, 1 s, 2 s, 4 s, 4 s, 4 s")
    func timerEGrowsToT2() {
        var machine = NonInviteClientTransaction(isReliable: false)
        var intervals: [Duration] = []
        var actions = machine.start(Self.timers)
        for _ in 0..<6 {
            guard case .set(.e, let interval) = actions.retransmission else { break }
            intervals.append(interval)
            actions = machine.fire(.e, Self.timers)
        }
        #expect(intervals == [500, 1000, 2000, 4000, 4000, 4000].map { .milliseconds($0) })
    }

    @Test("However often a timer fires, no interval overflows")
    func timerEIsBounded() {
        var machine = NonInviteClientTransaction(isReliable: false)
        let slow = TransactionTimers(t1: .seconds(3600), t2: .seconds(1 << 40))
        _ = machine.start(slow)
        for _ in 0..<1000 { _ = machine.fire(.e, slow) }
        #expect(machine.fire(.e, slow).retransmission == .set(.e, .seconds(3600 << 16)))
    }
}
