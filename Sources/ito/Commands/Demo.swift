import ArgumentParser
import Foundation
import Logging
import Media
import Reactor
import SIPEndpoint
import Server
import UserAgent

/// `ito demo`: a whole call in one process: a server, two phones, a spoken sentence each way.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A whole call in one process: server, two phones, speech, ladder, quality.")

    @Option(help: ArgumentHelp("A folder to keep the two recordings in.", valueName: "folder")) var keep: String?

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ito-demo-\(getpid())").path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let began = ContinuousClock.now
        let server = try await startServer(folder)
        let address = server.listeners[0].address
        Terminal.say("The server listens on udp://\(address); Alice and Bob register with Digest.")
        do {
            try await talk(server, address, began)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func startServer(_ folder: String) async throws -> SIPServer {
        let loaded = try ConfigurationLoader.load(
            file: nil, environment: [:],
            flags: [
                ConfigurationFlag("--listen", "listeners", ["udp://127.0.0.1:0"]),
                ConfigurationFlag("--data", "data-folder", [folder]),
                ConfigurationFlag("--lanes", "lanes.count", ["1"]),
            ])
        return try await SIPServer.start(
            loaded.configuration, logger: Logger(label: "ito") { _ in SwiftLogNoOpLogHandler() })
    }

    private func talk(_ server: SIPServer, _ address: TransportAddress, _ began: ContinuousClock.Instant) async throws {
        let ladder = Ladder()
        let alice = try await phone("alice", server, address, ladder)
        let bob = try await phone("bob", server, address, ladder)
        let said = (alice: DemoSpeech.alice, bob: DemoSpeech.bob)
        let recorders = try recorders(keep)
        let recording = Task {
            async let first: Void? = recorders?.alice.run()
            async let second: Void? = recorders?.bob.run()
            _ = try await (first, second)
        }
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations {
                invitation.ring()
                return try await invitation.answer(with: Self.ends(said.bob, recorders?.bob))
            }
            return nil
        }
        let call = try await alice.call("bob", audio: Self.ends(said.alice, recorders?.alice))
        guard let answered = try await answering.value else { throw ExitCode(1) }
        Terminal.say("Alice: \"\(DemoSpeech.aliceText)\"")
        Terminal.say("Bob:   \"\(DemoSpeech.bobText)\"")
        try await Task.sleep(for: max(said.alice.duration, said.bob.duration) + .milliseconds(500))
        let heard = (alice: await call.statistics(), bob: await answered.statistics())
        await call.hangUp()
        _ = await answered.ended()
        recorders?.alice.close()
        recorders?.bob.close()
        try await recording.value
        let names = [("Alice", alice.localAddress), ("server", address), ("Bob", bob.localAddress)]
        await alice.shutDown()
        await bob.shutDown()
        Terminal.say("")
        for line in ladder.draw(names, since: began) { Terminal.say(line) }
        Terminal.say("")
        report("Alice heard", heard.alice)
        report("Bob heard", heard.bob)
        guard heard.alice?.receivedPackets ?? 0 > 0, heard.bob?.receivedPackets ?? 0 > 0 else { throw ExitCode(1) }
    }

    private func phone(
        _ user: String, _ server: SIPServer, _ address: TransportAddress, _ ladder: Ladder
    ) async throws -> UserAgent {
        let password = Password.generate()
        try await server.addUser(UserAddress("\(user)@localhost"), password: password)
        let account = try Account("sip:\(user)@localhost", password: password, proxy: "sip:\(address)")
        var options = UserAgent.Options()
        options.trace = { ladder.add($0) }
        return try await UserAgent(account: account, options: options)
    }

    private func recorders(_ folder: String?) throws -> (alice: WAVRecorder, bob: WAVRecorder)? {
        guard let folder else { return nil }
        do throws(WAVError) {
            return (
                try WAVRecorder(path: folder + "/heard-by-alice.wav"),
                try WAVRecorder(path: folder + "/heard-by-bob.wav")
            )
        } catch {
            throw ServerError(.environment, "\(error)", remedy: "--keep wants a folder that can be written")
        }
    }

    private static func ends(_ clip: AudioClip, _ recorder: WAVRecorder?) -> AudioEnds {
        let ends = AudioEnds.clip(clip)
        return recorder.map { ends.recording(to: $0) } ?? ends
    }

    private func report(_ who: String, _ statistics: AudioStatistics?) {
        guard let statistics else { return Terminal.say("\(who) nothing") }
        func decimals(_ value: Double) -> String { String(format: "%.1f", value) }
        Terminal.say(
            "\(who): \(statistics.receivedPackets) packets, \(statistics.lost) lost, jitter "
                + "\(decimals(Double(statistics.jitter.wholeMicroseconds) / 1_000)) ms, delay "
                + "\(statistics.playoutDelay.wholeMilliseconds) ms, level \(decimals(statistics.heard.level.dBm0)) dBm0, R "
                + "\(decimals(statistics.quality.rating)), MOS \(decimals(statistics.quality.meanOpinionScore))")
    }
}
