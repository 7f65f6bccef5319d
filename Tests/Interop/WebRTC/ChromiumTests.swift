import Foundation
import TestKit
import Testing

/// Whether there is a browser; `script/setup --tests` installs it where the system has it.
private let hasChromium = (try? PeerCommand("chromium", package: "chromium").executable()) != nil

extension Interop {
    /// Calls with a page in headless Chromium: its own WebRTC, signalled by SIP over its own WebSocket through `ito serve`.
    @Suite(.enabled(if: hasChromium, "chromium is not installed: script/setup --tests installs it where apt has it"))
    struct ChromiumTests {
        private static let script = "chromium_phone.py"

        /// Both ways, both codecs, both parts in ICE and both in the handshake; and a page that hides its addresses.
        @Test(arguments: [
            BrowserCall(offerer: .browser, codec: .opus),
            BrowserCall(offerer: .browser, codec: .pcmu, ice: "lite"),
            BrowserCall(offerer: .ito, codec: .opus, ice: "lite"),
            BrowserCall(offerer: .ito, codec: .pcmu, setup: "passive"),
            BrowserCall(offerer: .browser, codec: .opus, arguments: ["--hide-addresses"]),
        ])
        func speech(_ call: BrowserCall) async throws {
            try await withPeers { peers in try await call.run(Self.script, in: peers) }
        }

        /// A minute of speech each way.
        @Test func aLongCall() async throws {
            try await withPeers { peers in
                try await BrowserCall(offerer: .ito, codec: .opus, sentences: 12).run(Self.script, in: peers)
            }
        }
    }

    /// Calls with the WebRTC library `aiortc` of PyPI.
    @Suite struct AiortcTests {
        @Test(arguments: [
            BrowserCall(offerer: .browser, codec: .opus, ice: "lite"),
            BrowserCall(offerer: .browser, codec: .pcmu),
            BrowserCall(offerer: .ito, codec: .opus),
            BrowserCall(offerer: .ito, codec: .pcmu, ice: "lite", setup: "passive"),
        ])
        func speech(_ call: BrowserCall) async throws {
            try await withPeers { peers in try await call.run("aiortc_phone.py", password: true, in: peers) }
        }
    }
}
