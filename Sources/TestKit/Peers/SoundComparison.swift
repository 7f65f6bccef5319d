import Foundation

/// What became of a clip on its way: a reference found in a recording, and how alike the two are there.
public struct SoundComparison: Sendable, Codable {
    /// Where the reference begins in the recording, in samples; negative when its start is missing.
    public let lag: Int
    /// 1.0 is the same sound, whatever its level.
    public let correlation: Double
    /// Length of the part that both have, in samples.
    public let overlap: Int
    /// Of the recording over the reference, in dB; `nil` when one is silent.
    public let level: Double?
    /// Of the whole recording, as a part of full scale.
    public let rms: Double
    /// Stretches of 20 ms in which the reference sounds and the recording is silent.
    public let gaps: Int

    /// Compares two WAV files of the same rate by cross-correlation.
    ///
    /// - Throws: ``PeerError`` when a file cannot be used, or Python's packages are missing.
    public init(reference: String, recording: String, in peers: Peers) async throws {
        let output = try await PythonTool.run("compare.py", [reference, recording], in: peers)
        self = try JSONDecoder().decode(SoundComparison.self, from: Data(output.utf8))
    }

    /// The PESQ score of a recording, narrow band, from 1.0 to 4.549 (ITU-T P.862.1).
    ///
    /// - Throws: ``PeerError`` when a file cannot be used, or Python's packages are missing.
    public static func pesq(reference: String, degraded: String, in peers: Peers) async throws -> Double {
        let output = try await PythonTool.run("pesq_score.py", [reference, degraded], in: peers)
        guard let score = Double(output) else { throw PeerError(.refused, "pesq_score.py printed no score: \(output)") }
        return score
    }
}

/// The tools in `Tests/Interop/Tools`, run by the Python that `script/setup --tests` made.
enum PythonTool {
    /// Runs a tool and returns the line that it prints.
    static func run(_ tool: String, _ arguments: [String], in peers: Peers) async throws -> String {
        let named = ProcessInfo.processInfo.environment["ITODENWA_PYTHON"]
        let python = named ?? Repository.file(".build-tools/venv/bin/python3")
        guard FileManager.default.isExecutableFile(atPath: python) else {
            throw PeerError(.programMissing, "there is no \(python); run script/setup --tests")
        }
        let script = Repository.file("Tests/Interop/Tools/" + tool)
        let command = PeerCommand(python, [script] + arguments, package: "python3")
        return try await peers.run(command, name: tool, within: .seconds(120))
    }
}
