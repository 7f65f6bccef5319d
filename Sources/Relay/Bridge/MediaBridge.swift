import Media
import Reactor
import SRTP
import Synchronization

/// The streams between two ends of a call, on one media lane; in the hands of the signalling lane.
///
/// What it is told takes effect on the media lane, in the order in which it was told.
final class MediaBridge: @unchecked Sendable {
    // Proof of Sendable: the constants are Sendable; all else is touched on the media lane only.

    /// Two legs.
    private struct Stream {
        let kind: RelayedKind
        let legs: [RelayLeg]
        /// Whether an end has said that it does not send, or does not hear.
        var isHeld = false
        /// Whether there are no keys for one of the legs, and none will come.
        var isInsecure = false

        subscript(side: RelaySide) -> RelayLeg { legs[side.rawValue] }

        /// What has gone through it.
        func report(_ index: Int) -> RelayedCall.Stream {
            RelayedCall.Stream(index: index, caller: self[.caller].report, callee: self[.callee].report)
        }
    }

    let home: RelayLane
    private let callID: [UInt8]
    private let report: @Sendable (RelayedCall) -> Void
    /// When the bridge was made, on the lane's clock in nanoseconds.
    private(set) var begun = Int64.max
    private let patience: Int64
    private let heldPatience: Int64
    private let onSilence: @Sendable (MediaBridge) -> Void
    private let onLoss: @Sendable (MediaBridge) -> Void
    private let onFailure: @Sendable (SocketError) -> Void
    private let onInsecurity: @Sendable (MediaSecurityError) -> Void
    private var streams: [Int: Stream] = [:]
    /// What has gone through streams that have ended, by their place.
    private var ended: [Int: RelayedCall.Stream] = [:]
    private var isClosed = false
    private var isSilent = false
    /// When patience began anew, on the lane's clock in nanoseconds.
    private var since = Int64.min

    /// Makes a bridge without streams.
    ///
    /// - Parameters:
    ///   - callID: names the call in reports.
    ///   - report: told of a call that is over, on the media lane.
    ///   - patience: how long all streams must have been silent, both ways, for `onSilence` to be called.
    ///   - heldPatience: how long where all of them are on hold.
    ///   - onSilence: called once, on the media lane; again after ``resume()``.
    ///   - onLoss: called on the media lane when no stream of RTP has keys, or will have any.
    ///   - onFailure: told, on the media lane, why a stream cannot be opened.
    ///   - onInsecurity: told, on the media lane, why there are no keys for a leg.
    init(
        on home: RelayLane, callID: [UInt8], report: @escaping @Sendable (RelayedCall) -> Void, patience: Duration,
        heldPatience: Duration,
        onSilence: @escaping @Sendable (MediaBridge) -> Void, onLoss: @escaping @Sendable (MediaBridge) -> Void,
        onFailure: @escaping @Sendable (SocketError) -> Void,
        onInsecurity: @escaping @Sendable (MediaSecurityError) -> Void
    ) {
        self.home = home
        self.callID = callID
        self.report = report
        self.patience = Self.nanoseconds(patience)
        self.heldPatience = Self.nanoseconds(heldPatience)
        self.onSilence = onSilence
        self.onLoss = onLoss
        self.onFailure = onFailure
        self.onInsecurity = onInsecurity
        home.lane.execute { [self] lane in
            begun = lane.turnTime
            home.add(self)
        }
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }

    /// Adds the stream of a media description.
    ///
    /// - Parameter isSecured: whether the relay secures the legs, so that nothing passes before there are keys.
    func open(_ index: Int, _ kind: RelayedKind, caller: RelaySockets, callee: RelaySockets, isSecured: Bool) {
        home.lane.execute { [self] lane in
            guard !isClosed else { return }
            end(index)
            let now = lane.turnTime
            let legs = RelaySide.allCases.map { _ in
                // A leg lives no longer than the bridge that has made it.
                RelayLeg(kind, isSecured: isSecured, now: now) { [unowned self] error in lost(index, error) }
            }
            do throws(SocketError) {
                try legs[0].open(caller, to: legs[1], on: lane)
                try legs[1].open(callee, to: legs[0], on: lane)
            } catch {
                legs.forEach { $0.close() }
                return onFailure(error)
            }
            streams[index] = Stream(kind: kind, legs: legs)
        }
    }

    /// Says where an end of a stream is.
    func signal(_ remote: LegRemote, of side: RelaySide, _ index: Int) {
        home.lane.execute { [self] _ in
            streams[index]?[side].signal(remote)
            isSilent = false
        }
    }

