import Media
import Testing

/// The laws as ITU-T G.711 gives them: tables 1 and 2 list, segment by segment, the number of intervals, their size and
/// the decision value where the segment ends. Codes and values are found by search in these lists, without the bit
/// arithmetic of the codec.
struct Recommendation {
    /// Decision values x(1), x(2) … of the positive half; x(0) = 0.
    let decisions: [Int]
    /// Quantised values y(1) … in the middle of each interval.
    let values: [Int]
    /// 16-bit units in one unit of the tables.
    let scale: Int

    /// Table 2: 14-bit units. One interval of 1 and 15 of 2, then 16 each of 4, 8 … 256.
    static let muLaw: Recommendation = {
        var decisions = [0, 1]
        for _ in 0..<15 { decisions.append(decisions.last! + 2) }
        for size in [4, 8, 16, 32, 64, 128, 256] {
            for _ in 0..<16 { decisions.append(decisions.last! + size) }
        }
        // The output of the first interval is 0, all others lie in the middle.
        let values = zip(decisions, decisions.dropFirst()).map { $0 == 0 ? 0 : ($0 + $1) / 2 }
        return Recommendation(decisions: decisions, values: values, scale: 4)
    }()

    /// Table 1: 13-bit units. 32 intervals of 2, then 16 each of 4, 8 … 128; outputs in the middle.
    static let aLaw: Recommendation = {
        var decisions = [0]
        for _ in 0..<32 { decisions.append(decisions.last! + 2) }
        for size in [4, 8, 16, 32, 64, 128] {
            for _ in 0..<16 { decisions.append(decisions.last! + size) }
        }
        return Recommendation(
            decisions: decisions, values: zip(decisions, decisions.dropFirst()).map { ($0 + $1) / 2 }, scale: 8)
    }()

    /// The interval of a magnitude: x(n) ≤ m < x(n+1) for positive samples, x(n) < m ≤ x(n+1) for negative ones, as the
    /// ITU's software decides what the tables leave open.
    func interval(of sample: Int) -> Int {
        let magnitude = sample < 0 ? -sample - 1 : sample
        let index = decisions.lastIndex { $0 * scale <= magnitude }!
        return min(index, values.count - 1)
    }
}

@Suite struct G711Tests {
    /// The recommendation's own landmarks: decision values 4063, 2015 … and the last output 8031 of µ-law; 2048, 1024 …
    /// and 4032 of A-law.
    @Test func theTablesAreThoseOfTheRecommendation() {
        #expect(Recommendation.muLaw.values.count == 128)
        #expect(Recommendation.muLaw.values.last == 8031)
        #expect(Recommendation.muLaw.decisions.last == 8159)
        #expect([4063, 2015, 991, 479, 223, 95, 31].allSatisfy { Recommendation.muLaw.decisions.contains($0) })
        #expect(Recommendation.aLaw.values.count == 128)
        #expect(Recommendation.aLaw.values.last == 4032)
        #expect(Recommendation.aLaw.decisions.last == 4096)
        #expect([2048, 1024, 512, 256, 128, 64].allSatisfy { Recommendation.aLaw.decisions.contains($0) })
    }

    @Test func encodesEverySampleAsMuLaw() {
        var wrong: [Int] = []
        for sample in Int(Int16.min)...Int(Int16.max) {
            // Table 2a: bit 1 is the sign (1 positive), the rest of the interval's number, all but the sign inverted.
            let number = UInt8(Recommendation.muLaw.interval(of: sample))
            let code = sample < 0 ? 0x7F - number : 0xFF - number
            if G711.muLaw.encode(Int16(sample)) != code { wrong.append(sample) }
        }
        #expect(wrong == [])
    }

