import RTP

/// Decides when the delay of a playout buffer must change, from how long before their time packets come. All figures are
/// samples.
///
/// The delay grows as soon as a packet comes less than a margin before its time. The margin is an eighth of the spread that was
/// seen within ten seconds, so that the latest packet of the past is not the latest that is reckoned with. It goes back when all
/// packets for some time came too early: the more so, the sooner. A little too early is borne until there is a pause in what is said.
///
/// A stall of the network, in which nothing comes and then all at once, is answered otherwise: what it has added to the delay is taken
/// away again at once, by passing over what would have been played meanwhile; all of it where the stall stands alone and a part where there
/// was one shortly before.
struct DelayControl: Sendable {
    /// Lags by which one adjustment may change the delay: 2.5 to 15 ms.
    let lags: ClosedRange<Int>

    /// Likeness of the sound at a lag at which an adjustment is not heard.
    static let likeness: Float = 0.7

    /// What is still to be added to the delay, or, when negative, taken away.
    private(set) var wanted: Int64 = 0

    /// Time between a packet's coming and its playing, smoothed.
    private(set) var smoothed: Double = 0

    /// Time before their time that all packets shall have, where they come evenly.
    private let minimum: Int64
    private let maximum: Int64
    private let slack: Int64
    private let lowWater: Int64
    private let interval: Int64
    private let second: Int64
    /// A frame: the most that one packet adds.
    private let step: Int64
    private let isAdaptive: Bool
    private var hasSmoothed = false

    /// Least and greatest headroom of some time.
    private struct Extent {
        var least = Int64.max
        var greatest = Int64.min

        /// Whether no packet came.
        var isEmpty: Bool { least > greatest }

        mutating func include(_ headroom: Int64) {
            least = min(least, headroom)
            greatest = max(greatest, headroom)
        }

        mutating func include(_ other: Extent) {
            least = min(least, other.least)
            greatest = max(greatest, other.greatest)
        }

        mutating func shift(by samples: Int64) {
            guard !isEmpty else { return }
            least += samples
            greatest += samples
        }
    }

    /// The last ten seconds, the latest first, and the one that goes on.
    private var extents = InlineArray<10, Extent>(repeating: Extent())
    private var current = Extent()
    private var secondBegan: Int64 = 0
    private var lastAdjustment: Int64 = .min / 2
    private var allowedSince: Int64?
    /// Whether what is wanted can wait for a pause in what is said.
    private(set) var canWait = false
    /// What a stall has added to the delay and is to be taken away again at once.
    private(set) var surge: Int64 = 0
    /// What the stall has added, until it is known whether it was one.
    private var suspected: Int64 = 0
    /// Least headroom of the packets that came at once behind it.
    private var leastBehindStall = Int64.max
    private var lastStall: Int64?
    /// Until when the delay does not go back because stalls come again and again.
    private var heldUntil: Int64?
    /// The last two as they were before what may be none.
    private var before: (stall: Int64?, hold: Int64?) = (nil, nil)

    /// Where packets have been missing for less than this there was no stall, in ms.
    private static let shortestStall: Int64 = 60
    /// A stall stands alone where none was in so many seconds before it; what others leave is held for as long.
    private static let memory: Int64 = 10
    /// The part of what a stall that does not stand alone has added to the delay that is taken away.
    private static let repeatedPart: Int64 = 3
    /// The part of a second in which it must be taken away: what is not, stays.
    private static let surgePart: Int64 = 2

    /// Seconds for which a shorter delay waits for a pause, where it can.
    private static let patience: Int64 = 10

    /// Seconds after which a delay over the least one and a frame is not borne any longer, and how much over it that is, in ms;
    /// behind these comes the slack, which is a frame at least, for ten seconds.
    private static let grossSurplus: InlineArray<2, (seconds: Int, milliseconds: Int64)> = [(2, 60), (5, 20)]

    /// What is late now is lost now: adjustments that add come after this part of the interval between those that take away, and
    /// are put off for the sake of the sound for a sixteenth of a second and not for a whole one.
    private static let urgency: Int64 = 4

    /// Part of the spread that is added to what the latest packet needs.
    private static let marginPart: Int64 = 8

    init(_ configuration: PlayoutBuffer.Configuration, minimum: Int64, maximum: Int64) {
        let rate = configuration.sampleRate
        lags = max(1, rate.hertz / 400)...max(1, rate.hertz * 3 / 200)
        self.minimum = minimum
        self.maximum = maximum
        isAdaptive = configuration.isAdaptive
        slack = Int64(rate.samples(in: configuration.slack))
        lowWater = Int64(rate.samples(in: configuration.lowWater))
        interval = Int64(rate.samples(in: configuration.adjustmentInterval))
        step = Int64(rate.samples(in: configuration.frame))
        second = Int64(rate.hertz)
    }

