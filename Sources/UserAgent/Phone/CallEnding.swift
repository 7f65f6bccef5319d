public import Media
public import SIP

/// How a call ended.
public struct CallEnding: Sendable, Hashable {
    /// Who ended it.
    public enum Side: String, Sendable {
        case local, remote
    }

    /// 200 for a call that was up and was hung up, else the status that ended it.
    public var status: StatusCode
    /// The reason for a person.
    public var reason: String
    /// Who ended it.
    public var side: Side
    /// Why the media was not encrypted as it must be, where this side ended the call for that.
    public var security: MediaSecurityError?

    init(_ status: StatusCode, _ reason: String, _ side: Side, _ security: MediaSecurityError? = nil) {
        self.status = status
        self.reason = reason
        self.side = side
        self.security = security
    }

    init(_ ending: CallLeg.Ending) {
        self.init(ending.status, ending.reason, ending.side == .local ? .local : .remote, ending.security)
    }
}

/// Why there is no call, or why it could not be changed.
public struct CallError: Error, Sendable, Hashable, CustomStringConvertible {
    /// How it ended, or what the far side said to the change.
    public var ending: CallEnding

    init(_ ending: CallEnding) { self.ending = ending }

    init(_ refusal: SessionRefusal) { ending = CallEnding(refusal.status, refusal.reason, .remote, refusal.security) }

    /// The status: 486 when busy, 603 when declined, 408 when nobody answered, 487 when cancelled.
    public var status: StatusCode { ending.status }

    public var description: String { "\(ending.status.rawValue) \(ending.reason)" }
}
