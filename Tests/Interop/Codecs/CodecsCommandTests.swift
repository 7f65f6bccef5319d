import Foundation
import Media
import TestKit
import Testing
import UserAgent

extension Interop {
    /// `ito codecs`.
    @Suite struct CodecsCommandTests {
        private struct Line: Decodable {
            let name: String
            let encoding: String
            let sample_rate: Int
            let payload_type: Int?
            let installed: Bool
            let kbit_per_second: Double?
            let encoding_us: Double?
            let decoding_us: Double?
        }

        @Test func everyCodecIsListedWithItsCost() async throws {
            try await withPeers { peers in
                let outcome = try await ItoProgram.run(["codecs", "--json"], in: peers)
                #expect(outcome.exit == .code(0))
                let lines = try outcome.output.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
                #expect(lines.map(\.name) == AudioCodecName.allCases.map(\.rawValue))
                #expect(lines.allSatisfy { !$0.installed || ($0.encoding_us ?? 0) + ($0.decoding_us ?? 0) > 0 })
                let g722 = try #require(lines.first { $0.name == "g722" })
                #expect(g722.encoding == "G722/8000")
                #expect(g722.sample_rate == 16_000)
                #expect(g722.payload_type == 9)
                #expect(g722.kbit_per_second == 64)
                let opus = try #require(lines.first { $0.name == "opus" })
                #expect(opus.encoding == "opus/48000/2")
                #expect(opus.payload_type == nil)
            }
        }

        @Test func anUnknownCodecIsRefused() async throws {
            try await withPeers { peers in
                let outcome = try await ItoProgram.run(["call", "sip:bob@127.0.0.1", "--codec", "gsm-efr"], in: peers)
                #expect(outcome.exit == .code(2))
                #expect(outcome.complaints.contains("gsm-efr"))
            }
        }
    }
}
