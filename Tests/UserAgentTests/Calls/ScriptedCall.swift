import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// A call of Alice's phone to a scripted peer at 10.0.0.9, up.
final class ScriptedCall {
    let network: SimulatedNetwork
    let alice: SimulatedPhone
    let peer: ScriptedPeer
    /// A transaction that the script keeps.
    var held: ServerTransaction?
    private let answer: Message

    init(headers: [String] = []) throws {
        network = SimulatedNetwork(seed: 1)
        alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
        peer = ScriptedPeer(network.node("10.0.0.9:5060"))
        peer.onRequest = { peer, request, transaction in
            if let transaction {
                peer.answer(transaction, 200, headers: headers, description: Sample.description(port: 20_000))
            }
        }
        try alice.call(try URI("sip:peer@10.0.0.9"))
        let alice = alice
        network.run(until: { alice.call.isAnswered })
        network.run(for: .seconds(1))
        let trace = Ladder(network, ["alice": alice.node, "peer": peer.node])
        answer = try #require(trace["peer > alice 200 INVITE sdp"])
    }

    private var tags: (alice: String, peer: String) {
        let tag = { (header: HeaderName) in self.answer[header].flatMap { try? NameAddress($0) }?.tag ?? "" }
        return (tag(.from), tag(.to))
    }

    /// Sends a request of the peer in the dialog, and waits for what follows.
    func request(_ method: String, cSeq: Int, contact: String? = nil, headers: [String] = [], body: String = "") {
        var headers = headers
        if !body.isEmpty { headers.append("Content-Type: application/sdp") }
        peer.sendInDialog(
            method, callID: answer[.callID] ?? "", cSeq: cSeq, from: tags.peer, to: tags.alice,
            target: "sip:alice@10.0.0.1:5060", contact: contact ?? "<\(peer.uri("here"))>", via: alice.node,
            headers: headers, body: body)
        network.run(for: .seconds(1))
    }

    func reinvite(_ description: String, cSeq: Int) { request("INVITE", cSeq: cSeq, body: description) }

    /// Sends the ACK of a re-INVITE with an answer.
    func acknowledge(cSeq: Int, _ description: String) { request("ACK", cSeq: cSeq, body: description) }
}

extension ScriptedPeer {
    /// Answers with a session description.
    func answer(_ transaction: ServerTransaction, _ status: StatusCode, headers: [String], description: String) {
        answer(transaction, status, headers: headers, type: "application/sdp", body: description)
    }

    /// Sends a request in a dialog; an ACK goes once.
    func sendInDialog(
        _ method: String, callID: String, cSeq: Int, from: String, to: String, target: String, contact: String,
        via next: SimulatedNode, headers: [String], body: String
    ) {
        var lines = [
            "Max-Forwards: 70", "From: <\(uri("here"))>;tag=\(from)", "To: <\(target)>;tag=\(to)", "Call-ID: \(callID)",
            "CSeq: \(cSeq) \(method)", "Contact: \(contact)",
        ]
        lines += headers
        lines.append("Content-Length: \(body.utf8.count)")
        let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
        let start = "\(method) \(target) SIP/2.0\r\n"
        if method == "ACK" {
            let via = "Via: SIP/2.0/UDP \(node.address);branch=z9hG4bKack\(cSeq)\r\n"
            layer.sendDirectly(
                Array((start + via + text).utf8),
                Flow(transport: .udp, listener: 0, local: node.address, remote: next.address))
            return
        }
        _ = layer.send(Method(method), to: Target(.udp, next.address), user: self) { writer, via, _ in
            writer.append(start)
            writer.append(via)
            writer.append(text)
        }
    }
}
