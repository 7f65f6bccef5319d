import Reactor
import SIP
import TestKit

/// The messages of a simulation as an RFC draws them: who sent what to whom, in the order of sending.
struct Ladder: CustomStringConvertible {
    /// One message.
    struct Step {
        var message: Message
        var source: String
        var destination: String
        var isLost: Bool

        /// Such as `alice > bob INVITE sdp` or `bob > alice 200 INVITE sdp`.
        var text: String {
            let name =
                message.isRequest
                ? message.withView { $0.text($0.startLine.methodRange) }
                : "\(message.statusCode.rawValue) \(message[.cSeq]?.split(separator: " ").last ?? "?")"
            let type = message[.contentType]?.split(separator: "/").last.map { " \($0)" } ?? ""
            return "\(source) > \(destination) \(name)\(message.body.isEmpty ? "" : type)\(isLost ? " lost" : "")"
        }
    }

    let steps: [Step]

    /// The messages between nodes that have names; others keep their addresses.
    init(_ network: SimulatedNetwork, _ nodes: [String: SimulatedNode], from first: Int = 0) {
        var names: [TransportAddress: String] = [:]
        for (name, node) in nodes { names[node.address] = name }
        steps = network.trace.dropFirst(first).compactMap { passage in
            guard let message = try? Message(passage.bytes) else { return nil }
            return Step(
                message: message, source: names[passage.source] ?? "\(passage.source)",
                destination: names[passage.destination] ?? "\(passage.destination)", isLost: passage.isLost)
        }
    }

    /// The messages as text, 100 (Trying) left out.
    var lines: [String] { steps.filter { $0.message.isRequest || $0.message.statusCode != 100 }.map(\.text) }

    var description: String { steps.map(\.text).joined(separator: "\n") }

    /// The first message that is `text`, such as `alice > bob INVITE sdp`.
    subscript(text: String) -> Message? { steps.first { $0.text == text }?.message }

    /// All messages that are `text`.
    func all(_ text: String) -> [Message] { steps.filter { $0.text == text }.map(\.message) }
}