    @Test func encodesEverySampleAsALaw() {
        var wrong: [Int] = []
        for sample in Int(Int16.min)...Int(Int16.max) {
            let number = UInt8(Recommendation.aLaw.interval(of: sample))
            let code = (sample < 0 ? number : number | 0x80) ^ 0x55
            if G711.aLaw.encode(Int16(sample)) != code { wrong.append(sample) }
        }
        #expect(wrong == [])
    }

    @Test func decodesEveryCode() {
        for code in UInt8.min...UInt8.max {
            let mu = Recommendation.muLaw.values[Int(~code & 0x7F)] * 4
            #expect(Int(G711.muLaw.decode(code)) == (code & 0x80 != 0 ? mu : -mu))
            let a = Recommendation.aLaw.values[Int((code ^ 0x55) & 0x7F)] * 8
            #expect(Int(G711.aLaw.decode(code)) == (code & 0x80 != 0 ? a : -a))
        }
    }

    /// A decoded sample encodes to its own code again; only µ-law's negative zero becomes the positive one.
    @Test(arguments: G711.allCases)
    func recodingIsTransparent(_ law: G711) {
        for code in UInt8.min...UInt8.max where !(law == .muLaw && code == 0x7F) {
            #expect(law.encode(law.decode(code)) == code)
        }
        #expect(G711.muLaw.encode(G711.muLaw.decode(0x7F)) == 0xFF)
    }

    @Test func silenceIsTheCodeOfZero() {
        #expect(G711.muLaw.silence == 0xFF)
        #expect(G711.aLaw.silence == 0xD5)
    }

    @Test(arguments: [AudioCodec.pcmu, .pcma])
    func codesWholeFrames(_ codec: AudioCodec) throws {
        let frame = (0..<160).map { Int16(truncatingIfNeeded: $0 * 401 - 32000) }
        var memory = [UInt8](repeating: 0xEE, count: 12 + 160 + 4)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let length = try AudioEncoder(codec).encode(frame.span, into: &bytes, at: 12)
        #expect(length == 160)
        let law: G711 = codec == .pcmu ? .muLaw : .aLaw
        #expect(Array(memory[12..<172]) == frame.map(law.encode))
        #expect(memory[172] == 0xEE && memory[11] == 0xEE)

        var samples = [Int16](repeating: 7, count: 165)
        var space = samples.mutableSpan
        let count = try AudioDecoder(codec).decode(memory.span.bytes.extracting(12..<172), into: &space, at: 5)
        #expect(count == 160)
        #expect(Array(samples[5...]) == frame.map { law.decode(law.encode($0)) })
        #expect(samples[4] == 7)
    }

    @Test func takesNoMoreThanFits() {
        let frame = [Int16](repeating: 0, count: 160)
        var memory = [UInt8](repeating: 0, count: 100)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let lengths = [
            G711.muLaw.encode(frame.span, into: &bytes, at: 12), G711.muLaw.encode(frame.span, into: &bytes, at: 101),
            G711.muLaw.encode(frame.span, into: &bytes, at: -1),
        ]
        #expect(lengths == [88, 0, 0])
        var samples = [Int16](repeating: 0, count: 10)
        var space = samples.mutableSpan
        let codes = [UInt8](repeating: 0, count: 20)
        let counts = [
            G711.aLaw.decode(codes.span.bytes, into: &space, at: 4),
            G711.aLaw.decode(codes.span.bytes, into: &space, at: 11),
            G711.aLaw.decode(codes.span.bytes, into: &space, at: -1),
        ]
        #expect(counts == [6, 0, 0])
    }

    @Test func knowsStaticPayloadTypes() {
        let codecs: [UInt8: AudioCodec] = [0: .pcmu, 8: .pcma, 9: .g722, 11: .l16(SampleRate(44_100))]
        for (number, codec) in codecs {
            #expect(AudioCodec(staticPayloadType: number) == codec)
            #expect(codec.staticPayloadType == number)
        }
        #expect(AudioCodec.opus(.fullband).staticPayloadType == nil)
        #expect(AudioCodec(staticPayloadType: 3) == nil)
    }
}
