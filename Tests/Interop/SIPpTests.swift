import Foundation
import Testing
import TestKit

/// SIPp calls and registers through a running `ito serve`.
@Suite struct SIPpTests {
    @Test func aThousandCallsThroughTheProxy() async throws {
        try await withPeers { peers in
            let server = try await ItoServer.start(in: peers, ["--no-auth"])
            var callee = SIPpOptions(.named("uas"))
            callee.calls = 1_000
            let uas = try await SIPpPeer.start(callee, name: "uas", in: peers)
            let registration = try await SIPpPeer.start(
                .registration(of: "bob", contact: "sip:bob@\(uas.hostPort)", at: server.hostPort), name: "register",
                in: peers)
            try await registration.succeeded()
            var caller = SIPpOptions(.named("uac"), remote: server.hostPort)
            caller.service = "bob"
            caller.calls = 1_000
            caller.rate = 100
            let uac = try await SIPpPeer.start(caller, name: "uac", in: peers)
            let result = try await uac.succeeded()
            #expect(result.successful == 1_000)
            #expect(result.failed == 0)
        }
    }

    @Test func registrationWithDigest() async throws {
        try await withPeers { peers in
            let server = try await ItoServer.start(in: peers, users: ["bob": "secret"])
            let good = try await SIPpPeer.start(
                .registration(
                    of: "bob", contact: "sip:bob@127.0.0.1:5099", at: server.hostPort, password: "secret"),
                name: "good", in: peers)
            try await good.succeeded()
            let bad = try await SIPpPeer.start(
                .registration(of: "bob", contact: "sip:bob@127.0.0.1:5099", at: server.hostPort, password: "wrong"),
                name: "bad", in: peers)
            let refused = try await bad.finished()
            #expect(!refused.isSuccess)
        }
    }

    /// What was answered a second before the process is killed is there after a restart.
    @Test func bindingsOutliveAKill() async throws {
        try await withPeers { peers in
            let server = try await ItoServer.start(in: peers, ["--no-auth"])
            let uas = try await SIPpPeer.start(SIPpOptions(.named("uas")), name: "uas", in: peers)
            let registration = try await SIPpPeer.start(
                .registration(of: "bob", contact: "sip:bob@\(uas.hostPort)", at: server.hostPort), name: "register",
                in: peers)
            try await registration.succeeded()
            // The longest that a commit may take to begin is 500 ms; the server tells when nothing waits any more.
            try await server.allIsCommitted()
            server.process.signal(SIGKILL)
            _ = try await server.process.exit()
            let again = try await ItoServer.start(in: peers, ["--no-auth"], name: "again", data: server.data)
            var caller = SIPpOptions(.named("uac"), remote: again.hostPort)
            caller.service = "bob"
            let uac = try await SIPpPeer.start(caller, name: "uac", in: peers)
            try await uac.succeeded()
        }
    }

    @Test func itStopsWhenItIsTold() async throws {
        try await withPeers { peers in
            let server = try await ItoServer.start(in: peers)
            server.process.signal(SIGTERM)
            let exit = try await server.process.exit(within: .seconds(5))
            #expect(exit == .code(0))
        }
    }

    @Test func aSecondServerOnThePortIsRefused() async throws {
        try await withPeers { peers in
            let server = try await ItoServer.start(in: peers)
            let second = try peers.start(
                PeerCommand(
                    ItoServer.executable,
                    ["serve", "--data", peers.folder.file("other"), "--listen", "udp://\(server.hostPort)"],
                    package: "ito"), name: "second")
            let exit = try await second.exit()
            #expect(exit == .code(3))
            #expect(second.lines.contains { $0.isError && $0.text.contains("is in use") })
        }
    }
}
