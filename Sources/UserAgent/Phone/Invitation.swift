public import Reactor
public import SIP
import SIPEndpoint

/// A call that comes in and waits for an answer.
public final class Invitation: Sendable {
    /// The call as it will be; until it is answered its events tell only that the caller gave up.
    public let call: Call
    /// The INVITE.
    public let request: Message
    /// The call that this one wants to take part in (RFC 3911); nil for nearly all.
    public let joins: Call?

    /// On the lane.
    init(_ call: Call) {
        self.call = call
        let leg = call.leg.value
        guard let invitation = leg.invitation else { preconditionFailure("a call that comes in has an INVITE") }
        request = invitation
        if case .joins(let other) = leg.relation { joins = other.face } else { joins = nil }
    }

    /// Who calls, as From says; nil when that is malformed.
    public var caller: NameAddress? { request[.from].flatMap { try? NameAddress($0) } }

    /// Who is called, as the Request-URI says.
    public var callee: URI? { request.withView { view in try? URI(view, view.startLine.uriRange) } }

    /// Rings at the caller's side, or tells another provisional status.
    public func ring(_ status: StatusCode = 180) {
        onLane { $0.ring(status) }
    }

    /// Lets the caller hear something before the answer (RFC 3960): an announcement, or the far side of a relayed call.
    ///
    /// - Parameter audio: what the caller hears; nil for a relayed call, whose sound is elsewhere.
    public func ring(_ status: StatusCode = 183, playing audio: AudioEnds?) {
        if let audio { call.play(audio) }
        onLane { $0.ring(status, withMedia: true) }
    }

    /// Answers and returns when the caller's ACK has come.
    ///
    /// - Throws: `CallError` when the caller gave up or no media fits.
    @discardableResult
    public func answer(with audio: AudioEnds = .silence) async throws(CallError) -> Call {
        call.play(audio)
        onLane { $0.answer() }
        try await call.answered()
        return call
    }

    /// Refuses: 486 when busy, 603 when declined.
    public func reject(_ status: StatusCode = 486, _ reason: String = "") {
        onLane { $0.reject(status, reason) }
    }

    /// Sends the caller elsewhere: it is for his side to follow (RFC 3261 §8.3).
    public func redirect(to contacts: [NameAddress], _ status: StatusCode = 302) {
        onLane { $0.redirect(to: contacts, status) }
    }

    private func onLane(_ command: @escaping @Sendable (CallLeg) -> Void) {
        let leg = call.leg
        call.surroundings.lane.execute { _ in command(leg.value) }
    }
}

/// Somebody who wants this side to call somebody else (RFC 3515), outside of any call or where calls are not transferred by
/// themselves.
public final class Referral: Sendable {
    private let lane: Lane
    private let referral: LaneBound<IncomingReferral>
    private let place: @Sendable (IncomingReferral) -> Result<Call, SocketError>
    /// The REFER.
    public let request: Message
    /// Whom to call.
    public let target: URI
    /// The call that is to be transferred; nil outside of any.
    public let call: Call?

    /// On the lane.
    init(
        _ referral: IncomingReferral, lane: Lane,
        place: @escaping @Sendable (IncomingReferral) -> Result<Call, SocketError>
    ) {
        self.lane = lane
        self.referral = LaneBound(referral, on: lane)
        self.place = place
        request = referral.request
        target = referral.target.uri
        call = referral.call?.face
    }

    /// Who refers, as Referred-By or From says, which proves nothing by itself.
    public var referrer: NameAddress? { (request[.referredBy] ?? request[.from]).flatMap { try? NameAddress($0) } }

    /// Accepts and calls; the referrer is told how it gets on.
    ///
    /// - Throws: `SocketError` when there is no port for audio.
    public func accept(with audio: AudioEnds = .silence) async throws(SocketError) -> Call {
        let (referral, place) = (referral, place)
        let call = try await lane.run { (_) throws(SocketError) in
            referral.value.accept()
            return try place(referral.value).get()
        }
        call.play(audio)
        return call
    }

    /// Refuses.
    public func reject(_ status: StatusCode = 603) {
        let referral = referral
        lane.execute { _ in referral.value.refuse(status) }
    }
}
