import Foundation
import TestKit
import Testing

@Suite struct PeerProcessTests {
    @Test func linesOfBothStreamsAreHeardInOrder() async throws {
        try await withPeers { peers in
            let shell = try peers.start(shell("echo one; echo two >&2; echo; printf three"))
            #expect(try await shell.exit() == .code(0))
            let spoken = shell.lines.filter { !$0.isError }.map(\.text)
            #expect(spoken == ["one", "", "three"])
            #expect(shell.lines.filter(\.isError).map(\.text) == ["two"])
            #expect(shell.lines.map(\.index) == [0, 1, 2, 3])
        }
    }

    @Test func aLineIsFoundBeforeAndAfterItIsWritten() async throws {
        try await withPeers { peers in
            let echo = try peers.start(shell("echo ready; while read -r line; do echo \"heard $line\"; done"))
            let ready = try await echo.line(containing: "ready")
            #expect(try await echo.line(containing: "ready") == ready)
            try echo.write(line: "first")
            let first = try await echo.line(matching: /heard f\w+/)
            #expect(first.text == "heard first")
            try echo.write(line: "second")
            let second = try await echo.line(containing: "heard", after: first)
            #expect(second.text == "heard second")
        }
    }

    @Test func aLineThatNeverComesTimesOutWithWhatWasWritten() async throws {
        try await withPeers { peers in
            let quiet = try peers.start(shell("echo something else; read -r line"))
            try await quiet.line(containing: "something")
            let error = await #expect(throws: PeerError.self) {
                try await quiet.line(containing: "expected", within: .milliseconds(50))
            }
            #expect(error?.code == .timedOut)
            #expect(error?.description.contains("something else") == true)
        }
    }

    @Test func aLineIsNotAwaitedFromTheDead() async throws {
        try await withPeers { peers in
            let short = try peers.start(shell("echo gone; exit 7"))
            let error = await #expect(throws: PeerError.self) { try await short.line(containing: "expected") }
            #expect(error?.code == .ended)
            #expect(error?.transcript == ["sh: gone"])
            #expect(try await short.exit() == .code(7))
        }
    }

    /// What the dead one wrote is reported also when it is read only after the end was noticed: here a child writes it later.
    @Test func theEndBeforeAPortIsReportedWithAllThatWasWritten() async throws {
        try await withPeers { peers in
            let reservation = try PortReservation()
            let short = try peers.start(shell("exec 3<&0; { read -r line <&3; echo \"$line\"; } & exit 7"))
            while short.isRunning { await Task.yield() }
            let waiting = Task { try await short.bound(.tcp, port: reservation.port) }
            try short.write(line: "why it ended")
            let error = await #expect(throws: PeerError.self) { try await waiting.value }
            #expect(error?.code == .ended)
            #expect(error?.transcript == ["sh: why it ended"])
        }
    }

    @Test(arguments: [SIGTERM, SIGKILL])
    func aKilledPeerIsNoticed(number: Int32) async throws {
        try await withPeers { peers in
            let victim = try peers.start(PeerCommand("sleep", ["60"], package: "coreutils"))
            #expect(victim.isRunning)
            victim.signal(number)
            #expect(try await victim.exit() == .signal(number))
            #expect(!victim.isRunning)
        }
    }

    @Test func aMissingProgramIsReportedWithWhatToInstall() async throws {
        try await withPeers { peers in
            let error = #expect(throws: PeerError.self) {
                try peers.start(PeerCommand("no-such-sip-phone", package: "sip-phones"))
            }
            #expect(error?.code == .programMissing)
            #expect(error?.reason.contains("'no-such-sip-phone' is not installed") == true)
            #expect(error?.reason.contains("apt-get install sip-phones") == true)
            #expect(error?.reason.contains("script/setup --tests") == true)
        }
    }

    @Test func theChildrenOfAProgramEndWithIt() async throws {
        let child = try await withPeers { peers in
            let parent = try peers.start(shell("sleep 60 & echo $!; wait"))
            let line = try await parent.line(matching: /^\d+$/)
            return try #require(Int32(line.text))
        }
        #expect(await isGone(child))
    }

    @Test func aProgramThatIgnoresTheRequestIsKilled() async throws {
        try await withPeers { peers in
            let stubborn = try peers.start(
                shell("trap '' TERM; echo ready; while :; do read -r line || sleep 60; done"))
            try await stubborn.line(containing: "ready")
            #expect(await stubborn.end(grace: .milliseconds(20)) == .signal(SIGKILL))
        }
    }

    @Test func programsEndAlsoWhenTheTestThrows() async throws {
        struct Failure: Error {}
        var process: Int32 = 0
        await #expect(throws: Failure.self) {
            try await withPeers { peers in
                process = try peers.start(shell("echo seen in the report; sleep 60")).processIdentifier
                throw Failure()
            }
        }
        #expect(process > 0)
        #expect(await isGone(process))
    }

    @Test func eachTestHasItsFolderAndItGoes() async throws {
        let path = try await withPeers { peers in
            let shell = try peers.start(shell("pwd; echo text > file"))
            try await shell.line(containing: peers.folder.path)
            #expect(try await shell.exit() == .code(0))
            #expect(FileManager.default.fileExists(atPath: peers.folder.file("file")))
            return peers.folder.path
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    private func shell(_ script: String) -> PeerCommand { PeerCommand("sh", ["-c", script], package: "dash") }

    /// Whether a process is gone, or dead and waiting to be taken away by its new parent.
    private func isGone(_ process: Int32) async -> Bool {
        let deadline = ContinuousClock.now + PeerProcess.patience
        while ContinuousClock.now < deadline {
            let status = FileManager.default.contents(atPath: "/proc/\(process)/stat") ?? Data()
            let fields = String(decoding: status, as: UTF8.self).split(separator: ") ").last?.split(separator: " ")
            if fields?.first ?? "Z" == "Z" { return true }
            await Task.yield()
        }
        return false
    }
}
