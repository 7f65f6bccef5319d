import CoreMetrics
import Media
import RTP

/// Tells a metrics backend how calls were heard, when they are over: one record of each figure for each call whose audio came.
///
/// | Label | Unit |
/// | --- | --- |
/// | `itodenwa_call_mos` | opinion score of the conversation, 1 to 4.41 (ITU-T G.107) |
/// | `itodenwa_call_rating` | R, 0 to 93.2 |
/// | `itodenwa_call_delay_seconds` | from mouth to ear |
/// | `itodenwa_call_round_trip_seconds` | there and back; where reports told |
/// | `itodenwa_call_jitter_seconds` | interarrival jitter (RFC 3550 A.8) at the end |
/// | `itodenwa_call_lost_ratio` | part of the packets that were lost and not made good |
/// | `itodenwa_call_discarded_ratio` | part of the packets that came too late |
/// | `itodenwa_call_remote_mos` | what the far side says of how it heard this one (RFC 3611) |
///
/// Each has the dimension `codec`, such as `opus`.
final class CallMetrics: Sendable {
    private let factory: any MetricsFactory
    private let running = RunningTasks(limit: limit)

    /// Calls whose figures are collected at a time; those that end beyond them are left out.
    static let limit = 256

    init(factory: any MetricsFactory) { self.factory = factory }

    /// Records a call that has ended, soon.
    func record(_ call: Call) {
        running.run { [self] in
            if let statistics = await call.statistics() { record(statistics) }
        }
    }

    /// Waits until those that have ended are recorded, for a while.
    func finish() async { await running.finish(within: .seconds(1)) }

    private func record(_ statistics: AudioStatistics) {
        guard statistics.receivedPackets > 0 else { return }
        let quality = AudioQuality(statistics)
        let dimensions = [("codec", "\(statistics.codec.name)".lowercased())]
        func tell(_ name: String, _ value: Double?) {
            guard let value else { return }
            Recorder(label: "itodenwa_call_\(name)", dimensions: dimensions, aggregate: true, factory: factory)
                .record(value)
        }
        tell("mos", quality.conversationScore)
        tell("rating", quality.rating)
        tell("delay_seconds", quality.delay / .seconds(1))
        tell("round_trip_seconds", quality.roundTrip.map { $0 / .seconds(1) })
        tell("jitter_seconds", quality.jitter / .seconds(1))
        tell("lost_ratio", quality.loss)
        tell("discarded_ratio", quality.discarded)
        if let remote = quality.remote, remote.conversationScore != VoIPMetrics.unavailable {
            tell("remote_mos", Double(remote.conversationScore) / 10)
        }
    }
}
