import Reactor
import SIP
import Synchronization

/// Tells a collector how each call was heard, when it is over (RFC 6035 §4.7.3): a PUBLISH, whose answer nobody needs.
final class QualityReporter: Sendable {
    private let collector: URI
    private let core: PhoneCore
    private let lane: Lane
    private let identity: CallAgent.Identity
    private let running = Mutex<(last: UInt64, tasks: [UInt64: Task<Void, Never>])>((0, [:]))

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
        running.withLock { running in
            guard running.tasks.count < Self.limit else { return }
            running.last += 1
            let number = running.last
            running.tasks[number] = Task { [self] in
                if let statistics = await call.statistics() {
                    await send(
                        VoiceQualityReport(
                            callID: callID, local: local, remote: remote, isCaller: isCaller, time: time,
                            statistics: statistics))
                }
                self.running.withLock { $0.tasks[number] = nil }
            }
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
    func finish() async {
        let tasks = running.withLock { Array($0.tasks.values) }
        guard !tasks.isEmpty else { return }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let once = Once(done)
            Task {
                for task in tasks { await task.value }
                once.resume()
            }
            Task {
                try? await Task.sleep(for: Self.patience)
                once.resume()
            }
        }
    }

    /// Who a value of From or To names, without its parameters.
    private static func identity(_ value: [UInt8]) -> String {
        let text = String(decoding: value, as: UTF8.self)
        if let end = text.lastIndex(of: ">") { return String(text[...end]) }
        return String(text.prefix { $0 != ";" })
    }
}
