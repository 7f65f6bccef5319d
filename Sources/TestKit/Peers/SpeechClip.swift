/// Synthesised speech to send through a call: by `espeak-ng`, brought to 8 kHz, mono, 16 bit by `sox`.
///
/// The same sentence gives the same samples each time. Silence stands before and behind the words, so that what a
/// phone loses at the ends of a call is not speech.
public struct SpeechClip: Sendable {
    public let text: String
    /// A voice of `espeak-ng`.
    public let voice: String

    public init(_ text: String, voice: String = "en") {
        self.text = text
        self.voice = voice
    }

    /// About five seconds, a low voice.
    public static let garden = SpeechClip("The string between two tin cans carries a voice across the garden.")
    /// About five seconds, a high voice.
    public static let river = SpeechClip(
        "She counted seven boats on the quiet river before the rain began.", voice: "en+f3")

    /// Silence before and behind the words.
    static let lead = Duration.milliseconds(300)
    static let tail = Duration.milliseconds(700)
    /// The loudest sample, below full scale.
    static let peakLevel = -3

    /// Writes the clip into the test's folder and returns the path of the WAV file.
    ///
    /// - Throws: ``PeerError``, with the install hint when a program is missing.
    public func write(_ name: String, in peers: Peers) async throws -> String {
        let raw = peers.folder.file("raw-" + name)
        let file = peers.folder.file(name)
        try await peers.run(
            PeerCommand("espeak-ng", ["-v", voice, "-s", "150", "-w", raw, text], package: "espeak-ng"))
        // -D: no dither, which would be random; -n: the peak at the level.
        let effects = ["gain", "-n", "\(Self.peakLevel)", "pad", Self.seconds(Self.lead), Self.seconds(Self.tail)]
        let format = ["-r", "8000", "-c", "1", "-b", "16"]
        try await peers.run(PeerCommand("sox", ["-D", raw] + format + [file] + effects, package: "sox"))
        return file
    }

    /// The laws of G.711, by the name that `sox` has for them.
    public enum Companding: String, Sendable {
        case pcmu = "mu-law"
        case pcma = "a-law"
    }

    /// Writes what a WAV file becomes by encoding and decoding it offline with `sox`, and returns the path: what a perfect path
    /// with that codec delivers.
    public static func roundTrip(
        of clip: String, through law: Companding, as name: String, in peers: Peers
    ) async throws -> String {
        let encoded = peers.folder.file(law.rawValue + "-" + name)
        let file = peers.folder.file(name)
        let encoding = ["-D", clip, "-e", law.rawValue, "-b", "8", encoded]
        try await peers.run(PeerCommand("sox", encoding, package: "sox"))
        let decoding = ["-D", encoded, "-e", "signed-integer", "-b", "16", file]
        try await peers.run(PeerCommand("sox", decoding, package: "sox"))
        return file
    }

    private static func seconds(_ duration: Duration) -> String { "\(Double(duration.milliseconds) / 1000)" }
}
