import CoreMetrics
import Media
import MetricsTestKit
import SIP
import TestKit
import Testing
import UserAgent

/// What a metrics backend is told of calls.
@Suite(.serialized) struct CallMetricsTests {
    private func values(_ name: String, codec: String, in backend: TestMetrics) throws -> [Double] {
        try backend.expectRecorder("itodenwa_call_\(name)", [("codec", codec)]).values
    }

    /// Makes a call of 1 s, and waits until its figures are there.
    private func call(_ backend: TestMetrics, _ codec: AudioCodecName) async throws {
        let alice = try await phone("alice") {
            $0.codecs = [codec]
            $0.metrics = backend
        }
        let bob = try await phone("bob") { $0.codecs = [codec] }
        let heard = SoundRecorder()
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations { return try await invitation.answer(with: .tone(.sine(440))) }
            return nil
        }
        let call = try await alice.call(
            "sip:bob@\(bob.localAddress)", audio: AudioEnds(source: { ToneSource(.sine(880)) }, sink: { heard }))
        _ = try await answering.value
        await heard.heard(8_000)
        await call.hangUp()
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test(.timeLimit(.minutes(1)), arguments: [AudioCodecName.pcmu, .opus])
    func theFiguresOfACallAreTold(codec: AudioCodecName) async throws {
        let backend = TestMetrics()
        try await call(backend, codec)
        let name = codec.codec.name.lowercased()
        #expect(try values("mos", codec: name, in: backend).count == 1)
        let mos = try #require(values("mos", codec: name, in: backend).first)
        #expect(mos > 3.5 && mos <= 4.5)
        let rating = try #require(values("rating", codec: name, in: backend).first)
        #expect(rating > 70 && rating <= 93.2)
        let delay = try #require(values("delay_seconds", codec: name, in: backend).first)
        #expect(delay > 0.02 && delay < 0.4)
        #expect(try values("lost_ratio", codec: name, in: backend) == [0])
    }

    /// A call that was never answered has no figures.
    @Test func noMediaNoFigures() async throws {
        let backend = TestMetrics()
        let alice = try await phone("alice") { $0.metrics = backend }
        let bob = try await phone("bob")
        let refusing = Task {
            for await invitation in bob.invitations {
                invitation.reject()
                return
            }
        }
        await #expect(throws: CallError.self) { try await alice.call("sip:bob@\(bob.localAddress)") }
        await alice.shutDown()
        await bob.shutDown()
        await refusing.value
        #expect(backend.recorders.isEmpty)
    }
}
