import CProbe
import Foundation
import Media
import RTP
import Testing

/// Sound with keys in it, and what a detector finds.
private struct KeySound {
    var samples: [Int16] = []
    let rate: SampleRate

    init(_ rate: SampleRate = .narrowband) { self.rate = rate }

    mutating func rest(_ milliseconds: Double) {
        samples += [Int16](repeating: 0, count: Int(milliseconds * Double(rate.hertz) / 1000))
    }

    /// - Parameters:
    ///   - levels: of row and column, in dBm0.
    ///   - offset: of both frequencies, in percent.
    mutating func press(
        _ key: Character, _ milliseconds: Double = 100, levels: (Double, Double) = (-10, -10), offset: Double = 0
    ) {
        guard var tone = Tone.dtmf(key) else { return }
        tone.components[0].level = .dBm0(levels.0)
        tone.components[1].level = .dBm0(levels.1)
        for index in 0..<2 { tone.components[index].frequency *= 1 + offset / 100 }
        samples += generate(tone, seconds: milliseconds / 1000, rate: rate)
    }

    /// Adds white noise, which is this far below two tones of a level each.
    mutating func addNoise(_ ratio: Double, below level: Double = -10, seed: UInt64 = 1) {
        var generator = SeededGenerator(seed)
        let deviation = AudioLevel.dBm0(level).amplitude * 32767 * pow(10, -ratio / 20)
        for index in samples.indices {
            // Twelve even ones make a normal one.
            let sum = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }
            samples[index] = Int16(clamping: Int(Double(samples[index]) + sum * deviation))
        }
    }

    /// All that is found, in frames of a length.
    func reports(frame: Int? = nil) -> [DTMFDetector.Report] {
        var detector = DTMFDetector(sampleRate: rate)
        var found: [DTMFDetector.Report] = []
        var start = 0
        let length = frame ?? rate.hertz / 50
        while start < samples.count {
            let end = min(start + length, samples.count)
            detector.process(samples.span.extracting(start..<end)) { found.append($0) }
            start = end
        }
        return found
    }

    /// The keys that began.
    var keys: String {
        reports().reduce(into: "") { keys, report in
            if case .began(let code) = report, let key = code.key { keys.append(key) }
        }
    }
}

/// ITU-T Q.24, and what Bellcore's and AT&T's rows of its table ask for.
@Suite struct DTMFDetectorTests {
    private static let all = "123A456B789C*0#D"

    private func sound(
        _ keys: String = all, _ rate: SampleRate = .narrowband, tone: Double = 50, pause: Double = 50,
        levels: (Double, Double) = (-10, -10), offset: Double = 0
    ) -> KeySound {
        var sound = KeySound(rate)
        sound.rest(50)
        for key in keys {
            sound.press(key, tone, levels: levels, offset: offset)
            sound.rest(pause)
        }
        return sound
    }