    /// Playing begins: nothing is known of this talkspurt yet.
    mutating func begin(at time: Int64) {
        wanted = 0
        allowedSince = nil
        canWait = false
        surge = 0
        suspected = 0
        lastStall = nil
        heldUntil = nil
        current = Extent()
        secondBegan = time
        forget()
    }

    /// Nothing had come, and what was made up in the meantime has made the delay longer by `samples`: a stall, if what comes now comes
    /// at once.
    mutating func stalled(by samples: Int64, at time: Int64) {
        cancelSurge()
        guard isAdaptive, samples >= second * Self.shortestStall / 1000 else { return }
        let isAlone = lastStall.map { time - $0 >= Self.memory * second } ?? true
        before = (lastStall, heldUntil)
        lastStall = time
        if !isAlone { heldUntil = time + Self.memory * second }
        suspected = samples
        surge = isAlone ? samples : samples / Self.repeatedPart
        leastBehindStall = .max
        // What was wanted before is over.
        wanted = 0
        canWait = false
        shift(by: samples)
    }

    /// There is `stock` to be played: it was a stall where that is as much as was missing.
    mutating func confirmStall(stock: Int64) {
        if suspected > 0, stock < suspected { cancelSurge() }
        suspected = 0
    }

    /// It was no stall: what came behind it came late.
    private mutating func cancelSurge() {
        guard suspected > 0 else { return }
        shift(by: -suspected)
        suspected = 0
        surge = 0
        lastStall = before.stall
        heldUntil = before.hold
        if leastBehindStall < .max { note(leastBehindStall) }
    }

    /// Nothing is known at all.
    mutating func reset() {
        begin(at: 0)
        hasSmoothed = false
        smoothed = 0
    }

    /// Takes how long before its time a packet came; negative when it was late.
    mutating func note(_ headroom: Int64) {
        // What came at once behind a stall tells nothing of the time behind it.
        guard surge == 0 || headroom >= surge else {
            leastBehindStall = min(leastBehindStall, headroom)
            return
        }
        if hasSmoothed {
            smoothed += (Double(headroom) - smoothed) / 16
        } else {
            smoothed = Double(headroom)
            hasSmoothed = true
        }
        current.include(headroom)
        let margin = margin
        guard isAdaptive, headroom < margin, smoothed + Double(step) < Double(maximum) else { return }
        wanted = max(wanted, min(margin - headroom, step))
        canWait = false
    }

    /// How long before their time packets shall come at least.
    private var margin: Int64 {
        var all = current
        for index in 0..<10 { all.include(extents[index]) }
        return all.isEmpty ? lowWater : max(lowWater, (all.greatest - all.least) / Self.marginPart)
    }

    /// The time is `time`: at the end of each second it is seen whether the delay is longer than it need be.
    mutating func advance(to time: Int64) {
        if surge > 0, let lastStall, time - lastStall > second / Self.surgePart {
            surge = 0
            suspected = 0
        }
        guard time - secondBegan >= second else { return }
        secondBegan = time
        for index in (1..<10).reversed() { extents[index] = extents[index - 1] }
        extents[0] = current
        current = Extent()
        guard isAdaptive, surge == 0, wanted == 0 || canWait else { return }
        if let heldUntil, time < heldUntil { return }
        for index in 0..<2 {
            let gross = Self.grossSurplus[index]
            if shorten(over: minimum + step + second * gross.milliseconds / 1000, seconds: gross.seconds) {
                canWait = false
                return
            }
        }
        guard wanted == 0 else { return }
        canWait = shorten(over: minimum + max(slack, step), seconds: 10)
    }

    /// Takes away by how much all packets of the last seconds came earlier than they need to, where all of them came earlier
    /// than `threshold`; false where they did not.
    private mutating func shorten(over threshold: Int64, seconds: Int) -> Bool {
        var all = Extent()
        for index in 0..<seconds {
            guard !extents[index].isEmpty else { return false }
            all.include(extents[index])
        }
        guard all.least > threshold else { return false }
        // A margin beyond the one that would make it grow again.
        let kept = max(minimum, (all.greatest - all.least) * 2 / Self.marginPart)
        guard all.least > kept else { return false }
        wanted = kept - all.least
        return true
    }

    /// Whether an adjustment may be made now, and the sound is not to be heeded any more because it has been put off
    /// for a second.
    mutating func mayAdjust(at time: Int64) -> (allowed: Bool, forced: Bool) {
        let urgency = wanted > 0 ? Self.urgency : 1
        guard wanted != 0, time - lastAdjustment >= interval / urgency else { return (false, false) }
        let since = allowedSince ?? time
        allowedSince = since
        return (true, time - since >= second * (canWait ? Self.patience : 1) / (urgency * urgency))
    }

    /// An adjustment was made: `samples` more delay, or less when negative.
    mutating func adjusted(by samples: Int64, at time: Int64) {
        shift(by: samples)
        lastAdjustment = time
        if surge > 0 {
            surge = max(0, surge + samples)
            return
        }
        allowedSince = nil
        let rest = wanted - samples
        // What is left is not worth another adjustment, or this one went beyond.
        let isDone = rest.magnitude < UInt64(lags.lowerBound) || (rest > 0) != (wanted > 0)
        wanted = isDone ? 0 : rest
        if isDone { canWait = false }
    }

