import SIP

extension CallLeg.Ending {
    init(_ ending: OutgoingInvite.Ending, reason: String) {
        switch ending {
        case .rejected(let status): self.init(status, reason.isEmpty ? status.phrase : reason, .remote)
        case .timedOut: self.init(408, "No answer came", .local)
        case .transportFailed: self.init(503, reason.isEmpty ? "The request cannot be delivered" : reason, .local)
        case .cancelled: self.init(487, "Cancelled", .local)
        case .expired: self.init(487, "Nobody answered in time", .local)
        case .malformed(let defect): self.init(502, "The answer is malformed: \(defect)", .remote)
        }
    }

    init(_ ending: IncomingInvite.Ending, reason: String) {
        switch ending {
        case .rejected(let status): self.init(status, reason.isEmpty ? status.phrase : reason, .local)
        case .cancelled: self.init(487, "The caller gave up", .remote)
        case .expired: self.init(487, "The invitation expired", .remote)
        case .unacknowledged: self.init(408, "The answer was never acknowledged", .remote)
        case .hungUp: self.init(200, "Normal call clearing", .local)
        case .hungUpByPeer: self.init(200, "Normal call clearing", .remote)
        }
    }
}

extension StatusCode {
    /// The reason phrase as text.
    var phrase: String { String(describing: reasonPhrase) }
}
