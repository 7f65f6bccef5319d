public import SIP

/// The targets of one request, to be tried one after another (RFC 3263 §4.3): on a time-out, a failed connection and 503, each time
/// in a new transaction.
public struct TargetSet: Sendable {
    private var left: [Target]
    /// Whether a target was passed over since it has asked for less than it was sent (RFC 7339 §5.5).
    public private(set) var wasThrottled = false

    /// - Parameter targets: in the order in which they were located.
    public init(_ targets: [Target] = []) { left = targets }

    /// Whether all were tried.
    public var isEmpty: Bool { left.isEmpty }

    /// The target to try next, those that rest behind all others; nil when all were tried. Targets that have asked for less than
    /// they are sent are passed over as often as they want.
    ///
    /// - Parameter isSheddable: whether the request is among those that are given up first (RFC 7339 §5.10.1).
    public mutating func next(in layer: TransactionLayer, isSheddable: Bool = true) -> Target? {
        while let place = layer.chooseTarget(left) {
            let target = left.remove(at: place)
            if layer.admits(target, isSheddable: isSheddable) { return target }
            wasThrottled = true
        }
        return nil
    }

    /// Whether a final response says that another target should be tried.
    public static func leadsOn(_ status: StatusCode) -> Bool { status == 503 }

    /// Whether a transaction that failed says so: one that showed no sign of life, and not one that rang in vain.
    public static func leadsOn(_ transaction: ClientTransaction) -> Bool { transaction.lastStatus == 0 }
}

extension TransactionLayer {
    /// Whether all targets are taken as they come: none has failed of late, and none wants to be sent less.
    public var prefersNoTarget: Bool { health.count == 0 && !isThrottled }

    /// The place of the target to be tried first.
    func chooseTarget(_ targets: [Target]) -> Int? {
        health.count == 0 ? (targets.isEmpty ? nil : 0) : health.choose(targets, at: driver.now)
    }

    /// A client transaction gave up on the target that was located for it.
    func targetFailed(_ transaction: ClientTransaction) {
        guard transaction.isLocated, transaction.lastStatus == 0, transaction.method != .cancel else { return }
        health.failed(
            transaction.flow.transport, transaction.flow.remote, domain: transaction.domain, at: driver.now)
    }

    /// A response came from a target that was located. One that says how much it wants to be sent needs no rest for a 503, unless it
    /// asks for that by Retry-After: a server that is overloaded leaves the field out (RFC 7339 §5.10.2), and what has it means what
    /// RFC 3261 §21.5.4 says.
    func targetAnswered(_ transaction: ClientTransaction, _ view: MessageView) {
        let status = view.statusCode
        guard transaction.isLocated, status != 100 else { return }
        let (transport, address) = (transaction.flow.transport, transaction.flow.remote)
        let rest = status == 503 ? view.retryTime : nil
        if status == 503, rest != nil || (try? view.topVia).flatMap({ OverloadFeedback(view, $0) }) == nil {
            health.failed(transport, address, domain: transaction.domain, retryAfter: rest, at: driver.now)
        } else if health.count != 0, status != 503 {
            health.answered(transport, address, domain: transaction.domain)
        }
    }
}
