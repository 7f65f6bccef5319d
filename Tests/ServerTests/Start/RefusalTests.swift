import Foundation
import TestKit
import Testing

@testable import Server

/// What a running server refuses, with which status, and how it counts.
@Suite struct RefusalTests {
    /// The ACK of a response that was sent without a transaction (RFC 3261 §17.1.1.3).
    private func ack(_ phone: RawPhone, _ invite: String, _ answer: RawMessage) -> String {
        let lines = invite.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            if line.hasPrefix("INVITE ") { return "ACK" + line.dropFirst("INVITE".count) }
            if line.hasPrefix("To:") { return "To: \(answer.values("To").first ?? "")" }
            return line == "CSeq: 1 INVITE" ? "CSeq: 1 ACK" : String(line)
        }
        return lines.joined(separator: "\n")
    }

    /// RFC 3261 §8.2.7: the ACK of such a response is ignored, and is nothing to wonder about.
    @Test func theACKOfAStatelessRefusalIsNoFault() async throws {
        try await withServer { server, port in
            let phone = try RawPhone(server: port)
            let invite = phone.request("INVITE", "sip:nobody@localhost", from: "sip:a@elsewhere.test")
            let answer = try await phone.ask(invite)
            #expect(answer.status == 404)
            phone.send(ack(phone, invite, answer))
            // Messages of one flow are taken in their order: with this answer the ACK has been looked at.
            _ = try await phone.ask(phone.request("OPTIONS", "sip:localhost", from: "sip:a@elsewhere.test"))
            var statistics = await server.statistics()
            #expect(statistics.signalling["requestsReceived"] == 3)
            #expect(statistics.signalling["strayAcks"] == 0)
            #expect(statistics.refused.filter { $0.value > 0 } == ["unknownUser": 1])
            // One with another tag is to nothing that we sent.
            phone.send(ack(phone, invite, answer).replacing(";tag=", with: ";tag=f"))
            _ = try await phone.ask(phone.request("OPTIONS", "sip:localhost", from: "sip:a@elsewhere.test"))
            statistics = await server.statistics()
            #expect(statistics.signalling["strayAcks"] == 1)
        }
    }

    /// RFC 3261 §21.5.7.
    @Test func aRequestThatIsTooLongIsAnswered513() async throws {
        try await withServer({ $0.limits.messageSize = 2_048 }) { _, port in
            let phone = try RawPhone(server: port)
            func ask(padding: Int) async throws -> Int {
                let subject = "Subject: " + String(repeating: "x", count: padding)
                return try await phone.ask(
                    phone.request("OPTIONS", "sip:localhost", from: "sip:a@elsewhere.test", headers: [subject])
                ).status
            }
            #expect(try await ask(padding: 1_000) == 200)
            #expect(try await ask(padding: 2_048) == 513)
        }
    }
}
