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
        /// The far side can be heard before it answers: announcements, ring-back of its own.
        case earlyMedia
        /// The call is up.
        case answered
        /// The far side holds the call, or takes it up again.
        case held(Bool)
        /// The far side has transferred this side to somebody else: the new call follows, and this one will soon end.
        case transferred(to: Call)
        /// Another call has taken the place of this one, as an attended transfer brings about.
        case replaced(by: Call)
        /// The call is over.
        case ended(CallEnding)
    }

    /// What happens, from the beginning; ends with the call.
    public let events: AsyncStream<Event>
    /// The keys that the far side presses: telephone events (RFC 4733), INFO, or tones where the far side has no events and
    /// ``AudioSettings/hearsTones`` says so.
    public let digits: AsyncStream<Character>
    let surroundings: CallSurroundings
    let leg: LaneBound<CallLeg>
    let media: (any AudioLegFace)?
    private let eventsEnd: AsyncStream<Event>.Continuation
    private let digitsEnd: AsyncStream<Character>.Continuation
    private let state: Mutex<State>

    private struct State {
        var audio = AudioEnds.silence
        var isHeld = false
        var isAnswered = false
        var ending: CallEnding?
        var answerWaiters: [CheckedContinuation<Result<Void, CallError>, Never>] = []
        var endWaiters: [CheckedContinuation<CallEnding, Never>] = []
        var partner: Partner?
    }

    /// Who is told the keys that the far side presses.
    struct Partner {
        weak var call: Call?
        let method: KeyMethod
        /// Whether sound goes through this process, until something else is played.
        let hasSound: Bool
    }

    /// Takes over a leg; on its lane.
    init(_ leg: CallLeg, in surroundings: CallSurroundings, progress: (@Sendable (StatusCode) -> Void)? = nil) {
        self.surroundings = surroundings
        self.leg = LaneBound(leg, on: surroundings.lane)
        media = leg.media as? any AudioLegFace
        state = Mutex(State())
        (events, eventsEnd) = AsyncStream.makeStream()
        (digits, digitsEnd) = AsyncStream.makeStream()
        leg.face = self
        // The leg keeps its face for as long as something can happen.
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
            case .digit(let key): heard(key)
            case .ended(let ending):
                endedNow(CallEnding(ending))
                if media != nil {
                    surroundings.reporter?.report(self.leg.value, of: self)
                    surroundings.metrics.record(self)
                }
            }
        }
        // A call that could not even be sent has ended before anyone listened.
        guard let ending = leg.ending else { return }
        let told = leg.onEvent
        leg.onEvent = { _ in }
        told(.ended(ending))
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
        eventsEnd.yield(.ended(ending))
        eventsEnd.finish()
        digitsEnd.finish()
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

    /// Tells something that another call has brought about.
    func post(_ event: Event) { eventsEnd.yield(event) }

    // MARK: Waiting

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

    /// Whether the call is over.
    var isOver: Bool { state.withLock { $0.ending != nil } }

    /// Hangs up and waits until the call is over here; the far side's answer to BYE is not awaited.
    public func hangUp() async {
        hangUpSoon()
        _ = await ended()
    }

    /// Hangs up without waiting.
    public func hangUpSoon() {
        let leg = leg
        surroundings.lane.execute { _ in leg.value.hangUp() }
    }

    // MARK: Sound

    /// What is played to the far side, and where goes what it says: at once, and after a hold. Ends a bridge to another call.
    public func play(_ audio: AudioEnds) {
        let (isHeld, partner) = state.withLock { state in
            state.audio = audio
            let partner = state.partner.flatMap { $0.hasSound ? $0.call : nil }
            if partner != nil { state.partner = nil }
            return (state.isHeld, partner)
        }
        partner?.tellKeys(to: nil)
        if !isHeld { attach(audio) }
    }

    /// What the call plays when it is not on hold.
    var audio: AudioEnds { state.withLock { $0.audio } }

    func attach(_ audio: AudioEnds) {
        media?.attach(audio) { [weak self] in self?.heard($0) }
    }

    /// The far side has pressed a key.
    private func heard(_ key: Character) {
        digitsEnd.yield(key)
        guard let partner = state.withLock({ $0.partner }) else { return }
        partner.call?.send(digits: String(key), by: partner.method)
    }

    /// Says whose far side is told the keys of this one's; nil for nobody's.
    func tellKeys(to partner: Partner?) { state.withLock { $0.partner = partner } }

    /// Whether this side holds the call.
    public var isHeld: Bool { state.withLock { $0.isHeld } }

    func setHeld(_ isHeld: Bool) { state.withLock { $0.isHeld = isHeld } }

    /// Presses keys: `0` to `9`, `*`, `#`, `A` to `D`. Others are left out, and what is more than 256 that wait.
    ///
    /// - Parameter method: how the far side is told.
    public func send(digits: String, by method: KeyMethod = .automatic) {
        let leg = leg
        surroundings.lane.execute { _ in leg.value.press(digits, by: method) }
    }

    /// Records both sides from now on, each in a channel of its own, until the recording is ended or the call is over. One that is
    /// going on ends. Blocks on making the file.
    ///
    /// - Parameters:
    ///   - path: a file whose name ends in `.wav`, `.opus` or `.ogg`, and says what it will be; only its owner may read it.
    ///   - sampleRate: for Opus 8, 12, 16, 24 or 48 kHz.
    /// - Throws: `RecordingError` when the file cannot be made.
    @discardableResult
    public func record(
        to path: String, sampleRate: SampleRate = .wideband
    ) throws(RecordingError) -> CallRecording {
        record(with: try CallRecorder(path: path, sampleRate: sampleRate))
    }

    /// Records both sides from now on with a recorder that nobody else uses or runs; see ``record(to:sampleRate:)``.
    @discardableResult
    public func record(with recorder: CallRecorder) -> CallRecording {
        if let media { media.record(with: recorder) } else { recorder.close() }
        return CallRecording(recorder) { [media] in media?.release(recorder) }
    }

    /// What was sent and received so far; nil when the call never had media here.
    public func statistics() async -> AudioStatistics? { await media?.statistics() }

    /// The way that connectivity checks have found for the audio (ICE); nil where there are none, or while they go on.
    public var way: MediaWay? {
        get async { await media?.way() }
    }

    /// How the call is heard so far, R and opinion scores among it; nil before there is audio.
    public var quality: AudioQuality? {
        get async { await statistics().map { AudioQuality($0) } }
    }
}

extension Call: Hashable {
    /// Calls are the same when they are one object.
    public static func == (a: Call, b: Call) -> Bool { a === b }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What calls share with their user agent.
struct CallSurroundings: Sendable {
    /// The lane of the calls.
    let lane: Lane
    /// Who the user agent is.
    let identity: CallAgent.Identity
    /// Tells a collector how calls were heard.
    let reporter: QualityReporter?
    /// Tells a metrics backend the same.
    let metrics: CallMetrics
    /// The URI of what a user typed.
    let resolve: @Sendable (String) throws(MessageDefect) -> URI
}
