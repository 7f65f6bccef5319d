public import SIP

/// The targets of one request, to be tried one after another (RFC 3263 §4.3): on a time-out, a failed connection and 503, each time
/// in a new transaction.
public struct TargetSet: Sendable {
    private var left: [Target]

    /// - Parameter targets: in the order in which they were located.
    public init(_ targets: [Target] = []) { left = targets }

    /// Whether all were tried.
    public var isEmpty: Bool { left.isEmpty }

    /// The target to try next, those that rest behind all others; nil when all were tried.
    public mutating func next(in layer: TransactionLayer) -> Target? {
        layer.chooseTarget(left).map { left.remove(at: $0) }
    }

    /// Whether a final response says that another target should be tried.
    public static func leadsOn(_ status: StatusCode) -> Bool { status == 503 }

    /// Whether a transaction that failed says so: one that showed no sign of life, and not one that rang in vain.
    public static func leadsOn(_ transaction: ClientTransaction) -> Bool { transaction.lastStatus == 0 }
}

extension TransactionLayer {
    /// The place of the target to be tried first.
    func chooseTarget(_ targets: [Target]) -> Int? {
        health.count == 0 ? (targets.isEmpty ? nil : 0) : health.choose(targets, at: driver.now)
    }

    /// A client transaction gave up on the target that was located for it.
    func targetFailed(_ transaction: ClientTransaction) {
        guard transaction.isLocated, transaction.lastStatus == 0, transaction.method != .cancel else { return }
        health.failed(transaction.flow.transport, transaction.flow.remote, at: driver.now)
    }

    /// A response came from a target that was located.
    func targetAnswered(_ transaction: ClientTransaction, _ view: MessageView) {
        let status = view.statusCode
        guard transaction.isLocated, status != 100 else { return }
        let (transport, address) = (transaction.flow.transport, transaction.flow.remote)
        if status == 503 {
            health.failed(transport, address, retryAfter: view.retryTime, at: driver.now)
        } else if health.count != 0 {
            health.answered(transport, address)
        }
    }
}
