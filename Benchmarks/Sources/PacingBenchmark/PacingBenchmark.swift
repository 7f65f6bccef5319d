import CWireTap
import Foundation
import TestKit

/// How evenly two phones send: a call of `ito` through `ito serve`, its RTP timed by the kernel on the loopback interface.
///
/// Beside it a bare thread sends packets of the same size at the same interval: its error is the machine's own.
///
///     PacingBenchmark [path of ito] [seconds]
@main
struct PacingBenchmark {
    private var ito = Repository.file(".build/release/ito")
    private var seconds = 60

    static func main() async throws {
        var benchmark = PacingBenchmark()
        let arguments = CommandLine.arguments.dropFirst()
        if let path = arguments.first { benchmark.ito = URL(filePath: path).path(percentEncoded: false) }
        if let text = arguments.dropFirst().first {
            guard let seconds = Int(text), seconds > 0 else {
                print("usage: PacingBenchmark [path of ito] [seconds]")
                exit(2)
            }
            benchmark.seconds = seconds
        }
        try await withPeers { peers in try await benchmark.run(peers) }
    }

    private func run(_ peers: Peers) async throws {
        let tap = try WireTap()
        let data = peers.folder.file("data")
        for user in ["alice", "bob"] {
            try await peers.run(command(["user", "add", "\(user)@localhost", "--data", data]), name: "ito user add")
        }
        let server = try peers.start(
            command(["serve", "--data", data, "--listen", "udp://127.0.0.1:0", "--domain", "localhost"]),
            name: "ito serve")
        let ready = try await server.line(containing: "ready udp://").text
        let proxy = "sip:" + (ready.split(separator: "//").last.map(String.init) ?? "")
        let bob = try peers.start(
            command(["answer", "--as", "sip:bob@localhost", "--proxy", proxy, "--json", "--play", "tone:440"]),
            name: "ito answer")
        try await bob.line(containing: #""event":"ready""#)
        let call = [
            "call", "bob", "--as", "sip:alice@localhost", "--proxy", proxy, "--json", "--play", "tone:300",
            "--duration", "\(seconds)s",
        ]
        let bare = try BareTimer()
        tap.start()
        bare.start()
        let alice = try peers.start(command(call), name: "ito call")
        let exit = try await alice.exit(within: .seconds(seconds + 30))
        bare.stop()
        let (all, drops) = tap.stop()
        let streams = all.values.filter { $0.source != bare.port }
        guard exit == .code(0), streams.count == 2 else {
            print("the call failed: \(exit), \(streams.count) streams of RTP")
            Foundation.exit(1)
        }
        print(
            "a call of \(seconds) s through the server; error of the spacing of RTP packets at 20 ms, by the kernel's clock"
        )
        for stream in streams.sorted(by: { $0.name < $1.name }) { print("  " + stream.summary) }
        for stream in all.values where stream.source == bare.port { print("  a bare timer: " + stream.summary) }
        if drops > 0 { print("  the tap lost \(drops) packets: the figures are of the rest") }
    }

    private func command(_ arguments: [String]) -> PeerCommand {
        PeerCommand(
            ito, arguments, environment: ["ITO_PASSWORD": "tin can"], package: "swift build -c release --product ito")
    }
}
