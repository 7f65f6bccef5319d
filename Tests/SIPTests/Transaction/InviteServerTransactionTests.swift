import SIP
import Testing

@Suite struct InviteServerTransactionTests {
    typealias Row = SIPTests.Row<InviteServerTransaction>
    typealias Cell = SIPTests.Cell<InviteServerTransaction.State>

    static let timers = TransactionTimers()

    /// A table in which every status that is not given is refused.
    static func cells(
        _ state: InviteServerTransaction.State, provisional: Cell? = nil, success: Cell? = nil, failure: Cell? = nil,
        _ more: [TransactionInput: Cell] = [:]
    ) -> [TransactionInput: Cell] {
        var table = more
        for status in statuses + [0, 99, 700, 65535] {
            let cell: Cell? =
                switch status {
                case 100...199: provisional
                case 200...299: success
                case 300...699: failure
                default: nil
                }
            table[.send(status)] = cell ?? Cell(.refuseResponse, state)
        }
        return table
    }

    static let provisional = Cell(.sendResponse, .proceeding, retransmission: .cancel)
    static let success = Cell(.sendResponse, .accepted, retransmission: .cancel, lifetime: .set(.l, .seconds(32)))
    static let failure = Cell(
        .sendResponse, .completed, retransmission: .set(.g, .milliseconds(500)), lifetime: .set(.h, .seconds(32)))
    static let reliableFailure = Cell(
        .sendResponse, .completed, retransmission: .cancel, lifetime: .set(.h, .seconds(32)))

    static func reported(_ state: InviteServerTransaction.State) -> Cell { Cell(.reportTransportFailure, state) }
    static func resent(_ state: InviteServerTransaction.State) -> Cell { Cell(.resendResponse, state) }

    /// RFC 6026 figure 7.
    static let diagram: [Row] = [
        Row(
            name: "proceeding, nothing sent", machine: InviteServerTransaction(isReliable: false), path: [.start],
            cells: cells(
                .proceeding, provisional: provisional, success: success, failure: failure,
                [.fire(.trying): Cell(.sendTrying, .proceeding), .transportFailed: reported(.proceeding)])),
        Row(
            name: "proceeding, 180 sent", machine: InviteServerTransaction(isReliable: false),
            path: [.start, .send(180)],
            cells: cells(
                .proceeding, provisional: provisional, success: success, failure: failure,
                [.retransmission: resent(.proceeding), .transportFailed: reported(.proceeding)])),
        Row(
            name: "proceeding, 100 sent by itself, reliable", machine: InviteServerTransaction(isReliable: true),
            path: [.start, .fire(.trying)],
            cells: cells(
                .proceeding, provisional: provisional, success: success, failure: reliableFailure,
                [.retransmission: resent(.proceeding), .transportFailed: reported(.proceeding)])),
        Row(
            name: "completed", machine: InviteServerTransaction(isReliable: false), path: [.start, .send(486)],
            cells: cells(
                .completed,
                [
                    .retransmission: resent(.completed), .transportFailed: reported(.completed),
                    .fire(.g): Cell(.resendResponse, .completed, retransmission: .set(.g, .seconds(1))),
                    .fire(.h): .end(.reportTimeout, .terminated),
                    .ack: Cell([], .confirmed, retransmission: .cancel, lifetime: .set(.i, .seconds(5))),
                ])),
        Row(
            name: "completed, reliable", machine: InviteServerTransaction(isReliable: true),
            path: [.start, .send(486)],
            cells: cells(
                .completed,
                [
                    .retransmission: resent(.completed), .transportFailed: reported(.completed),
                    .fire(.h): .end(.reportTimeout, .terminated), .ack: .end([], .terminated),
                ])),
        Row(
            name: "confirmed", machine: InviteServerTransaction(isReliable: false), path: [.start, .send(486), .ack],
            cells: cells(.confirmed, [.fire(.i): .end([], .terminated)])),
        Row(
            name: "accepted", machine: InviteServerTransaction(isReliable: false), path: [.start, .send(200)],
            cells: cells(
                .accepted, success: Cell(.sendResponse, .accepted),
                [
                    .ack: Cell(.passAck, .accepted), .transportFailed: reported(.accepted),
                    .fire(.l): .end([], .terminated),
                ])),
        Row(
            name: "terminated", machine: InviteServerTransaction(isReliable: false),
            path: [.start, .send(486), .fire(.h)], cells: cells(.terminated)),
    ]

    @Test("RFC 3261 §17.2.1, RFC 6026 §8.6: every input in every state", arguments: diagram)
    func everyTransition(_ row: Row) { row.check(Self.timers) }

    @Test("Every state of the diagram has a row")
    func diagramIsComplete() {
        let states = Set(Self.diagram.map { $0.prepared(Self.timers).state })
        #expect(states == [.proceeding, .completed, .confirmed, .accepted, .terminated])
    }

    @Test("RFC 3261 §17.2.1: 100 (Trying) goes after 200 ms, or at once where the delay is zero")
    func trying() {
        var patient = InviteServerTransaction(isReliable: false)
        #expect(
            patient.start(Self.timers)
                == TransactionActions(.passRequest, retransmission: .set(.trying, .milliseconds(200))))

        var timers = Self.timers
        timers.inviteTrying = .zero
        var proxy = InviteServerTransaction(isReliable: false)
        #expect(proxy.start(timers) == TransactionActions([.sendTrying, .passRequest]))
        #expect(proxy.receiveRetransmission().effects == .resendResponse)
    }

    @Test("RFC 3261 §17.2.1: Timer G doubles up to T2")
    func timerGGrowsToT2() {
        var machine = InviteServerTransaction(isReliable: false)
        var intervals: [Duration] = []
        _ = machine.start(Self.timers)
        var actions = machine.send(603, Self.timers)
        for _ in 0..<6 {
            guard case .set(.g, let interval) = actions.retransmission else { break }
            intervals.append(interval)
            actions = machine.fire(.g, Self.timers)
        }
        #expect(intervals == [500, 1000, 2000, 4000, 4000, 4000].map { .milliseconds($0) })
    }
}