    /// The delay has changed: what was measured before is moved to where it would be now.
    mutating func shift(by samples: Int64) {
        for index in 0..<10 { extents[index].shift(by: samples) }
        current.shift(by: samples)
        smoothed += Double(samples)
    }

    private mutating func forget() {
        for index in 0..<10 { extents[index] = Extent() }
    }
}

extension PlayoutBuffer {
    /// Makes the frame a little longer or shorter in media time than it is, where the delay must change, by blending the
    /// sound with itself one period of the voice before or after.
    ///
    /// - Returns: whether the frame was made so.
    mutating func stretch(into frame: inout MutableSpan<Int16>, at time: Int64) -> Bool {
        if delay.surge > 0 {
            catchUp(at: time)
            return false
        }
        let turn = delay.mayAdjust(at: time)
        guard turn.allowed, !concealer.isActive else { return false }
        let isLonger = delay.wanted > 0
        let longest = delay.lags.upperBound
        decodeNext(isLonger ? frameLength : frameLength + longest)
        let upper = isLonger ? longest : min(longest, ready - frameLength)
        guard ready >= frameLength, upper >= delay.lags.lowerBound else { return false }
        if delay.canWait, !turn.forced {
            guard quiet >= frameLength * Self.pauseFrames, isQuiet(frameLength + upper) else { return false }
            let most = min(Int64(upper), max(-delay.wanted, Int64(delay.lags.lowerBound)))
            return cut(Int(most), into: &frame, at: time)
        }
        let match = match(delay.lags.lowerBound...upper, behind: !isLonger)
        guard match.likeness >= DelayControl.likeness || turn.forced else { return false }
        return cut(isLonger ? -match.lag : match.lag, into: &frame, at: time)
    }

    /// Goes on behind a stall with what would be played now without it, as far as that has come: what lies before is over, as if it had
    /// been lost. To play it faster costs more than it gives (docs/quality.md).
    private mutating func catchUp(at time: Int64) {
        let stock = max(Int64(ready), (store.end ?? decodedEnd) - cursor)
        delay.confirmStall(stock: stock)
        let skipped = min(delay.surge, stock - 2 * Int64(frameLength))
        guard skipped >= Int64(delay.lags.lowerBound) else { return }
        decodedEnd += skipped
        while let old = store.first, old.end <= decodedEnd {
            counters.late &+= 1
            pattern.lost(1)
            lastDecoded = old.sequence
            // Unheard: what is decoded next goes on from it.
            if let decoder = decoders.select(old.codec) {
                _ = store.decode(old, by: decoder, into: &line, at: (historyLength + ready) * channels)
            }
            store.removeFirst()
        }
        delay.adjusted(by: -skipped, at: time)
    }

    /// The lag at which the next frame is most like what was before it, or what comes behind it; of two channels in their mean.
    private mutating func match(_ lags: ClosedRange<Int>, behind: Bool) -> PitchSearch.Match {
        guard channels > 1 else {
            return PitchSearch.best(in: line, at: historyLength, count: frameLength, lags: lags, behind: behind)
        }
        let first = behind ? historyLength : historyLength - lags.upperBound
        for index in first..<historyLength + frameLength + (behind ? lags.upperBound : 0) {
            mean[index] = Channels.mean(line[2 * index], line[2 * index + 1])
        }
        return PitchSearch.best(in: mean, at: historyLength, count: frameLength, lags: lags, behind: behind)
    }

    /// Gives a frame that goes over from what comes next to what comes `shift` samples later, or, when negative, was before.
    private mutating func cut(_ shift: Int, into frame: inout MutableSpan<Int16>, at time: Int64) -> Bool {
        for index in 0..<frameLength {
            let weight = Float(index) / Float(frameLength)
            for channel in 0..<channels {
                let from = Float(line[(historyLength + index) * channels + channel])
                let to = Float(line[(historyLength + index + shift) * channels + channel])
                frame[index * channels + channel] = Int16(scaled: from * (1 - weight) + to * weight)
            }
        }
        consume(frameLength + shift, isPlayed: true)
        delay.adjusted(by: Int64(-shift), at: time)
        if shift < 0 {
            counters.inserted &+= UInt64(-shift)
        } else {
            counters.removed &+= UInt64(shift)
        }
        return true
    }

    /// Whether the next samples are a pause: softer by 24 dB than what is said.
    private func isQuiet(_ count: Int) -> Bool {
        var sum = 0
        for index in historyLength * channels..<(historyLength + count) * channels { sum += Int(line[index].magnitude) }
        return Float(sum) <= max(loudness * Self.pausePart, Self.silence) * Float(count * channels)
    }
}