    /// Says how the ends of a stream are secured; the relay opens what comes from one and closes it for the other.
    ///
    /// - Parameters:
    ///   - callerContext: proves the relay to the caller in a handshake.
    ///   - calleeContext: proves it to the callee.
    func secure(
        _ index: Int, caller: MediaKeys, _ callerContext: DTLSContext?, callee: MediaKeys,
        _ calleeContext: DTLSContext?
    ) {
        home.lane.execute { [self] lane in
            streams[index]?.isInsecure = false
            guard let stream = streams[index] else { return }
            stream[.caller].secure(caller, callerContext, on: lane)
            stream[.callee].secure(callee, calleeContext, on: lane)
            if stream.legs.contains(where: \.hasFailed) { streams[index]?.isInsecure = true }
            for leg in stream.legs { leg.noteSecurity() }
            if stream.legs.contains(where: \.isHandshaking) { home.hasten(self) }
        }
    }

    /// Says whether an end of a stream is on hold. Whoever is taken up again has time to be heard.
    func hold(_ index: Int, _ isHeld: Bool) {
        home.lane.execute { [self] lane in
            guard let stream = streams[index], stream.isHeld != isHeld else { return }
            streams[index]?.isHeld = isHeld
            if !isHeld { since = lane.turnTime }
        }
    }

    /// Goes on in spite of silence: patience begins anew.
    func resume() {
        home.lane.execute { [self] lane in
            isSilent = false
            since = lane.turnTime
        }
    }

    /// There are no keys for a leg.
    private func lost(_ index: Int, _ error: MediaSecurityError) {
        streams[index]?.isInsecure = true
        onInsecurity(error)
        judgeSecurity()
    }

    /// Has it told again if no stream can have keys.
    func review() {
        home.lane.execute { [self] _ in judgeSecurity() }
    }

    private func judgeSecurity() {
        let carried = streams.values.filter { $0.kind == .rtp }
        if !carried.isEmpty, carried.allSatisfy(\.isInsecure) { onLoss(self) }
    }

    /// Has a stream go by the transport of another one on a side.
    ///
    /// - Parameter payloadTypes: those of the stream, by which it is told from the other.
    func ride(_ index: Int, on other: Int, of side: RelaySide, _ payloadTypes: [UInt8]) {
        home.lane.execute { [self] _ in
            guard let stream = streams[index], let transport = streams[other] else { return }
            stream[side].ride(on: transport[side], payloadTypes)
            for leg in stream.legs + transport.legs { leg.noteSecurity() }
        }
    }

    /// Repeats what nobody has answered in time.
    ///
    /// - Returns: whether a handshake goes on.
    func passTime(at now: ContinuousClock.Instant) -> Bool {
        var isHandshaking = false
        for stream in streams.values {
            for leg in stream.legs {
                leg.passTime(at: now)
                isHandshaking = leg.isHandshaking || isHandshaking
            }
        }
        return isHandshaking
    }

    /// Ends a stream.
    func close(_ index: Int) {
        home.lane.execute { [self] _ in end(index) }
    }

    /// Ends all.
    ///
    /// - Parameter ending: how the call came to its end, which is reported; nil when it was never answered.
    func close(_ ending: RelayedCall.Ending? = nil) {
        home.lane.execute { [self] lane in
            guard !isClosed else { return }
            isClosed = true
            for index in streams.keys { end(index) }
            home.remove(self)
            if let ending { report(call(at: lane.turnTime, ending)) }
        }
    }

    /// What has gone through each stream so far, by its place; on the media lane.
    var counted: [RelayedCall.Stream] {
        var all = ended
        for (index, stream) in streams {
            all[index, default: RelayedCall.Stream(index: index)].add(stream.report(index))
        }
        return all.values.sorted { $0.index < $1.index }
    }

    /// The call as it is reported; on the media lane.
    func call(at now: Int64, _ ending: RelayedCall.Ending?) -> RelayedCall {
        RelayedCall(
            callID: callID, duration: .nanoseconds(now &- min(begun, now)), ending: ending, streams: counted)
    }

    private func end(_ index: Int) {
        guard let stream = streams.removeValue(forKey: index) else { return }
        ended[index, default: RelayedCall.Stream(index: index)].add(stream.report(index))
        for leg in stream.legs { leg.close() }
    }

    /// Looks after the sockets, and notices silence; on the media lane.
    func sweep(at now: Int64) {
        var lastHeard = Int64.min
        for stream in streams.values {
            for leg in stream.legs {
                leg.sweep(at: now)
                lastHeard = max(lastHeard, leg.lastHeard)
            }
        }
        let limit = streams.values.allSatisfy(\.isHeld) ? heldPatience : patience
        guard !streams.isEmpty, !isSilent, now &- max(lastHeard, since) >= limit else { return }
        isSilent = true
        onSilence(self)
    }
}
