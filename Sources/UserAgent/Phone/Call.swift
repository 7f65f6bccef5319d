public import Media
import Reactor
public import SIP
import SIPEndpoint
import Synchronization

/// A call that is up, or on its way there.
public final class Call: Sendable {
    /// What happens in a call.
    public enum Event: Sendable, Hashable {
        /// The far side rings, or says how far it is.
        case progress(StatusCode)
        /// The far side can be heard before it answers.
        case earlyMedia
        /// The call is up.
        case answered
        /// The far side holds the call, or takes it up again.
        case held(Bool)
        /// The call is over.
        case ended(CallEnding)
    }

    /// What happens, from the beginning; ends with the call.
    public let events: AsyncStream<Event>
    /// The keys that the far side presses (RFC 4733).
    public let digits: AsyncStream<Character>
    private let lane: Lane
    private let leg: LaneBound<CallLeg>
    private let media: (any AudioLegFace)?
    private let state: Mutex<State>

    private struct State {
        var isAnswered = false
        var ending: CallEnding?
        var answerWaiters: [CheckedContinuation<Result<Void, CallError>, Never>] = []
        var endWaiters: [CheckedContinuation<CallEnding, Never>] = []
    }

    /// Takes over a leg; on its lane.
    init(_ leg: CallLeg, lane: Lane, audio: AudioEnds, progress: (@Sendable (StatusCode) -> Void)? = nil) {
        self.lane = lane
        self.leg = LaneBound(leg)
        media = leg.media as? any AudioLegFace
        state = Mutex(State())
        let (events, eventsEnd) = AsyncStream<Event>.makeStream()
        let (digits, digitsEnd) = AsyncStream<Character>.makeStream()
        self.events = events
        self.digits = digits
        media?.attach(audio) { digitsEnd.yield($0) }
        leg.onEvent = { [self] event in
            switch event {
            case .progress(let status):
                progress?(status)
                eventsEnd.yield(.progress(status))
            case .earlyMedia: eventsEnd.yield(.earlyMedia)
            case .answered:
                eventsEnd.yield(.answered)
                answeredNow()
            case .held(let isHeld): eventsEnd.yield(.held(isHeld))
            case .ended(let ending):
                let result = CallEnding(ending)
                eventsEnd.yield(.ended(result))
                eventsEnd.finish()
                digitsEnd.finish()
                endedNow(result)
            }
        }
        // A call that could not even be sent has ended before anyone listened.
        if let ending = leg.ending { leg.onEvent(.ended(ending)) }
    }

    private func answeredNow() {
        let waiters = state.withLock { state in
            state.isAnswered = true
            defer { state.answerWaiters = [] }
            return state.answerWaiters
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
    }

    private func endedNow(_ ending: CallEnding) {
        let (answers, ends) = state.withLock { state in
            state.ending = ending
            defer {
                state.answerWaiters = []
                state.endWaiters = []
            }
            return (state.answerWaiters, state.endWaiters)
        }
        for waiter in answers { waiter.resume(returning: .failure(CallError(ending))) }
        for waiter in ends { waiter.resume(returning: ending) }
    }

    /// Waits until the call is up.
    ///
    /// - Throws: `CallError` when it will not be.
    public func answered() async throws(CallError) {
        let result: Result<Void, CallError> = await withCheckedContinuation { continuation in
            let now: Result<Void, CallError>? = state.withLock { state in
                if let ending = state.ending, !state.isAnswered { return .failure(CallError(ending)) }
                if state.isAnswered { return .success(()) }
                state.answerWaiters.append(continuation)
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
        try result.get()
    }

    /// Waits until the call is over.
    public func ended() async -> CallEnding {
        await withCheckedContinuation { continuation in
            let now = state.withLock { state in
                if state.ending == nil { state.endWaiters.append(continuation) }
                return state.ending
            }
            if let now { continuation.resume(returning: now) }
        }
    }

    /// Hangs up and waits until the call is over here; the far side's answer to BYE is not awaited.
    public func hangUp() async {
        hangUpSoon()
        _ = await ended()
    }

    /// Hangs up without waiting.
    public func hangUpSoon() {
        let leg = leg
        lane.execute { _ in leg.value.hangUp() }
    }

    /// Presses keys: `0` to `9`, `*`, `#`, `A` to `D` (RFC 4733). Others are left out.
    public func send(digits: String) { media?.send(digits: digits) }

    /// What was sent and received so far; nil when the call never had media.
    public func statistics() async -> AudioStatistics? { await media?.statistics() }
}

/// Holds an object that lives on a lane, to pass it back there.
struct LaneBound<Value>: @unchecked Sendable {
    // Proof of Sendable: `value` is used in closures that run on its lane only.
    let value: Value

    init(_ value: Value) { self.value = value }
}

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

    init(_ ending: CallLeg.Ending) {
        status = ending.status
        reason = ending.reason
        side = ending.side == .local ? .local : .remote
    }
}

/// Why there is no call.
public struct CallError: Error, Sendable, Hashable, CustomStringConvertible {
    /// How it ended.
    public var ending: CallEnding

    init(_ ending: CallEnding) { self.ending = ending }

    /// The status: 486 when busy, 603 when declined, 408 when nobody answered, 487 when cancelled.
    public var status: StatusCode { ending.status }

    public var description: String { "\(ending.status.rawValue) \(ending.reason)" }
}

/// A call that comes in and waits for an answer.
public final class Invitation: Sendable {
    private let lane: Lane
    private let leg: LaneBound<CallLeg>
    /// The INVITE.
    public let request: Message

    init(_ leg: CallLeg, lane: Lane) {
        self.lane = lane
        self.leg = LaneBound(leg)
        guard let invitation = leg.invitation else { preconditionFailure("a call that comes in has an INVITE") }
        request = invitation
    }

    /// Who calls, as From says; nil when that is malformed.
    public var caller: NameAddress? { request[.from].flatMap { try? NameAddress($0) } }

    /// Rings at the caller's side.
    public func ring() {
        let leg = leg
        lane.execute { _ in leg.value.ring() }
    }

    /// Answers and returns when the caller's ACK has come.
    ///
    /// - Throws: `CallError` when the caller gave up or no media fits.
    public func answer(with audio: AudioEnds = .silence) async throws(CallError) -> Call {
        let leg = leg
        let lane = lane
        let call = await lane.run { _ in
            let call = Call(leg.value, lane: lane, audio: audio)
            leg.value.answer()
            return call
        }
        try await call.answered()
        return call
    }

    /// Refuses: 486 when busy, 603 when declined.
    public func reject(_ status: StatusCode = 486) {
        let leg = leg
        lane.execute { _ in leg.value.reject(status) }
    }
}
