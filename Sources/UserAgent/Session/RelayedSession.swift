import Media
import Reactor
import SDP
import SIP

/// The session of a call whose media goes elsewhere: it passes what its far side says on to another call, and what that call's
/// far side says back (a B2BUA without media, RFC 7092 §3.1.2).
///
/// An offer of either far side is made to the other one, and what that answers, or refuses, goes back. Both calls are of one agent.
final class RelayedSession: CallSession {
    /// The call that this session belongs to.
    private weak var leg: CallLeg?
    /// The session of the other call; of several early dialogs there, the one that spoke last or was chosen.
    private weak var other: RelayedSession?
    /// What the far side of this call said last.
    private var description: [UInt8] = []
    /// What was said to the far side last.
    private var told: [UInt8] = []
    /// What is to be offered to the far side.
    private var pending: [UInt8]?
    /// Whether that offer only tells the far side what holds already: its answer goes nowhere.
    private var isSynchronizing = false
    /// Told the answer to the offer of the far side.
    private var completion: ((Result<[UInt8], SessionRefusal>) -> Void)?

    private init() {}

    /// The sessions of two calls: one that came in with an offer or without, and one that is about to be made.
    static func pair(offer: [UInt8]?) -> (incoming: RelayedSession, outgoing: RelayedSession) {
        let (incoming, outgoing) = (RelayedSession(), RelayedSession())
        incoming.other = outgoing
        outgoing.other = incoming
        incoming.description = offer ?? []
        outgoing.pending = offer
        return (incoming, outgoing)
    }

    func attach(_ leg: CallLeg) { self.leg = leg }

    /// Whether there is an offer to make; else the far side is asked for one.
    var hasOffer: Bool { pending != nil }

    // MARK: CallSession

    func makeOffer() throws(SessionRefusal) -> [UInt8] {
        // A far side that asks for an offer gets what the other one said last (RFC 3261 §14.2).
        guard let made = pending ?? other?.description, !made.isEmpty else {
            throw SessionRefusal(500, "The other side has no session description")
        }
        told = made
        return made
    }

    func answer(_ offer: [UInt8], _ completion: @escaping (Result<[UInt8], SessionRefusal>) -> Void) {
        guard let other, let otherLeg = other.leg, !otherLeg.isEnded else {
            return completion(.failure(SessionRefusal(480, "The other side has gone")))
        }
        if isFirst(offer) {
            // The offer of the INVITE was passed on when the other call was made.
            guard other.description.isEmpty else { return complete(completion, other.description) }
            self.completion = completion
            return
        }
        // The far sides have made offers at the same time, and this one came second: it tries again (RFC 3261 §14.2).
        guard other.completion == nil else {
            return completion(.failure(SessionRefusal(491, "The other side has made an offer")))
        }
        description = offer
        // What is answered to it is for this one of several early dialogs.
        other.other = self
        guard otherLeg.canOffer else {
            return completion(.failure(SessionRefusal(504, "The other side cannot be asked now")))
        }
        self.completion = completion
        other.pending = offer
        otherLeg.passOffer()
    }

    /// Whether an offer is that of the INVITE, which has not been answered.
    private func isFirst(_ offer: [UInt8]) -> Bool { told.isEmpty && offer == description }

    private func complete(_ completion: (Result<[UInt8], SessionRefusal>) -> Void, _ answer: [UInt8]) {
        told = answer
        completion(.success(answer))
    }

    func take(answer: [UInt8], isPreview: Bool) throws(SessionRefusal) {
        description = answer
        if !isPreview { pending = nil }
        guard let other else { return }
        other.other = self
        if let completion = other.completion {
            other.completion = nil
            return other.complete(completion, answer)
        }
        if !isPreview { synchronize(other) }
    }

    func select() {
        guard let other else { return }
        other.other = self
        synchronize(other)
    }

    /// Tells the other far side what this one says, when that was told something else: what another early dialog said, or before
    /// this one was asked for an offer.
    private func synchronize(_ other: RelayedSession) {
        guard !isSynchronizing else {
            isSynchronizing = false
            return
        }
        guard !other.told.isEmpty, other.told != description else { return }
        other.pending = description
        other.isSynchronizing = true
        other.leg?.passOffer()
    }

    func rollBack() { completion = nil }

    func abandonChange(_ refusal: SessionRefusal) {
        pending = nil
        isSynchronizing = false
        guard let waiting = other?.completion else { return }
        other?.completion = nil
        waiting(.failure(refusal))
    }

    func fork() -> any CallSession {
        let fork = RelayedSession()
        fork.leg = leg
        fork.other = other
        fork.pending = pending
        fork.told = told
        return fork
    }

    func end() {
        completion = nil
        abandonChange(SessionRefusal(480, "The other side has gone"))
    }
}

extension CallLeg {
    /// Whether an offer could be sent to the far side, now or soon.
    var canOffer: Bool {
        isAnswered || answersWithOffer
            || early.values.contains { $0.exchange.allowsOfferInUpdate && $0.dialog.peerAllows(.update) }
    }

    /// Whether the call waits for its answer, and its INVITE asks for an offer in that.
    private var answersWithOffer: Bool {
        guard case .callee(let machine, _) = role, machine.state == .pending, let current else { return false }
        return current.exchange.duty(of: .success) == .offer
    }

    /// The other call has an offer for the far side of this one: it goes as soon as it may. A call that waits for its answer, and
    /// whose INVITE has no offer, is answered with it.
    func passOffer() {
        guard !isEnded else { return }
        if answersWithOffer { return answer() }
        change.want { _ in }
        pursueChange()
    }

    /// Makes this call, which came in and has not been answered, one whose session is passed on.
    ///
    /// - Returns: the session of the other call; nil when it is too late.
    func relay() -> RelayedSession? {
        guard case .callee(let machine, _) = role, machine.state == .pending, !machine.hasDialog else { return nil }
        let (incoming, outgoing) = RelayedSession.pair(offer: invitation?.withView { $0.sessionDescription })
        incoming.attach(self)
        replaceSession(by: incoming)
        return outgoing
    }
}

/// The media of a call that has none in this program.
final class NoMedia: MediaLeg {
    let localAddress = TransportAddress.loopback()
    let capabilities = MediaCapabilities(streams: [])

    func apply(
        _ stream: NegotiatedStream, keys: MediaKeys, onFailure: @escaping @Sendable (MediaFailure) -> Void
    ) {}
    func move(near address: TransportAddress) throws(SocketError) {}
    func stop() {}
}
