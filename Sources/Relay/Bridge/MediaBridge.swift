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
        let legs: [RelayLeg]

        subscript(side: RelaySide) -> RelayLeg { legs[side.rawValue] }
    }

    let home: RelayLane
    private let patience: Int64
    private let onSilence: @Sendable (MediaBridge) -> Void
    private let onFailure: @Sendable (SocketError) -> Void
    private let onInsecurity: @Sendable (MediaSecurityError) -> Void
    private var streams: [Int: Stream] = [:]
    private var ended: [RelaySide: RelayCounters] = [:]
    private var isClosed = false
    private var isSilent = false

    /// Makes a bridge without streams.
    ///
    /// - Parameters:
    ///   - patience: how long all streams must have been silent, both ways, for `onSilence` to be called.
    ///   - onSilence: called once, on the media lane.
    ///   - onFailure: told, on the media lane, why a stream cannot be opened.
    init(
        on home: RelayLane, patience: Duration, onSilence: @escaping @Sendable (MediaBridge) -> Void,
        onFailure: @escaping @Sendable (SocketError) -> Void,
        onInsecurity: @escaping @Sendable (MediaSecurityError) -> Void
    ) {
        self.home = home
        let (seconds, attoseconds) = patience.components
        self.patience = seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
        self.onSilence = onSilence
        self.onFailure = onFailure
        self.onInsecurity = onInsecurity
        home.lane.execute { _ in home.add(self) }
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
                RelayLeg(kind, isSecured: isSecured, now: now, onInsecurity: onInsecurity)
            }
            do throws(SocketError) {
                try legs[0].open(caller, to: legs[1], on: lane)
                try legs[1].open(callee, to: legs[0], on: lane)
            } catch {
                legs.forEach { $0.close() }
                return onFailure(error)
            }
            streams[index] = Stream(legs: legs)
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
            guard let stream = streams[index] else { return }
            stream[.caller].secure(caller, callerContext, on: lane)
            stream[.callee].secure(callee, calleeContext, on: lane)
            for leg in stream.legs { leg.noteSecurity() }
            if stream.legs.contains(where: \.isHandshaking) { home.hasten(self) }
        }
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
    func close() {
        home.lane.execute { [self] _ in
            isClosed = true
            for index in streams.keys { end(index) }
            home.remove(self)
        }
    }

    /// What was counted so far, by the side whose end it concerns.
    func counters() async -> [RelaySide: RelayCounters] {
        await home.lane.run { [self] _ in
            var sum = ended
            for stream in streams.values {
                for side in RelaySide.allCases {
                    sum[side, default: RelayCounters()] = sum[side, default: RelayCounters()] + stream[side].counters
                }
            }
            return sum
        }
    }

    private func end(_ index: Int) {
        guard let stream = streams.removeValue(forKey: index) else { return }
        for side in RelaySide.allCases {
            ended[side, default: RelayCounters()] = ended[side, default: RelayCounters()] + stream[side].counters
            stream[side].close()
        }
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
        guard !streams.isEmpty, !isSilent, now &- lastHeard >= patience else { return }
        isSilent = true
        onSilence(self)
    }
}
