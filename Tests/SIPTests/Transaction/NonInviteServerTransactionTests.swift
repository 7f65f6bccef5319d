import SIP
import Testing

@Suite struct NonInviteServerTransactionTests {
    typealias Row = SIPTests.Row<NonInviteServerTransaction>
    typealias Cell = SIPTests.Cell<NonInviteServerTransaction.State>

    static let timers = TransactionTimers()

    /// A table in which every status that is not given is refused.
    static func cells(
        _ state: NonInviteServerTransaction.State, trying: Cell? = nil, final: Cell? = nil,
        _ more: [TransactionInput: Cell] = [:]
    ) -> [TransactionInput: Cell] {
        var table = more
        for status in statuses + [0, 99, 700, 65535] {
            let cell: Cell? =
                switch status {
                case 100: trying
                case 408: nil
                case 200...699: final
                default: nil
                }
            table[.send(status)] = cell ?? Cell(.refuseResponse, state)
        }
        return table
    }

    static let final = Cell(.sendResponse, .completed, retransmission: .cancel, lifetime: .set(.j, .seconds(32)))
    static let reliableFinal = Cell.end(.sendResponse, .terminated)
    static let expired = Cell.end(.reportTimeout, .terminated)
    static let hundred = Cell(.sendResponse, .proceeding, retransmission: .cancel)

    /// RFC 3261 figure 8 under the rules of RFC 4320.
    static let diagram: [Row] = [
        Row(
            name: "trying", machine: NonInviteServerTransaction(isReliable: false), path: [.start],
            cells: cells(
                .trying, final: final,
                [.fire(.trying): Cell(.sendTrying, .proceeding), .fire(.expiry): expired])),
        Row(
            name: "trying, reliable", machine: NonInviteServerTransaction(isReliable: true), path: [.start],
            cells: cells(
                .trying, trying: hundred, final: reliableFinal,
                [.fire(.trying): Cell(.sendTrying, .proceeding), .fire(.expiry): expired])),
        Row(
            name: "proceeding", machine: NonInviteServerTransaction(isReliable: false),
            path: [.start, .fire(.trying)],
            cells: cells(
                .proceeding, trying: hundred, final: final,
                [
                    .retransmission: Cell(.resendResponse, .proceeding), .fire(.expiry): expired,
                    .transportFailed: Cell(.reportTransportFailure, .proceeding),
                ])),
        Row(
            name: "proceeding, reliable", machine: NonInviteServerTransaction(isReliable: true),
            path: [.start, .send(100)],
            cells: cells(
                .proceeding, trying: hundred, final: reliableFinal,
                [
                    .retransmission: Cell(.resendResponse, .proceeding), .fire(.expiry): expired,
                    .transportFailed: Cell(.reportTransportFailure, .proceeding),
                ])),
        Row(
            name: "completed", machine: NonInviteServerTransaction(isReliable: false), path: [.start, .send(200)],
            cells: cells(
                .completed,
                [
                    .retransmission: Cell(.resendResponse, .completed),
                    .transportFailed: Cell(.reportTransportFailure, .completed),
                    .fire(.j): .end([], .terminated),
                ])),
        Row(
            name: "terminated", machine: NonInviteServerTransaction(isReliable: true), path: [.start, .send(200)],
            cells: cells(.terminated)),
    ]

    @Test("RFC 3261 §17.2.2, RFC 4320 §4: every input in every state", arguments: diagram)
    func everyTransition(_ row: Row) { row.check(Self.timers) }

    @Test("Every state of the diagram has a row")
    func diagramIsComplete() {
        let states = Set(Self.diagram.map { $0.prepared(Self.timers).state })
        #expect(states == [.trying, .proceeding, .completed, .terminated])
    }

    @Test("RFC 4320 §4.1: 100 goes when the client's Timer E has grown to T2, 3.5 s after the request")
    func tryingFollowsTimerE() {
        var machine = NonInviteServerTransaction(isReliable: false)
        let actions = machine.start(Self.timers)
        #expect(actions.effects == .passRequest)
        #expect(actions.retransmission == .set(.trying, .milliseconds(500 + 1000 + 2000)))
        #expect(actions.lifetime == .set(.expiry, .seconds(32)))
        #expect(TransactionTimers(t1: .seconds(4)).nonInviteTrying == .zero)
        #expect(TransactionTimers(t1: .seconds(1), t2: .seconds(5)).nonInviteTrying == .seconds(1 + 2 + 4))
    }

    @Test("RFC 4320 §4.1: a 100 of the user's is refused over UDP before that time, and sent after")
    func earlyTryingIsRefused() {
        var machine = NonInviteServerTransaction(isReliable: false)
        _ = machine.start(Self.timers)
        #expect(machine.send(100, Self.timers).effects == .refuseResponse)
        _ = machine.fire(.trying, Self.timers)
        #expect(machine.send(100, Self.timers).effects == .sendResponse)
    }

    @Test("RFC 4320 §4.2: a final response after the client gave up is not sent")
    func lateFinalResponseIsRefused() {
        var machine = NonInviteServerTransaction(isReliable: false)
        _ = machine.start(Self.timers)
        _ = machine.fire(.trying, Self.timers)
        #expect(machine.fire(.expiry, Self.timers).effects == [.reportTimeout, .terminate])
        #expect(machine.send(200, Self.timers).effects == .refuseResponse)
    }
}
