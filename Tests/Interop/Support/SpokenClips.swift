import TestKit
import Testing

/// What two phones say to each other, as WAV files.
struct SpokenClips {
    let garden: String
    let river: String

    init(in peers: Peers) async throws {
        garden = try await SpeechClip.garden.write("garden.wav", in: peers)
        river = try await SpeechClip.river.write("river.wav", in: peers)
    }
}

/// Expects that a clip arrived whole, and as it comes out of PCMU offline: what a perfect path delivers.
func expectHeard(_ clip: String, in recording: String, by listener: String, _ peers: Peers) async throws {
    let comparison = try await SoundComparison(reference: clip, recording: recording, in: peers)
    #expect(comparison.correlation >= 0.99, "\(listener)")
    #expect(comparison.gaps == 0, "\(listener)")
    #expect(comparison.rms > 0.02, "\(listener)")
    let ideal = try await SpeechClip.roundTrip(of: clip, through: .pcmu, as: "ideal-\(listener).wav", in: peers)
    let score = try await SoundComparison.pesq(reference: ideal, degraded: recording, in: peers)
    #expect(score >= 4.2, "\(listener)")
}
