public import Media
public import SIP

/// What makes the session descriptions of a call, and does what was agreed: audio of this program, or the descriptions of
/// another call that are passed on.
///
/// Bound to the lane of its call, which knows when which description goes (RFC 3261 §13.2.1). An offer that is made or taken is
/// followed by its answer or by ``rollBack()``.
protocol CallSession: AnyObject {
    /// Makes an offer: of what is wanted now.
    func makeOffer() throws(SessionRefusal) -> [UInt8]

    /// Takes an offer of the peer and answers it, at once or later.
    func answer(_ offer: [UInt8], _ completion: @escaping (Result<[UInt8], SessionRefusal>) -> Void)

    /// Takes the peer's answer to the offer that was made.
    ///
    /// - Parameter isPreview: whether the answer may get lost, and comes again: the offer still waits.
    func take(answer: [UInt8], isPreview: Bool) throws(SessionRefusal)

    /// The offer, of either side, is void; what was agreed before goes on (RFC 3264 §4).
    func rollBack()

    /// A change was refused: what is wanted is again what was agreed before it.
    func abandonChange(_ refusal: SessionRefusal)

    /// Makes the session of another early dialog, in which the offer waits for an answer too (RFC 3261 §13.2.2.4).
    func fork() -> any CallSession

    /// The dialog of this session is the call: what it agreed on counts, whatever other early dialogs did.
    func select()

    /// The call is over.
    func end()
}

/// Why a session description cannot be used, or none made.
public struct SessionRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The status that says so, such as 488.
    public var status: StatusCode
    /// The reason for a person.
    public var reason: String

    /// Why the media is not encrypted as it must be, where that is the reason.
    public var security: MediaSecurityError?

    /// A refusal.
    public init(_ status: StatusCode, _ reason: String, _ security: MediaSecurityError? = nil) {
        self.status = status
        self.reason = reason
        self.security = security
    }

    public var description: String { reason }
}