    @Test(
        "Every key at every rate, in frames of any length", arguments: [8000, 11_025, 16_000, 32_000, 44_100, 48_000])
    func keys(rate: Int) {
        let sound = sound(Self.all, SampleRate(rate))
        #expect(sound.keys == Self.all)
        let reports = sound.reports()
        #expect(reports.count == 32)
        for length in [1, 77, rate / 100, rate] { #expect(sound.reports(frame: length) == reports, "\(length)") }
    }

    @Test("Durations are right to 10 ms", arguments: [40.0, 65, 100, 1000])
    func durations(milliseconds: Double) throws {
        let reports = sound("5", tone: milliseconds).reports()
        #expect(reports.count == 2)
        guard case .ended(let code, let duration)? = reports.last else { throw CancellationError() }
        #expect(code.key == "5")
        #expect(abs(duration / Duration.milliseconds(1) - milliseconds) <= 10)
    }

    @Test("40 ms are a key, 23 ms are none, however they lie in the frames", arguments: [8000, 16_000, 48_000])
    func shortTones(rate: Int) {
        let sampleRate = SampleRate(rate)
        for key in "1D8#" {
            for lead in stride(from: 50.0, to: 55, by: 0.5) {
                for (tone, expected) in [(40.0, String(key)), (23, "")] {
                    var sound = KeySound(sampleRate)
                    sound.rest(lead)
                    sound.press(key, tone)
                    sound.rest(60)
                    #expect(sound.keys == expected, "\(key) \(tone) ms after \(lead) ms")
                }
            }
        }
    }

    @Test("A pause of 40 ms parts two keys, an interruption of 10 ms does not part one")
    func pauses() {
        for lead in stride(from: 50.0, to: 55, by: 0.5) {
            for (pause, expected) in [(40.0, "55"), (10, "5"), (5, "5")] {
                var sound = KeySound()
                sound.rest(lead)
                sound.press("5", 60)
                sound.rest(pause)
                sound.press("5", 60)
                sound.rest(60)
                #expect(sound.keys == expected, "\(pause) ms after \(lead) ms")
            }
        }
        #expect(sound("12", pause: 0).keys == "12")
    }

    @Test("Frequencies that are 1.5 % off are heard, 3.5 % are not", arguments: [8000, 16_000, 48_000])
    func frequencies(rate: Int) {
        for offset in [-1.5, 1.5] {
            #expect(sound(Self.all, SampleRate(rate), offset: offset).keys == Self.all, "\(offset) %")
        }
        for offset in [-6, -5, -4, -3.5, 3.5, 4, 5, 6] {
            #expect(sound(Self.all, SampleRate(rate), tone: 100, offset: offset).keys == "", "\(offset) %")
        }
    }

    @Test("One tone that is 3.5 % off is enough")
    func oneFrequencyIsOff() {
        for index in 0..<2 {
            for offset in [0.965, 1.035] {
                guard var tone = Tone.dtmf("5") else { continue }
                tone.components[index].frequency *= offset
                var sound = KeySound()
                sound.samples = generate(tone, seconds: 0.2)
                #expect(sound.keys == "", "\(index) \(offset)")
            }
        }
    }

    @Test(
        "Rows may be 8 dB louder than columns, columns 4 dB louder than rows; 13 and 9 dB are too much",
        arguments: [8000, 16_000, 48_000])
    func twist(rate: Int) {
        for (levels, isHeard) in [((-5.0, -13.0), true), ((-13, -9), true), ((-5, -18), false), ((-18, -9), false)] {
            #expect(
                sound(Self.all, SampleRate(rate), tone: 60, levels: levels).keys == (isHeard ? Self.all : ""),
                "\(levels)")
        }
    }

    @Test("Tones of 0 to −25 dBm0 are heard, of −35 dBm0 are not", arguments: [0.0, -3, -10, -20, -25, -35])
    func levels(level: Double) {
        #expect(sound(levels: (level, level)).keys == (level < -30 ? "" : Self.all))
    }

    @Test("One tone alone is no key, and no more are three, dial tone and music")
    func otherTones() {
        for frequency in [697.0, 941, 1209, 1477] {
            var sound = KeySound()
            sound.samples = generate(.sine(frequency), seconds: 0.5)
            #expect(sound.keys == "", "\(frequency)")
        }
        for region in ToneRegion.allCases {
            for tone in [region.dial, region.busy, region.ringBack] {
                var sound = KeySound()
                sound.samples = generate(tone, seconds: 2)
                #expect(sound.keys == "")
            }
        }
        var three = KeySound()
        three.samples = generate(
            Tone([697.0, 1209, 1477].map { .init(frequency: $0, level: .dBm0(-10)) }), seconds: 0.5)
        #expect(three.keys == "")
    }

    @Test("Noise 15 dB below the tones changes nothing, and is no key itself", arguments: 1...5 as ClosedRange<UInt64>)
    func noise(seed: UInt64) {
        for level in [-10.0, -25] {
            for (tone, pause) in [(50.0, 50.0), (40, 40)] {
                var sound = sound(tone: tone, pause: pause, levels: (level, level))
                sound.addNoise(15, below: level, seed: seed)
                #expect(sound.keys == Self.all, "\(level) dBm0, \(tone) ms")
            }
        }
        var noise = KeySound()
        noise.rest(10_000)
        noise.addNoise(0, seed: seed)
        #expect(noise.keys == "")
    }

    @Test(
        "Codecs leave keys what they are, with noise too",
        arguments: [AudioCodec.pcmu, .pcma, .g722, .opus(.wideband), .opus(.fullband)])
    func codecs(codec: AudioCodec) throws {
        for offset in [-1.5, 0, 1.5] {
            var sound = sound(Self.all, codec.sampleRate, tone: 60, pause: 60, offset: offset)
            sound.rest(100)
            sound.addNoise(15)
            let payloads = CodecSignal.payloads(
                of: sound.samples, by: try AudioEncoder(codec), frame: codec.sampleRate.hertz / 50)
            sound.samples = CodecSignal.samples(of: payloads, by: try AudioDecoder(codec))
            #expect(sound.keys == Self.all, "\(offset) %")
        }
    }

    @Test("Nothing is heard at rates that have no columns")
    func lowRate() {
        var sound = KeySound(SampleRate(2000))
        sound.rest(1000)
        #expect(sound.reports().isEmpty)
    }

