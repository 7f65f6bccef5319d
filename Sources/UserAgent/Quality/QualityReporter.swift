import Reactor
import SIP

/// Tells a collector how each call was heard, when it is over (RFC 6035 §4.7.3): a PUBLISH, whose answer nobody needs.
final class QualityReporter: Sendable {
    private let collector: URI
    private let core: PhoneCore
    private let lane: Lane
    private let identity: CallAgent.Identity
    private let running = RunningTasks(limit: limit)

    /// Reports that may be on their way at a time; what ends beyond them is not reported.
    static let limit = 64

    /// How long those that are on their way are waited for, when the agent shuts down.
    static let patience = Duration.seconds(1)

    init(to collector: URI, _ core: PhoneCore, lane: Lane, identity: CallAgent.Identity) {
        self.collector = collector
        self.core = core
        self.lane = lane
        self.identity = identity
    }

    /// Reports on a call that has ended; on the lane. One without media is not reported.
    func report(_ leg: CallLeg, of call: Call) {
        guard let dialog = leg.dialog, let began = leg.mediaBegan else { return }
        let local = VoiceQualityReport.Side(
            identity: Self.identity(dialog.local), tag: String(decoding: dialog.id.localTag, as: UTF8.self),
            address: leg.media.localAddress)
        let remote = VoiceQualityReport.Side(
            identity: Self.identity(dialog.remote), tag: String(decoding: dialog.id.remoteTag, as: UTF8.self),
            address: leg.remoteMedia)
        let callID = String(decoding: dialog.id.callID, as: UTF8.self)
        let (isCaller, time) = (leg.invitation == nil, began...max(began, .now))
        running.run { [self] in
            guard let statistics = await call.statistics() else { return }
            await send(
                VoiceQualityReport(
                    callID: callID, local: local, remote: remote, isCaller: isCaller, time: time,
                    statistics: statistics))
        }
    }

    private func send(_ report: VoiceQualityReport) async {
        var content = MessageContent(type: VoiceQualityReport.mediaType, text: report.text)
        content.fields.append(.init(.event, VoiceQualityReport.package))
        let (core, collector, identity, body) = (core, collector, identity, content)
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            lane.execute { _ in
                core.agent.send(.publish, to: collector, as: identity, body) { _, _, _ in done.resume() }
            }
        }
    }

    /// Waits for the reports that are on their way, for a while.
    func finish() async { await running.finish(within: Self.patience) }

    /// Who a value of From or To names, without its parameters.
    private static func identity(_ value: [UInt8]) -> String {
        let text = String(decoding: value, as: UTF8.self)
        if let end = text.lastIndex(of: ">") { return String(text[...end]) }
        return String(text.prefix { $0 != ";" })
    }
}
