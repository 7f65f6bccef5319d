/// Fits how long packets are to a network that is full, by the loss that the peer reports: fewer, longer packets need fewer headers,
/// which are more than half of what is sent at low bit rates.
///
/// A longer packet costs delay, and more speech where it is lost. So packets get longer a step at a time, only behind two reports in a
/// row that say that the network is full, and each step is a trial: loss that is not less after it has another cause, such as a bad
/// radio link, and packets get as long as before. When the network has been free for some reports they get shorter again, a step at a
/// time; when it is full again soon behind that, they stay long for twice as many reports the next time, so that they do not go to
/// and fro.
public struct PacketTimeControl: Hashable, Sendable {
    /// Steps by which packets are longer than was agreed on.
    public private(set) var steps = 0

    /// Reports in a row that say that the network is full before packets get longer.
    public static let fullReports = 2
    /// Reports after a step by which it is judged; the one before them tells of the time before it, too.
    public static let trialReports = 2
    /// Part of the loss before a step that there may be after it at most, or else it is taken back.
    public static let success = 0.7
    /// Reports in a row without loss before packets get shorter: at first, and at most.
    public static let patience = 3...24
    /// Reports for which nothing is tried after a step that was of no use: at first, and at most.
    public static let pause = 12...96

    /// A step that is judged.
    private struct Trial: Hashable {
        let lossBefore: Double
        var loss = 0.0
        var reports = -1
    }

    private var full = 0
    private var fullLoss = 0.0
    private var free = 0
    private var trial: Trial?
    private var patience = Self.patience.lowerBound
    private var nextPause = Self.pause.lowerBound
    private var paused = 0
    /// Reports since packets got shorter last; nil before they did.
    private var sinceShorter: Int?

    /// A control without any report.
    public init() {}

    /// Takes the part of the packets that a report says were lost since the one before, 0 to 1.
    ///
    /// - Parameters:
    ///   - limit: steps that there may be now.
    ///   - isQueuing: whether packets wait on the way, as they do before a network that is full loses them.
    public mutating func note(_ fraction: Double, limit: Int, isQueuing: Bool = true) {
        if paused > 0 { paused -= 1 }
        if let reports = sinceShorter { sinceShorter = reports + 1 }
        if steps > limit {
            steps = max(0, limit)
            trial = nil
        }
        full = isQueuing && fraction > SendingControl.congestion.upperBound ? full + 1 : 0
        fullLoss = full == 0 ? 0 : fullLoss + fraction
        free = fraction < SendingControl.congestion.lowerBound ? free + 1 : 0
        if trial != nil { return judge(fraction) }
        if full >= Self.fullReports, steps < limit, paused == 0 {
            lengthen()
        } else if free >= patience, steps > 0 {
            shorten()
        }
    }

    private mutating func lengthen() {
        // The network is full again because packets are short again: they stay long for longer.
        if let reports = sinceShorter {
            let isSoon = reports <= 2 * patience
            patience = isSoon ? min(2 * patience, Self.patience.upperBound) : Self.patience.lowerBound
        }
        sinceShorter = nil
        trial = Trial(lossBefore: fullLoss / Double(full))
        steps += 1
        full = 0
        free = 0
        fullLoss = 0
    }

    private mutating func shorten() {
        steps -= 1
        free = 0
        sinceShorter = 0
    }

    private mutating func judge(_ fraction: Double) {
        guard var trial else { return }
        trial.reports += 1
        if trial.reports > 0 { trial.loss += fraction }
        self.trial = trial
        guard trial.reports >= Self.trialReports else { return }
        self.trial = nil
        full = 0
        fullLoss = 0
        if trial.loss / Double(trial.reports) > trial.lossBefore * Self.success {
            steps -= 1
            paused = nextPause
            nextPause = min(2 * nextPause, Self.pause.upperBound)
        } else {
            nextPause = Self.pause.lowerBound
        }
    }
}
