import TestKit
import Testing

extension Interop {
    /// SIPp asks what a server and a phone can do (RFC 3261 §11).
    @Suite struct OptionsTests {
        @Test func theServerAnswers() async throws {
            try await withServer(.init(authenticates: false)) { server, peers in
                let asking = try await server.caller("options", in: peers)
                try await asking.succeeded()
                try expect(asking, allows: ["OPTIONS", "REGISTER"])
            }
        }

        @Test func aPhoneAnswers() async throws {
            try await withPeers { peers in
                let phone = try peers.start(
                    ItoProgram.command(["answer", "--as", "sip:bob@127.0.0.1", "--no-register", "--json"]),
                    name: "ito answer")
                let ready = try await phone.line(containing: #""event":"ready""#)
                let address = try #require(ready.text.firstMatch(of: /127\.0\.0\.1:[0-9]+/)).output
                var options = SIPpOptions(.named("options"), remote: String(address))
                options.tracesMessages = true
                let asking = try await SIPpPeer.start(options, in: peers)
                try await asking.succeeded()
                try expect(asking, allows: ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"])
            }
        }

        /// What §11.2 wants in a 200: Allow and Accept.
        private func expect(_ asking: SIPpPeer, allows methods: [String]) throws {
            let all = asking.messages
            let answer = try #require(all.firstRange(of: "SIP/2.0 200")).lowerBound
            let lines = all[answer...].split(whereSeparator: \.isNewline)
            let allow = lines.first { $0.hasPrefix("Allow:") }?.dropFirst("Allow:".count) ?? ""
            let allowed = allow.split(separator: ",").map { $0.filter { !$0.isWhitespace } }
            #expect(Set(methods).isSubset(of: allowed), "\(allowed)")
            #expect(lines.contains("Accept: application/sdp"))
        }
    }
}
