import SIP
import Testing

/// Anything that can happen to a transaction, as data, so that tests can be tables.
enum TransactionInput: Hashable, Sendable {
    case start
    case receive(StatusCode)
    case send(StatusCode)
    case retransmission
    case ack
    case cancelled
    case fire(TransactionTimer)
    case transportFailed
}

/// The four machines behind one face, for tests only.
protocol ScriptedTransaction: Sendable {
    associatedtype State: Hashable & Sendable
    var state: State { get }
    mutating func take(_ input: TransactionInput, _ timers: TransactionTimers) -> TransactionActions
}

extension InviteClientTransaction: ScriptedTransaction {
    mutating func take(_ input: TransactionInput, _ timers: TransactionTimers) -> TransactionActions {
        switch input {
        case .start: start(timers)
        case .receive(let status): receive(status, timers)
        case .cancelled: cancelled(timers)
        case .fire(let timer): fire(timer, timers)
        case .transportFailed: transportFailed()
        case .send, .retransmission, .ack: .none
        }
    }
}

extension NonInviteClientTransaction: ScriptedTransaction {
    mutating func take(_ input: TransactionInput, _ timers: TransactionTimers) -> TransactionActions {
        switch input {
        case .start: start(timers)
        case .receive(let status): receive(status, timers)
        case .fire(let timer): fire(timer, timers)
        case .transportFailed: transportFailed()
        case .cancelled, .send, .retransmission, .ack: .none
        }
    }
}

extension InviteServerTransaction: ScriptedTransaction {
    mutating func take(_ input: TransactionInput, _ timers: TransactionTimers) -> TransactionActions {
        switch input {
        case .start: start(timers)
        case .send(let status): send(status, timers)
        case .retransmission: receiveRetransmission()
        case .ack: receiveAck(timers)
        case .fire(let timer): fire(timer, timers)
        case .transportFailed: transportFailed()
        case .cancelled, .receive: .none
        }
    }
}

extension NonInviteServerTransaction: ScriptedTransaction {
    mutating func take(_ input: TransactionInput, _ timers: TransactionTimers) -> TransactionActions {
        switch input {
        case .start: start(timers)
        case .send(let status): send(status, timers)
        case .retransmission: receiveRetransmission()
        case .fire(let timer): fire(timer, timers)
        case .transportFailed: transportFailed()
        case .ack, .cancelled, .receive: .none
        }
    }
}

/// What an input does in one state: the actions and the next state.
struct Cell<State: Hashable & Sendable>: Hashable, Sendable {
    var actions: TransactionActions
    var next: State

    init(
        _ effects: TransactionEffects = [], _ next: State, retransmission: TimerChange = .keep,
        lifetime: TimerChange = .keep
    ) {
        actions = TransactionActions(effects, retransmission: retransmission, lifetime: lifetime)
        self.next = next
    }

    /// The cell that ends the transaction after some effects.
    static func end(_ effects: TransactionEffects = [], _ next: State) -> Cell {
        Cell(effects.union(.terminate), next, retransmission: .cancel, lifetime: .cancel)
    }
}

/// A row of a state diagram: how to come into the state, and every input that means something there.
struct Row<Machine: ScriptedTransaction>: Sendable {
    var name: String
    var machine: Machine
    var path: [TransactionInput]
    var cells: [TransactionInput: Cell<Machine.State>]
    /// Inputs whose effect is not "nothing" but is the same for all that are not in `cells`.
    var otherwise: @Sendable (TransactionInput, Machine.State) -> Cell<Machine.State> = { Cell([], $1) }

    /// The machine after the path.
    func prepared(_ timers: TransactionTimers) -> Machine {
        var machine = machine
        for input in path { _ = machine.take(input, timers) }
        return machine
    }

    /// Gives every input to the machine after the path, and holds what it does against the cells.
    func check(_ timers: TransactionTimers, at location: SourceLocation = #_sourceLocation) {
        let prepared = prepared(timers)
        for input in everyInput {
            var machine = prepared
            let expected = cells[input] ?? otherwise(input, prepared.state)
            let actions = machine.take(input, timers)
            #expect(actions == expected.actions, "\(input)", sourceLocation: location)
            #expect(machine.state == expected.next, "\(input)", sourceLocation: location)
        }
    }
}

/// One of each class of status, and both ends of each class.
let statuses: [StatusCode] = [100, 101, 180, 199, 200, 299, 300, 399, 407, 408, 486, 487, 500, 599, 600, 699]

/// Every input of a transaction, with statuses out of range too.
let everyInput: [TransactionInput] =
    ([0, 99, 700, 65535] + statuses).flatMap { [.receive($0), .send($0)] }
    + TransactionTimer.allCases.map { .fire($0) }
    + [.retransmission, .ack, .cancelled, .transportFailed]
