/// Decides when the delay of a playout buffer must change, from how long before their time packets come. All figures are
/// samples.
struct DelayControl: Sendable {
    /// Lags by which one adjustment may change the delay: 2.5 to 15 ms.
    let lags: ClosedRange<Int>

    /// Likeness of the sound at a lag at which an adjustment is not heard.
    static let likeness: Float = 0.7

    /// What is still to be added to the delay, or, when negative, taken away.
    private(set) var wanted: Int64 = 0

    /// Time between a packet's coming and its playing, smoothed.
    private(set) var smoothed: Double = 0

    private let nominal: Int64
    private let maximum: Int64
    private let slack: Int64
    private let lowWater: Int64
    private let interval: Int64
    private let second: Int64
    /// Most that one packet adds.
    private let step: Int64
    private let isAdaptive: Bool
    private var hasSmoothed = false

    /// Least headroom in each of the last ten seconds, the latest first; `none` where no packet came.
    private var minima = InlineArray<10, Int64>(repeating: Self.none)
    private var current = Self.none
    private var secondBegan: Int64 = 0
    private var lastAdjustment: Int64 = .min / 2
    private var allowedSince: Int64?

    private static let none = Int64.max

    /// Delay over the nominal one that is not borne for ten seconds, but only for two, in ms.
    private static let gross = Duration.milliseconds(100)

    init(_ configuration: PlayoutBuffer.Configuration, nominal: Int64, maximum: Int64) {
        let rate = configuration.sampleRate
        lags = max(1, rate.hertz / 400)...max(1, rate.hertz * 3 / 200)
        self.nominal = nominal
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
        current = Self.none
        secondBegan = time
        forget()
    }

    /// Nothing is known at all.
    mutating func reset() {
        begin(at: 0)
        hasSmoothed = false
        smoothed = 0
    }

    /// Takes how long before its time a packet came; negative when it was late.
    mutating func note(_ headroom: Int64) {
        if hasSmoothed {
            smoothed += (Double(headroom) - smoothed) / 16
        } else {
            smoothed = Double(headroom)
            hasSmoothed = true
        }
        current = min(current, headroom)
        guard isAdaptive, headroom < lowWater, smoothed + Double(step) < Double(maximum) else { return }
        wanted = max(wanted, min(lowWater - headroom, step))
    }

    /// The time is `time`: at the end of each second it is seen whether the delay is longer than it need be.
    mutating func advance(to time: Int64) {
        guard time - secondBegan >= second else { return }
        secondBegan = time
        for index in (1..<10).reversed() { minima[index] = minima[index - 1] }
        minima[0] = current
        current = Self.none
        guard isAdaptive, wanted == 0 else { return }
        let gross = nominal + second * 100 / 1000
        if let surplus = surplus(over: gross, seconds: 2) ?? surplus(over: nominal + slack, seconds: 10) {
            wanted = -surplus
        }
    }

    /// By how much all packets of the last seconds came earlier than the nominal delay asks for, where all of them came
    /// earlier than `threshold`.
    private func surplus(over threshold: Int64, seconds: Int) -> Int64? {
        var least = Self.none
        for index in 0..<seconds {
            guard minima[index] != Self.none else { return nil }
            least = min(least, minima[index])
        }
        return least > threshold ? least - nominal : nil
    }

    /// Whether an adjustment may be made now, and the sound is not to be heeded any more because it has been put off
    /// for a second.
    mutating func mayAdjust(at time: Int64) -> (allowed: Bool, forced: Bool) {
        guard wanted != 0, time - lastAdjustment >= interval else { return (false, false) }
        let since = allowedSince ?? time
        allowedSince = since
        return (true, time - since >= second)
    }

    /// An adjustment was made: `samples` more delay, or less when negative.
    mutating func adjusted(by samples: Int64, at time: Int64) {
        lastAdjustment = time
        allowedSince = nil
        let rest = wanted - samples
        // What is left is not worth another adjustment, or this one went beyond.
        let isDone = rest.magnitude < UInt64(lags.lowerBound) || (rest > 0) != (wanted > 0)
        wanted = isDone ? 0 : rest
        shift(by: samples)
    }

    /// The delay has changed: what was measured before is moved to where it would be now.
    mutating func shift(by samples: Int64) {
        for index in 0..<10 where minima[index] != Self.none { minima[index] += samples }
        if current != Self.none { current += samples }
        smoothed += Double(samples)
    }

    private mutating func forget() {
        for index in 0..<10 { minima[index] = Self.none }
    }
}

extension PlayoutBuffer {
    /// Makes the frame a little longer or shorter in media time than it is, where the delay must change, by blending the
    /// sound with itself one period of the voice before or after.
    ///
    /// - Returns: whether the frame was made so.
    mutating func stretch(into frame: inout MutableSpan<Int16>, at time: Int64) -> Bool {
        let turn = delay.mayAdjust(at: time)
        guard turn.allowed, !concealer.isActive else { return false }
        let isLonger = delay.wanted > 0
        let longest = delay.lags.upperBound
        decodeNext(isLonger ? frameLength : frameLength + longest)
        let upper = isLonger ? longest : min(longest, ready - frameLength)
        guard ready >= frameLength, upper >= delay.lags.lowerBound else { return false }
        let match = PitchSearch.best(
            in: line, at: historyLength, count: frameLength, lags: delay.lags.lowerBound...upper, behind: !isLonger)
        guard match.likeness >= DelayControl.likeness || turn.forced else { return false }
        let shift = isLonger ? -match.lag : match.lag
        for index in 0..<frameLength {
            let weight = Float(index) / Float(frameLength)
            let from = Float(line[historyLength + index])
            let to = Float(line[historyLength + index + shift])
            frame[index] = Int16(scaled: from * (1 - weight) + to * weight)
        }
        consume(frameLength + shift, isPlayed: true)
        delay.adjusted(by: Int64(-shift), at: time)
        if isLonger {
            counters.inserted &+= UInt64(match.lag)
        } else {
            counters.removed &+= UInt64(match.lag)
        }
        return true
    }
}
