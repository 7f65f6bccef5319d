import Foundation
import Reactor
import Synchronization
import UserAgent

/// Collects SIP messages as phones see them and draws the ladder of a call.
final class Ladder: Sendable {
    private let messages = Mutex<[TracedMessage]>([])

    func add(_ message: TracedMessage) { messages.withLock { $0.append(message) } }

    /// The ladder: a column for each of `names`, in their order, and an arrow for each message.
    func draw(_ names: [(name: String, address: TransportAddress)], since start: ContinuousClock.Instant) -> [String] {
        let width = 34
        var lines = [names.map { pad($0.name, width) }.joined()]
        for message in messages.withLock({ $0 }).sorted(by: { $0.time < $1.time }) {
            guard let from = names.firstIndex(where: { $0.address == message.source }),
                let to = names.firstIndex(where: { $0.address == message.destination }), from != to
            else { continue }
            let left = min(from, to) * width
            let length = abs(to - from) * width - 2
            let label = Self.label(message)
            let room = max(0, length - label.count - 4)
            let arrow =
                from < to
                ? "--" + " \(label) " + String(repeating: "-", count: max(0, room - 1)) + ">"
                : "<" + String(repeating: "-", count: max(0, room - 1)) + " \(label) " + "--"
            let time = (message.time - start).wholeMilliseconds
            lines.append(
                String(repeating: " ", count: left + 1) + pad(arrow, max(1, names.count * width - left)) + "\(time) ms")
        }
        return lines
    }

    private static func label(_ message: TracedMessage) -> String {
        let parts = message.startLine.split(separator: " ", maxSplits: 2)
        guard parts.count > 1 else { return message.startLine }
        if parts[0].hasPrefix("SIP/") { return parts[1] + (parts.count > 2 ? " \(parts[2])" : "") }
        return String(parts[0])
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
