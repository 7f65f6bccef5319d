/// Why a subscription ended, and whether another one may take its place (RFC 6665 §4.1.3).
public enum SubscriptionEnding: Hashable, Sendable {
    /// This side wanted no more, and the notifier said its last.
    case unsubscribed
    /// The SUBSCRIBE was refused.
    case refused(StatusCode)
    /// No NOTIFY came in time (Timer N), or the SUBSCRIBE got no answer.
    case silent
    /// It was not refreshed before its end.
    case expired
    /// The notifier ended it.
    case terminated(SubscriptionStateIndex.Reason, retryAfter: Duration?)

    /// When another subscription may be tried: at once, after a time, or never.
    public enum Next: Hashable, Sendable {
        case now, after(Duration), never
    }

    /// How long to wait where the notifier says "later" and no time: 30 s.
    public static let usualWait = Duration.seconds(30)

    /// After a refusal: at once where the notifier has merely forgotten, never where it will say the same again.
    private static func next(after status: StatusCode) -> Next {
        switch status {
        case 481: .now
        case 404, 405, 410, 416, 484, 485, 489, 501: .never
        default: status.category == 6 ? .never : .after(usualWait)
        }
    }

    /// When another subscription may be tried, by a subscriber that still wants to know.
    public var next: Next {
        switch self {
        case .unsubscribed: .never
        case .refused(let status): Self.next(after: status)
        case .silent: .after(Self.usualWait)
        case .expired: .now
        case .terminated(.deactivated, _), .terminated(.timeout, _): .now
        case .terminated(.rejected, _), .terminated(.noResource, _), .terminated(.invariant, _): .never
        case .terminated(.probation, let wait): .after(wait ?? Self.usualWait)
        case .terminated(.giveUp, let wait), .terminated(.other, let wait): .after(wait ?? Self.usualWait)
        }
    }
}
