import Foundation
import TestKit
import Testing

/// Sentences that one side of a call says, in one WAV file.
struct BrowserSpeech {
    /// All of them, behind some silence in which the call is set up.
    let file: String
    /// Each by itself.
    let sentences: [String]

    /// About 5 s each.
    private static let texts = [
        SpeechClip.garden.text, SpeechClip.river.text,
        "Before the harvest the old miller counts his sacks and mends the wheel.",
        "Nobody at the station knew why the early train had left without a sound.",
        "The blue lamp on the corner burns all night for those who walk home late.",
        "A letter from the mountain village reached my sister after eleven days.",
        "He folds the paper twice and puts it under the third stone by the well.",
        "Two engineers argued over the bridge while the rain filled their boots.",
        "When the kettle sings my grandfather opens the window to hear the birds.",
        "The teacher drew a circle on the wall and asked us where it begins.",
        "Fresh bread and yellow cheese were all that we carried over the pass.",
        "At the end of the play the actors bowed and the curtain fell at once.",
    ]
    /// Silence in front, in which the media finds its way and the buffers of both sides come to the depth that they are told.
    private static let lead = Duration.seconds(4)

    /// The least correlation of a sentence.
    private static let leastCorrelation = 0.85

    /// Synthesises sentences.
    ///
    /// - Parameters:
    ///   - count: of sentences, at most twelve.
    ///   - voice: of `espeak-ng`.
    init(_ name: String, sentences count: Int, voice: String, in peers: Peers) async throws {
        var sentences: [String] = []
        for (index, text) in Self.texts.prefix(count).enumerated() {
            sentences.append(try await SpeechClip(text, voice: voice).write("\(name)-\(index).wav", in: peers))
        }
        file = peers.folder.file("\(name).wav")
        self.sentences = sentences
        let pad = ["pad", "\(Self.lead.components.seconds)", "0"]
        try await peers.run(PeerCommand("sox", ["-D"] + sentences + [file] + pad, package: "sox"))
    }

    /// Sentences in a file that was made otherwise.
    init(file: String, sentences: [String]) {
        self.file = file
        self.sentences = sentences
    }

    /// What was heard of a sentence.
    struct Judgement: Decodable {
        /// Where it begins, in seconds.
        let begin: Double
        /// How like its stretches of 200 ms are to what was said, each at its own place, with their energies as weights.
        let correlation: Double
        /// Stretches of 200 ms that sound and were not heard.
        let missing: Int
        let pesq: Double
    }

    /// Expects that a recording holds all sentences in their order, whole and well.
    ///
    /// - Parameters:
    ///   - law: what the sentences are compared through; nil for the sentences themselves.
    ///   - least: the least PESQ score of half of the sentences.
    func expectHeard(
        in recording: String, by listener: String, through law: SpeechClip.Companding?, least: Double, _ peers: Peers
    ) async throws {
        var references = sentences
        if let law {
            references = []
            for (index, sentence) in sentences.enumerated() {
                let name = "ideal-\(listener)-\(index).wav"
                references.append(try await SpeechClip.roundTrip(of: sentence, through: law, as: name, in: peers))
            }
        }
        let script = Repository.file("Tests/Interop/Tools/speech_quality.py")
        let output = try await peers.run(
            PeerCommand(try WebSocketPhone.python(), [script, recording] + references, package: "python3"),
            name: "speech_quality.py", within: .seconds(180))
        let judgements = try JSONDecoder().decode([Judgement].self, from: Data(output.utf8))
        try #require(judgements.count == sentences.count)
        #expect(judgements.map(\.begin) == judgements.map(\.begin).sorted(), "\(listener): \(output)")
        // A computer that halts makes a browser draw out a word, which costs that sentence its score: half of them have to have theirs.
        let scores = judgements.map(\.pesq).sorted()
        #expect(scores[scores.count / 2] >= least, "\(listener): \(output)")
        for judgement in judgements {
            #expect(judgement.begin > 0, "\(listener): \(output)")
            #expect(judgement.missing == 0, "\(listener): \(output)")
            #expect(judgement.correlation > Self.leastCorrelation, "\(listener): \(output)")
        }
    }
}
