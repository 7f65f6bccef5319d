import Foundation
import Media
import Testing

/// Level of a sine in a signal by correlation with the sine: its peak, where 1 is full scale.
func peak(of frequency: Double, in samples: ArraySlice<Int16>, rate: Int) -> Double {
    var real = 0.0
    var imaginary = 0.0
    for (index, sample) in samples.enumerated() {
        let angle = 2 * Double.pi * frequency * Double(index) / Double(rate)
        real += Double(sample) * cos(angle)
        imaginary += Double(sample) * sin(angle)
    }
    return 2 * (real * real + imaginary * imaginary).squareRoot() / Double(samples.count) / 32768
}

func generate(_ tone: Tone, seconds: Double, rate: SampleRate = .narrowband, frame: Int = 160) -> [Int16] {
    var generator = ToneGenerator(tone, sampleRate: rate)
    var all: [Int16] = []
    var chunk = [Int16](repeating: 0, count: frame)
    while Double(all.count) < seconds * Double(rate.hertz) {
        var span = chunk.mutableSpan
        generator.fill(&span)
        all += chunk
    }
    return Array(all[..<Int(seconds * Double(rate.hertz))])
}

@Suite struct AudioLevelTests {
    /// 0 dBm0 is 3.14 dB below the sine that just overloads A-law.
    @Test func scales() {
        #expect(AudioLevel.dBFS(0).amplitude == 1)
        #expect(abs(AudioLevel.dBm0(3.14).amplitude - 1) < 1e-12)
        #expect(abs(AudioLevel.dBm0(0).amplitude - 0.69663) < 1e-4)
        #expect(abs(AudioLevel.dBFS(-20).amplitude - 0.1) < 1e-12)
        #expect(abs(AudioLevel.dBm0(-10).dBm0 + 10) < 1e-12)
        #expect(abs(AudioLevel.rootMeanSquare(0.5.squareRoot()).decibels) < 1e-12)
        #expect(abs(AudioLevel.peak(0.5).decibels + 6.0206) < 1e-4)
        #expect(AudioLevel.rootMeanSquare(0) == .silence)
        #expect(AudioLevel.peak(0) == .silence)
        #expect(AudioLevel.silence < .dBFS(-30))
    }
}

@Suite struct ToneTests {
    @Test(arguments: [(1000.0, 0.0), (440, -10), (3400, -20), (300, 3)], [8000, 48000])
    func sinesHaveFrequencyAndLevel(_ sine: (Double, Double), _ rate: Int) {
        let (frequency, level) = sine
        let samples = generate(.sine(frequency, level: .dBm0(level)), seconds: 0.5, rate: SampleRate(rate))
        let measured = AudioLevel.peak(peak(of: frequency, in: samples[...], rate: rate)).dBm0
        #expect(abs(measured - level) < 0.02)
        var meter = LevelMeter()
        meter.update(samples.span)
        #expect(abs(meter.reading.level.dBm0 - level) < 0.03)
    }

    /// Frames of any size give the samples of one long frame: the phase runs on.
    @Test(arguments: [1, 7, 160, 333])
    func phaseIsContinuous(_ frame: Int) {
        let tone = ToneRegion.europe.ringBack
        #expect(generate(tone, seconds: 1.2, frame: frame) == generate(tone, seconds: 1.2, frame: 9600))
    }

    @Test func phaseDoesNotDriftInALongTone() {
        let samples = generate(.sine(1000, level: .dBFS(-1)), seconds: 60)
        // 1 kHz at 8 kHz repeats every eight samples for ever.
        #expect(samples.suffix(8) == samples.prefix(8))
    }

    @Test func keysSoundTheirRowAndColumn() throws {
        let rows = ["123A": 697.0, "456B": 770, "789C": 852, "*0#D": 941]
        let columns = ["147*": 1209.0, "2580": 1336, "369#": 1477, "ABCD": 1633]
        for key in "0123456789*#ABCD" {
            let samples = generate(try #require(Tone.dtmf(key)), seconds: 0.5)
            for (keys, frequency) in rows.merging(columns, uniquingKeysWith: { a, _ in a }) {
                let level = AudioLevel.peak(peak(of: frequency, in: samples[...], rate: 8000)).dBm0
                #expect(keys.contains(key) ? abs(level + 10) < 0.1 : level < -45, "\(key) \(frequency)")
            }
        }
        #expect(Tone.dtmf("a") == Tone.dtmf("A"))
        #expect(Tone.dtmf("E") == nil)
    }

    /// Sounding and silent milliseconds of each tone, from ITU-T E.180 supplement 2.
    @Test(arguments: [
        (ToneRegion.europe.ringBack, [425.0], 1000, 4000), (ToneRegion.europe.busy, [425], 500, 500),
        (ToneRegion.europe.congestion, [425], 250, 250),
        (ToneRegion.northAmerica.ringBack, [440, 480], 2000, 4000),
        (ToneRegion.northAmerica.busy, [480, 620], 500, 500),
        (ToneRegion.northAmerica.congestion, [480, 620], 250, 250),
        (ToneRegion.japan.ringBack, [400, 384, 416], 1000, 2000), (ToneRegion.japan.busy, [400], 500, 500),
    ])
    func cadences(_ tone: Tone, _ frequencies: [Double], _ on: Int, _ off: Int) {
        let samples = generate(tone, seconds: Double(2 * (on + off)) / 1000)
        let period = (on + off) * 8
        for start in [0, period] {
            let sound = samples[start..<start + on * 8]
            #expect(samples[start + on * 8..<start + period].allSatisfy { $0 == 0 })
            #expect(sound.filter { $0 == 0 }.count < sound.count / 5)
            for frequency in frequencies { #expect(peak(of: frequency, in: sound, rate: 8000) > 0.03) }
        }
        #expect(samples[..<period] == samples[period...].prefix(period))
    }

    @Test func dialTonesAreSteady() {
        for region in ToneRegion.allCases {
            let samples = generate(region.dial, seconds: 3)
            for start in stride(from: 0, to: samples.count, by: 800) {
                #expect(samples[start..<start + 800].contains { abs(Int($0)) > 1000 })
            }
        }
    }

    @Test func tooLoudIsClipped() {
        let tone = Tone([
            .init(frequency: 500, level: .dBFS(0)), .init(frequency: 500, level: .dBFS(0)),
        ])
        let samples = generate(tone, seconds: 0.1)
        #expect(samples.max() == 32767 && samples.min() == -32768)
    }

    @Test func aCadenceOfNothingIsSteady() {
        let tone = Tone([.init(frequency: 500, level: .dBFS(-3))], cadence: [.zero, .milliseconds(10)])
        #expect(generate(tone, seconds: 0.1) == generate(.sine(500, level: .dBFS(-3)), seconds: 0.1))
    }
}
