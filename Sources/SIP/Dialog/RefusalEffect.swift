/// What the refusal of a request in a dialog does to the usage that it belongs to, and to the dialog (RFC 5057 §5.1, tables 1 and
/// 2).
public enum RefusalEffect: UInt8, Hashable, Sendable {
    /// The request failed, all else goes on.
    case transaction
    /// The usage is over: the call, or the subscription. Others in the dialog go on.
    case usage
    /// The dialog is over with all its usages.
    case dialog

    /// The effect of a final response.
    ///
    /// 408 counts as silence, which ends the usage (§5.2). 405 and 501 end a usage only when they refuse a method that it
    /// cannot do without.
    ///
    /// - Parameter isIntegral: whether the usage cannot do without the method.
    public init(_ status: StatusCode, isIntegral: Bool = true) {
        switch status {
        case 404, 410, 416, 482, 483, 484, 485, 502, 604: self = .dialog
        case 408, 480, 481, 489: self = .usage
        case 405, 501: self = isIntegral ? .usage : .transaction
        default: self = .transaction
        }
    }
}