    @Test(.enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"))
    func nothingIsAllocated() {
        let samples = sound().samples
        var detector = DTMFDetector()
        var found = 0
        detector.process(samples.span) { _ in found += 1 }
        let before = probe_allocations()
        for start in stride(from: 0, to: samples.count - 160, by: 160) {
            detector.process(samples.span.extracting(start..<start + 160)) { _ in found += 1 }
        }
        #expect(probe_allocations() - before == 0)
        #expect(found == 64)
    }
}

@Suite struct KeyToneTests {
    /// What `b` finds where `a` sounds keys while it plays a tone.
    private func heard(_ keys: String, _ negotiation: AudioNegotiation, listens: Bool = true) -> String {
        let call = Call(negotiation) { $0.hearsTones = listens }
        call.a.play(ToneSource(.sine(1000), sampleRate: negotiation.codec.sampleRate))
        for key in keys {
            guard let code = TelephoneEvent.Code(key), call.a.sound(code) else { return "refused" }
        }
        call.run(for: .milliseconds(300 + 240 * keys.count))
        #expect(!call.a.isSendingKeys)
        #expect(call.eventsOfA.isEmpty)
        return call.eventsOfB.reduce(into: "") { found, event in
            if case .digitBegan(let code) = event, let key = code.key { found.append(key) }
        }
    }

    @Test("Keys are sounded in place of the source, in order, and heard at the other end")
    func keysAreSounded() {
        for codec in [AudioCodec.pcmu, .g722, .opus(.wideband)] {
            #expect(heard("1590*#AD", AudioNegotiation(codec: codec)) == "1590*#AD", "\(codec)")
        }
        let slow = AudioNegotiation(codec: .pcma, packetTime: .milliseconds(30))
        #expect(heard("1590*#AD", slow) == "1590*#AD")
    }

    @Test("Nobody listens to tones who was not told to, or whose peer has telephone events")
    func notHeard() {
        #expect(heard("15", AudioNegotiation(codec: .pcmu), listens: false) == "")
        #expect(heard("15", AudioNegotiation(codec: .pcmu, eventPayloadType: 101)) == "")
    }

    @Test(
        "Keys are left out of the sound where that is wanted, from when they are recognised on",
        arguments: [false, true])
    func keysAreRemoved(removes: Bool) {
        let call = Call(AudioNegotiation(codec: .pcmu)) { $0.hearsTones = true }
        let recorder = CollectingSink(.narrowband)
        call.b.deliver(to: recorder)
        call.b.removesKeys = removes
        for key in "159#" { #expect(TelephoneEvent.Code(key).map(call.a.sound) == true) }
        call.run(for: .seconds(1.5))
        let keys = call.eventsOfB.compactMap { event -> Character? in
            if case .digitBegan(let code) = event { code.key } else { nil }
        }
        #expect(keys == ["1", "5", "9", "#"])
        // 400 ms of tones; of each at most 40 pass before it is known, and what of a frame of 20 ms came before.
        let sounding = recorder.samples.filter { abs(Int($0)) > 300 }.count
        #expect(removes ? sounding < 4 * 60 * 8 : sounding > 4 * 80 * 8)
        // A second detector finds nothing in what is left.
        var second = DTMFDetector()
        var found = 0
        second.process(recorder.samples.span) { _ in found += 1 }
        #expect(found == (removes ? 0 : 8))
    }

    @Test("Another codec in the middle of a key does not stop those that wait")
    func anotherCodec() {
        let call = Call(AudioNegotiation(codec: .pcmu)) { $0.hearsTones = true }
        for key in "12" { #expect(TelephoneEvent.Code(key).map(call.a.sound) == true) }
        call.run(for: .milliseconds(50))
        let next = AudioNegotiation(codec: .opus(.wideband))
        call.a.renegotiate(next, remote: "b", remoteControl: "b+1")
        call.b.renegotiate(next, remote: "a", remoteControl: "a+1")
        call.run(for: .seconds(1))
        let keys = call.eventsOfB.compactMap { event -> Character? in
            if case .digitBegan(let code) = event { code.key } else { nil }
        }
        #expect(keys.last == "2")
        #expect(!call.a.isSendingKeys)
    }

    @Test("Of keys that wait there are 32 at most")
    func limit() {
        let call = Call(AudioNegotiation(codec: .pcmu))
        #expect(!call.a.sound(.flash))
        #expect(!call.a.isSendingKeys)
        let taken = (0..<40).map { _ in call.a.sound(.star) }.filter { $0 }.count
        #expect(taken == 32)
        #expect(call.a.isSendingKeys)
    }
}
