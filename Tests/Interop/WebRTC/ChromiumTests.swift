import Foundation
import TestKit
import Testing

/// Whether there is a browser; `script/setup --tests` installs it where the system has it.
let hasChromium = (try? PeerCommand("chromium", package: "chromium").executable()) != nil

extension Interop {
    /// Calls with a page in headless Chromium: its own WebRTC, signalled by SIP over its own WebSocket through `ito serve`.
    @Suite(.enabled(if: hasChromium, "chromium is not installed: script/setup --tests installs it where apt has it"))
    struct ChromiumTests {
        private static let script = "chromium_phone.py"

        /// Both ways, both codecs, both parts in ICE and both in the handshake.
        @Test(arguments: [
            BrowserCall(offerer: .browser, codec: .opus),
            BrowserCall(offerer: .browser, codec: .pcmu, ice: "lite"),
            BrowserCall(offerer: .ito, codec: .opus, ice: "lite"),
            BrowserCall(offerer: .ito, codec: .pcmu, setup: "passive"),
        ])
        func speech(_ call: BrowserCall) async throws {
            try await withPeers { peers in
                _ = try await call.run(Self.script, in: peers)
            }
        }

        /// A page that may not hear the microphone tells names of mDNS in place of its addresses.
        @Test func hiddenAddresses() async throws {
            let call = BrowserCall(offerer: .browser, codec: .opus, arguments: ["--hide-addresses"], sentences: 1)
            let lines = try await withPeers { peers in try await call.run(Self.script, in: peers) }
            let offer = try #require(lines.first { $0.hasPrefix("offer ") })
            #expect(offer.contains(".local ") && offer.contains("c=IN IP4 0.0.0.0"))
        }

        /// The page offers, or answers, before it has an address, and tells its candidates by INFO (RFC 8840).
        @Test(arguments: [BrowserCall.Offerer.browser, .ito])
        func candidatesByInfo(_ offerer: BrowserCall.Offerer) async throws {
            let call = BrowserCall(offerer: offerer, codec: .opus, arguments: ["--trickle"], sentences: 1)
            let lines = try await withPeers { peers in try await call.run(Self.script, in: peers) }
            let start = offerer == .browser ? "offer " : "answer "
            let description = try #require(lines.first { $0.hasPrefix(start) })
            #expect(!description.contains("a=candidate") && description.contains("m=audio 9 "))
            // A page answers so only where the offer says so (RFC 5506 §5).
            #expect(description.contains("a=rtcp-rsize"))
            let told = lines.filter { $0.hasPrefix("told ") }
            #expect(!told.isEmpty && told.allSatisfy { $0.hasSuffix(": 200") }, "\(told)")
            #expect(told.last?.contains("the last") == true, "\(told)")
        }

        /// A minute of speech each way.
        @Test func aLongCall() async throws {
            try await withPeers { peers in
                _ = try await BrowserCall(offerer: .ito, codec: .opus, sentences: 12).run(Self.script, in: peers)
            }
        }
    }

    /// Calls with the WebRTC library `aiortc` of PyPI.
    @Suite struct AiortcTests {
        @Test(arguments: [
            // A minute of speech each way.
            BrowserCall(offerer: .browser, codec: .opus, ice: "lite", sentences: 12),
            BrowserCall(offerer: .browser, codec: .pcmu),
            BrowserCall(offerer: .ito, codec: .opus),
            BrowserCall(offerer: .ito, codec: .pcmu, ice: "lite", setup: "passive"),
        ])
        func speech(_ call: BrowserCall) async throws {
            try await withPeers { peers in _ = try await call.run("aiortc_phone.py", password: true, in: peers) }
        }
    }
}
